/** The dashboards, by the file below json/ that each is written to. */
import { capacity } from "./capacity.ts";
import { panel } from "./charts.ts";
import { connections } from "./connections.ts";
import { fanout } from "./fanout.ts";
import { runs } from "./figures.ts";
import { generator } from "./generator.ts";
import { glance } from "./glance.ts";
import { losses, messages, slowReaders } from "./messages.ts";
import { others, page } from "./page.ts";
import { counts, latencies, ran, shares } from "./runs.ts";

const subjects = [glance, messages, fanout, connections, losses, slowReaders, capacity, generator];

export const dashboards = () => ({
  "live.json": page(
    "k6-realtime-live",
    "k6-realtime: a run",
    "One run while it goes on, and afterwards.",
    panel,
    [...subjects, others(subjects)],
  ),
  "runs.json": page(
    "k6-realtime-runs",
    "k6-realtime: runs compared",
    "Nights and commits beside each other: choose the runs, and a time range that holds them.",
    runs,
    [ran, latencies, shares, counts],
  ),
});
