// How soon an agent's permission prompt is told: from the hook's write to the message that shows it; and what a hook costs the
// agent that waits for it, beside a Node that does nothing.

import { once } from "node:events";
import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createMetadataClient } from "../src/client/index.ts";
import { startProcess } from "./cleanup.ts";
import { startWatch } from "./live-watch.ts";
import type { Measuring } from "./part.ts";
import { createRepository } from "./repository.ts";
import { BUNDLE } from "./servers.ts";
import { percentile } from "./statistics.ts";
import { type Measured, row, serveSettled } from "./subject.ts";
import { below } from "./table.ts";

const EVENTS_PER_ROUND = 10;

/** Longer than changes are merged. */
const PAUSE_MS = 200;

export async function measureTask({ rounds }: Measuring): Promise<Measured> {
  const repository = await createRepository(1);
  const server = await serveSettled({ repository });
  const client = createMetadataClient(server.url, { protocol: "grpc" });
  const watch = startWatch(client, "workspace_task_status");
  const file = join(dirname(repository.root), "task.json");
  const tookMs: number[] = [];
  const hookMs: number[] = [];
  const bareMs: number[] = [];
  const events = rounds * EVENTS_PER_ROUND;
  let errors = 0;
  try {
    for (let event = 0; event < events; event += 1) {
      const isAsked = event % 2 === 0;
      const shown = watch.shows(isAsked ? "waiting" : "running");
      const name = isAsked ? "PermissionRequest" : "PostToolUse";
      const input = JSON.stringify({ hook_event_name: name, session_id: "bench", cwd: repository.root });
      hookMs.push(await timeOf([BUNDLE, "task", "hook", "claude-code", "--task-file", file], input));
      const shownMs = await shown;
      if (shownMs === undefined) {
        errors += 1;
      } else {
        // The file's time is the system's; both clocks are read here.
        tookMs.push(performance.timeOrigin + shownMs - statSync(file).mtimeMs);
      }
      bareMs.push(await timeOf(["-e", "0"], ""));
      await sleep(PAUSE_MS);
    }
  } finally {
    await watch.end();
    client.close();
    await server.stop();
  }
  const [hook, bare] = [percentile(hookMs, 0.5), percentile(bareMs, 0.5)];
  return {
    rows: [
      row(`a hook's write to the message, gRPC, p50 of ${events}`, percentile(tookMs, 0.5), "ms"),
      row("  p95", percentile(tookMs, 0.95), "ms", below(150, "ms")),
      row("a hook from its start to its end, p50", hook, "ms"),
      row("  p95", percentile(hookMs, 0.95), "ms", below(100, "ms")),
      row(
        "  beside a Node that does nothing, p50",
        hook === undefined || !bare ? undefined : hook / bare,
        "x",
      ),
    ],
    errors,
  };
}

/** How long a Node runs, in milliseconds. */
async function timeOf(args: readonly string[], input: string): Promise<number> {
  const startedMs = performance.now();
  const child = startProcess(process.execPath, args, { stdio: ["pipe", "ignore", "inherit"] });
  // It need not wait for what it is sent.
  child.stdin?.on("error", () => undefined).end(input);
  await once(child, "exit");
  return performance.now() - startedMs;
}
