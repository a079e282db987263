import { chat } from "./chat.ts";
import { echo } from "./echo.ts";
import type { Endpoint } from "./endpoint.ts";
import { im } from "./im.ts";

/** What the server speaks over WebSocket. */
export const ENDPOINTS: readonly Endpoint[] = [chat, echo, im];
