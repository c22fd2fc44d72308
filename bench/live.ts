// How soon a change is told to those who watch, and what watching costs: one stream, a thousand, a hundred servers.

import { measureFleet } from "./live-fleet.ts";
import { measureLatency } from "./live-latency.ts";
import { measureStreams } from "./live-streams.ts";
import { measureTask } from "./live-task.ts";
import type { Part } from "./part.ts";
import { formatTable } from "./table.ts";

export const measureLive: Part = async (measuring) => {
  const measured = [
    await measureLatency(measuring),
    await measureTask(measuring),
    await measureStreams(measuring),
    await measureFleet(measuring),
  ];
  const header = ["measure", "figure", "aim", "met"];
  console.log(
    formatTable(
      "Live",
      header,
      measured.flatMap(({ rows }) => rows),
    ),
  );
  return measured.reduce((sum, { errors }) => sum + errors, 0);
};
