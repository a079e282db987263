import { EXIT, UserError } from "../command.ts";
import { packageFile } from "../package-file.ts";
import { baselineStep } from "./baseline.ts";
import { commentStep } from "./comment.ts";
import { runStep } from "./run.ts";
import { plainLine } from "./runner.ts";

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stop.abort(name));

const print = (line: string) => process.stdout.write(`${line}\n`);

/** The steps of action.yml that need more than a fresh clone has. */
const STEPS: Readonly<Record<string, () => Promise<number>>> = {
  run: () =>
    runStep({
      env: process.env,
      cwd: process.cwd(),
      cli: packageFile("dist/cli.js"),
      print,
      signal: stop.signal,
    }),
  baseline: async () => {
    await baselineStep(process.env, print);
    return EXIT.pass;
  },
  comment: async () => {
    print(await commentStep(process.env));
    return EXIT.pass;
  },
};

const step = STEPS[process.argv[2] ?? ""];
try {
  if (!step) throw new UserError(`expected one of ${Object.keys(STEPS).join(", ")}`);
  process.exitCode = await step();
} catch (error) {
  console.error(error instanceof UserError ? plainLine(error.message) : error);
  process.exitCode = error instanceof UserError ? error.exitCode : EXIT.error;
}
