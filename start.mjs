/**
 * `npm start` (and `npm run server`): sets up what is missing, then runs the demo (or the reference server).
 * Imports nothing that a fresh clone does not have.
 *
 * The scripts in package.json start it with `exec`: npm passes SIGTERM to its shell, which would die of it alone and
 * leave this process and its k6 behind.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./tools/files.mjs";
import { setUp } from "./tools/setup.mjs";
import { orExit } from "./tools/step.mjs";

const [program = "demo", ...args] = process.argv.slice(2);
const server = program === "server";

await orExit((signal) => setUp(server ? "no k6" : "k6", signal));

// In this process: one that only waited for another would have to pass signals on.
const entry = join(root, "dist", server ? "server.js" : "cli.js");
process.argv = [process.execPath, entry, ...(server ? [] : [program]), ...args];
await import(pathToFileURL(entry).href);
