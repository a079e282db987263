/** In which order messages came, and which are missing: `import … from "k6-realtime/order"`. */
export { type Arrival, RoomOrder, Sequence } from "../order.ts";
export { type Fate, GapAccount } from "../reconnect.ts";
