// What people wait for when a language model writes the answers. Requests come at a rate, or from users who take
// turns, and a stream of tokens answers each. Times run from when a request was due to its first content, from token
// to token, and to its end.
//   bin/k6 run -e SSE_URL=https://…/v1/chat/completions -e WS_TOKEN=… -e MODEL=… -e RATE=10 -e DURATION=1m dist/token-stream.js
import { tokenStreams } from "../lib/k6/token-streams.ts";
import { REFERENCE_COMPLETIONS } from "../lib/settings.ts";

export const { options, setup, run, handleSummary } = tokenStreams({
  name: "token-stream",
  defaults: { SSE_URL: REFERENCE_COMPLETIONS, RATE: "10", DURATION: "1m", RAMP: "0" },
  profile: "token-chat",
  floor: {
    token_requests: ["count>0"],
    token_chunks: ["count>0"],
  },
});
export default run;
