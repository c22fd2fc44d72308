// What a server costs while nothing happens: how often it wakes up, by the kernel's own count.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { createTestClient } from "../helpers/clients.ts";
import { startProgram } from "../helpers/program.ts";
import { openSocket } from "../helpers/raw-http.ts";
import { temporaryDirectory } from "../helpers/repository.ts";
import { startSpanCollector } from "../helpers/span-collector.ts";

/** How often the main thread has gone to sleep. */
function sleeps(pid: number): number {
  const status = readFileSync(`/proc/${pid}/task/${pid}/status`, "utf8");
  return Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1]);
}

/** Waits for a time in which the process is woken no more than once: by nothing that comes every second. */
async function expectQuiet(pid: number): Promise<void> {
  const counts: number[] = [];
  do {
    const before = sleeps(pid);
    await delay(2_500);
    counts.push(sleeps(pid) - before);
  } while (counts.length < 6 && !(Math.min(...counts) <= 1));
  expect(Math.min(...counts)).toBeLessThanOrEqual(1);
}

test.runIf(process.platform === "linux")(
  "a server sleeps while nobody asks and nothing changes, also while it is watched",
  { timeout: 60_000 },
  async () => {
    // Not where others write: every file that comes or goes beside the task file wakes the server.
    const taskFile = join(temporaryDirectory(), "task.json");
    const { pid, url } = await startProgram(["serve", "--task-file", taskFile]);
    expect((await fetch(`${url}/metadata`, { headers: { connection: "close" } })).status).toBe(200);
    await expectQuiet(pid);
    const ended = new AbortController();
    const stream = createTestClient("Connect, HTTP/1.1", url).watchMetadata({}, { signal: ended.signal });
    const states = stream[Symbol.asyncIterator]();
    expect((await states.next()).done).toBe(false);
    await expectQuiet(pid);
    ended.abort();
    await states.next().catch(() => undefined);
  },
);

test.runIf(process.platform === "linux")(
  "a server sleeps while a client keeps a connection that it does not use",
  { timeout: 60_000 },
  async () => {
    const taskFile = join(temporaryDirectory(), "task.json");
    const { pid, url } = await startProgram(["serve", "--task-file", taskFile]);
    const socket = await openSocket({ host: "127.0.0.1", port: Number(new URL(url).port) });
    socket.resume();
    socket.write("GET /metadata HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(socket, "data");
    // After a request, the next one is waited for, for some seconds.
    await delay(10_000);
    await expectQuiet(pid);
    expect(socket.closed).toBe(false);
    socket.destroy();
  },
);

test.runIf(process.platform === "linux")(
  "a server that has traces sleeps as much as one without, when they are sent and when they cannot be",
  { timeout: 60_000 },
  async () => {
    const taskFile = join(temporaryDirectory(), "task.json");
    const collector = await startSpanCollector();
    const nobody = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", OTEL_EXPORTER_OTLP_TIMEOUT: "1000" };
    const start = (env: Readonly<Record<string, string>>) =>
      startProgram(["serve", "--task-file", taskFile], { env });
    const losing = await start(nobody);
    const lost = losing.logged("traces are lost");
    const servers = [await start({}), await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }), losing];
    for (const { url } of servers) {
      expect((await fetch(`${url}/metadata`, { headers: { connection: "close" } })).status).toBe(200);
    }
    await Promise.all([lost, collector.spanOf("a request", ({ name }) => name === "GET /metadata")]);
    // What else happens on the machine wakes all of them.
    const more: number[] = [];
    do {
      const before = servers.map(({ pid }) => sleeps(pid));
      await delay(2_500);
      const [without = 0, ...others] = servers.map(({ pid }, index) => sleeps(pid) - (before[index] ?? 0));
      more.push(Math.max(...others) - without);
    } while (more.length < 6 && !(Math.min(...more) <= 1));
    expect(Math.min(...more)).toBeLessThanOrEqual(1);
  },
);
