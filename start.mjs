/**
 * `npm start` (and `npm run server`): sets up what is missing, then runs the demo (or the reference server).
 * Imports nothing that a fresh clone does not have.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { setUp } from "./tools/setup.mjs";
import { orExit, root } from "./tools/step.mjs";

const [program = "demo", ...args] = process.argv.slice(2);
const server = program === "server";

await orExit((signal) => setUp(server ? [] : ["k6"], signal));

// In this process: one that only waited for another would have to pass signals on.
const entry = join(root, "dist", server ? "server.js" : "cli.js");
process.argv = [process.execPath, entry, ...(server ? [] : [program]), ...args];
await import(pathToFileURL(entry).href);
