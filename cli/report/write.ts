/** Makes pages of runs, and writes them. */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { UserError } from "../command.ts";
import type { Shown } from "../gate/judge.ts";
import { packageFile } from "../package-file.ts";
import { chartsOf } from "./charts.ts";
import { comparedReportOf } from "./compared.ts";
import { reportOf } from "./document.ts";
import type { Assets } from "./shell.ts";
import type { RunView } from "./view.ts";

/** The page of runs. */
export const reportPage = async (views: readonly RunView[]): Promise<string> =>
  reportOf(views, chartsOf(views), await pageAssets());

/** The page of a run that was judged, beside its baselines where there are any. */
export async function pageOf({
  views,
  regression,
  basis = [],
}: Pick<Shown, "views" | "regression" | "basis">) {
  return regression ? comparedReportOf({ views, regression, basis }, await pageAssets()) : reportPage(views);
}

/** The page's script and style, which are built with the command line. */
export async function pageAssets(): Promise<Assets> {
  const [script, style] = await Promise.all(
    ["dist/report-page.js", "dist/report-page.css"].map((file) => readFile(packageFile(file), "utf8")),
  );
  return { script: script!, style: style! };
}

/** A reader sees the old file or the new one, never a part. */
export async function writeWhole(path: string, content: string): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  try {
    await writeFile(partial, content);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw new UserError(`cannot write ${path}: ${(error as Error).message}`);
  }
}
