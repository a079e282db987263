/** The result of a run, for outputs that store it. */
import http from "k6/http";
import { RESULT_VARIABLE, resultOf } from "../result.ts";
import type { Summary } from "../summary/summary.ts";

/** Gives the result to the outputs that ask for it: k6 stops them before it asks for the summary (docs/guides/influxdb.md). */
export function handOver(summary: Summary): void {
  for (const url of (__ENV[RESULT_VARIABLE] ?? "").split(" ").filter(Boolean)) {
    try {
      const { status, body } = http.post(url, JSON.stringify(resultOf(summary)), { timeout: "15s" });
      if (status !== 200) console.error(`The verdict is not in InfluxDB: ${body}`);
    } catch (error) {
      console.error(`The verdict is not in InfluxDB: ${error}`);
    }
  }
}
