import { useCodec } from "./codec.ts";
import { mqtt } from "./mqtt.ts";

/** Loads every codec, for programs in which none is too large. */
export function useAllCodecs(): void {
  useCodec("mqtt", mqtt);
}
