import { startFromCommandLine } from "./command-line.ts";

process.exitCode = await startFromCommandLine(process.argv.slice(2), process.env);
