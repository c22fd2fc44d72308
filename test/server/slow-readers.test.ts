// Readers that take their time, or nothing at all.

import { once } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test, vi } from "vitest";
import { selectKeys } from "../../src/metadata/selection.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { http2Request, openSession } from "../helpers/http2-client.ts";
import { RAW_STREAMS, requestStream } from "../helpers/raw-stream.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import { until, within } from "../helpers/wait.ts";

const CHANGES = 10_000;
const MIB = 1024 * 1024;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** A state that fills what the system buffers for a connection soon: some 90 KiB. */
function large(count: number) {
  const text = `${count} ${"x".repeat(4_000)}`;
  const commit = { hash: text, sha: text, message: text, author: text };
  const pr = {
    title: text,
    url: text,
    author: text,
    baseBranch: text,
    headSha: text,
    checks: { failing: [text] },
  };
  return data({
    git: { branch: text, commit, upstream: text, base: { branch: text }, remote: { name: text, url: text } },
    github: { repo: { name: text }, pr },
    workspace: { id: text, name: text, hostname: text, directory: text, owner: { name: text } },
  });
}

const small = (count: number) => data({ github: { pr: { title: `state ${count}` } } });

/** A server whose sources share one state, and how many answers it has written. */
async function start(limits: Parameters<typeof startServer>[0] = {}) {
  const collectors = ["git", "github", "workspace"].map((name) => new ControlledCollector(name, small(0)));
  const server = await startServer({ collectors: collectors.map((one) => one.scheduled()), ...limits });
  const { service } = server.server;
  const written = vi.spyOn(service, "sources");
  const everything = selectKeys(service.catalogue, []);
  const change = async (state: ReturnType<typeof data>): Promise<void> => {
    for (const collector of collectors) {
      collector.set(state);
    }
    await service.read({ selection: everything });
  };
  return { server, change, written: () => written.mock.calls.length };
}

type Started = Awaited<ReturnType<typeof start>>;

/** Changes the state until the stream's next one is held back: that is, until changes are not written any more. */
async function fill({ change, written }: Started): Promise<void> {
  for (let count = 0, idle = 0; idle < 10; count += 1) {
    const before = written();
    await change(large(count));
    const end = performance.now() + 100;
    await until(() => written() > before || performance.now() > end, "it is written, or held back");
    idle = written() > before ? 0 : idle + 1;
  }
}

async function isServed(server: TestServer): Promise<void> {
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
}

describe.each(Object.entries(RAW_STREAMS))("%s", (_, open) => {
  test("S15: a reader that pauses has one waiting state at most, and gets the newest", async () => {
    const started = await start();
    const { server, change, written } = started;
    const stream = await open(server);
    stream.pause();
    await until(() => written() > 0, "the first state is written");
    await fill(started);

    const before = written();
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    for (let count = 1; count <= CHANGES; count += 1) {
      await change(small(count));
    }
    collectGarbage();
    const after = process.memoryUsage();
    // None of them was even made into an answer.
    expect(written()).toBe(before);
    expect(after.heapUsed + after.arrayBuffers - heapUsed - arrayBuffers).toBeLessThan(8 * MIB);
    expect(server.subscribers()).toBe(1);

    let text = "";
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    stream.resume();
    await until(() => text.includes(`"state ${CHANGES}"`), "the newest state arrives");
    expect(text.match(/"state \d+"/g)?.filter((state) => state !== '"state 0"')).toEqual([
      `"state ${CHANGES}"`,
    ]);
    const revisions = [...text.matchAll(/"revision":\s?"[\w-]+\.(\d+)"/g)].map(([, count]) => Number(count));
    expect(revisions.length).toBeGreaterThan(1);
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
    stream.destroy();
    await until(() => server.subscribers() === 0, "no subscriber is left", 1_000);
  });

  test("S15: a reader that takes nothing is cut off", async () => {
    const started = await start({ limits: { writeStallMs: 1_000 } });
    const { server, written } = started;
    const stream = await open(server);
    stream.pause();
    await until(() => written() > 0, "the first state is written");
    await fill(started);
    await until(() => server.subscribers() === 0, "the reader is cut off", 5_000);
    await isServed(server);
    stream.destroy();
  });
});

test("S15: the other streams of a connection are not cut off", async () => {
  const started = await start({ limits: { writeStallMs: 500 } });
  const { server, change } = started;
  const session = await openSession(server.url);
  const blocked = requestStream(session, { ":path": "/metadata/events" });
  const reading = requestStream(session, { ":path": "/metadata/events" });
  blocked.pause();
  let text = "";
  reading.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  await until(() => server.subscribers() === 2, "both streams are open");
  for (let count = 0; server.subscribers() === 2; count += 1) {
    await change(large(count));
    await until(() => text.includes(`${count} xxx`) || server.subscribers() < 2, "the reader has it");
  }
  await change(small(7));
  await until(() => text.includes('"state 7"'), "the reader has the newest");
  expect((await http2Request(session, { ":path": "/health" })).status).toBe(200);
});

test("S15: a reader that takes little is not cut off", async () => {
  const { server, change } = await start({ limits: { writeStallMs: 2_000 } });
  await change(large(0));
  const stream = requestStream(await openSession(server.url), { ":path": "/metadata/events" });
  stream.pause();
  await until(() => server.subscribers() === 1, "it watches");
  const startMs = performance.now();
  for (let count = 1; performance.now() - startMs < 5_000; count += 1) {
    await change(large(count));
    stream.read(Math.min(stream.readableLength, 10_000));
    const next = performance.now() + 200;
    await until(() => performance.now() > next, "a fifth of a second is over");
    expect(server.subscribers()).toBe(1);
  }
});

describe("streams that are dropped", () => {
  test.each([
    ["by their connections", true],
    ["one by one", false],
  ])("S16: 1,000 over ten connections, all blocked in writing, %s", async (_, byConnection) => {
    const { server, change, written } = await start();
    await change(large(0));
    const before = written();
    const sessions = await Promise.all(Array.from({ length: 10 }, () => openSession(server.url)));
    const streams = sessions.flatMap((session) =>
      Array.from({ length: 100 }, () => requestStream(session, { ":path": "/metadata/events" }).pause()),
    );
    await until(() => server.subscribers() === 1_000 && written() - before === 1_000, "all of them write");
    await change(large(1));
    if (byConnection) {
      for (const session of sessions) {
        session.destroy();
      }
    } else {
      for (const stream of streams) {
        stream.close(8);
      }
    }
    await until(() => server.subscribers() === 0, "no subscriber is left", 1_000);
    await isServed(server);
  });
});

test("S18: a reader that is blocked does not hold up a stop", async () => {
  const started = await start();
  const streams = await Promise.all(Object.values(RAW_STREAMS).map((open) => open(started.server)));
  for (const stream of streams) {
    stream.pause();
  }
  await until(() => started.server.subscribers() === streams.length, "all streams are open");
  await fill(started);
  const closed = streams.map((stream) => once(stream, "close"));
  const startMs = performance.now();
  await started.server.close();
  expect(performance.now() - startMs).toBeLessThan(5_000);
  for (const stream of streams) {
    stream.resume();
  }
  await within(5_000, "all streams end", Promise.allSettled(closed));
});
