/**
 * A million messages to 5,000 connections, with twelve ways to break the contract, each a known number of times: is every
 * count exact? `node --import tsx bench/contract.ts [CONNECTIONS] [PER_CONNECTION]`
 */
import { fileURLToPath } from "node:url";
import { breakingServer, WAYS } from "../test/contracts/breaking-server.ts";
import { OUR_K6, runK6 } from "../test/k6/run.ts";

const [connections = 5_000, perConnection = 200] = process.argv.slice(2).map(Number);
const times = WAYS.map((_, i) => 100 + i);
const undo: (() => unknown)[] = [];
const server = await breakingServer({ connections, perConnection, times, pad: 640 });
const run = await runK6(
  { after: (one) => undo.push(one) },
  {
    scenario: "massconnect",
    k6: OUR_K6,
    env: {
      WS_URL: server.url,
      PREFLIGHT: "none",
      CONNECTIONS: connections,
      RATE: 1_000,
      DURATION: "1h",
      CONTRACT: fileURLToPath(new URL("../test/contracts/orders.json", import.meta.url)),
    },
    onStart: (k6) => void server.done.then(() => k6.kill("SIGINT")),
  },
);
const { metrics, notes = [] } = run.summary!;
const counts = (name: string, tag: string) => metrics[name]?.by?.[tag] ?? {};
console.log(`${server.sent()} messages to ${connections} connections`);
console.log(JSON.stringify(counts("ws_contract_messages", "kind")));
console.log(JSON.stringify(metrics.ws_contract_unchecked));
let wrong = 0;
for (const [i, { about, said }] of WAYS.entries()) {
  const isExact = notes.includes(`contract: ${said}, ${times[i]} times`);
  if (!isExact) wrong++;
  console.log(`${isExact ? "exact" : "WRONG"}  ${times[i]} × ${about}`);
}
const others = notes.filter((note) => /^contract: .* times$|, once$/.test(note)).length - WAYS.length;
console.log(
  wrong === 0 && others === 0 ? "every count exact, none false" : `${wrong} wrong, ${others} false`,
);
server.close();
for (const one of undo) await one();
process.exitCode = wrong === 0 && others === 0 ? 0 : 1;
