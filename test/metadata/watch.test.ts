import { createHash } from "node:crypto";
import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { CollectError, type Problem } from "../../src/collectors/collector.ts";
import { selectKeys } from "../../src/metadata/selection.ts";
import { MetadataService } from "../../src/metadata/service.ts";
import { watchMetadata } from "../../src/metadata/watch.ts";
import { data, ManualClock, SteppedCollector } from "../helpers/stepped-collector.ts";

const HEARTBEAT_MS = 30_000;
const branch = (name: string) => data({ git: { branch: name } });

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A service whose git source is on branch "a", and a watch of it. */
async function setUp(keys: readonly string[] = [], coverage: "complete" | Problem = "complete") {
  const git = new SteppedCollector("git", { coverage });
  const clock = new ManualClock();
  const workspace = new SteppedCollector("workspace", { coverage: "complete" });
  const service = new MetadataService({
    collectors: [git, workspace].map((collector) => ({ collector, deadlineMs: 600_000 })),
    clock,
  });
  const ended = new AbortController();
  onTestFinished(async () => {
    ended.abort();
    git.release();
    workspace.release();
    await service.close();
  });
  service.start();
  await Promise.all([git.finish(branch("a")), workspace.finish(data({ workspace: { name: "w" } }))]);
  await settled();
  const subscribers = new Set<object>();
  const subscribe = service.subscribe.bind(service);
  vi.spyOn(service, "subscribe").mockImplementation((listener, sources) => {
    const token = {};
    subscribers.add(token);
    const end = subscribe(listener, sources);
    return () => {
      subscribers.delete(token);
      end();
    };
  });
  const watch = (ofKeys: readonly string[] = keys, known?: string) =>
    watchMetadata(service, {
      selection: selectKeys(service.catalogue, ofKeys),
      heartbeatMs: HEARTBEAT_MS,
      signal: ended.signal,
      ...(known === undefined ? {} : { known }),
    });
  const states = watch();
  /** What another reader's read finds after an event. */
  const change = async (outcome: Parameters<SteppedCollector["finish"]>[0]): Promise<void> => {
    clock.advance(1);
    git.listener?.changed();
    const read = service.read({ selection: selectKeys(service.catalogue, ["git_*"]) });
    await git.finish(outcome);
    await read;
    await settled();
  };
  return { git, workspace, service, clock, states, watch, change, end: ended, subscribers };
}

/** Lets everything happen that waits for nothing but promises. */
async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

type States = Awaited<ReturnType<typeof setUp>>["states"];

/** Reads without end, and notes what comes when. */
function follow(states: States) {
  const seen: { branch: unknown; revision: string; atMs: number }[] = [];
  const startMs = performance.now();
  const done = (async () => {
    for await (const { entries, revision } of states) {
      const value = entries.get("git_branch")?.value?.kind.value;
      seen.push({ branch: value, revision, atMs: performance.now() - startMs });
    }
  })();
  return { seen, done, branches: () => seen.map((state) => state.branch) };
}

describe("a watch", () => {
  it("S15: sends the first state at once", async () => {
    const { states } = await setUp();
    const { seen } = follow(states);
    await settled();
    expect(seen).toMatchObject([{ branch: "a", atMs: 0 }]);
  });

  it("sends a change at once, and merges those that follow it within 50 ms", async () => {
    const { states, change } = await setUp();
    const { seen, branches } = follow(states);
    await vi.advanceTimersByTimeAsync(50);
    await change(branch("b"));
    expect(seen).toMatchObject([{ branch: "a" }, { branch: "b", atMs: 50 }]);
    await change(branch("c"));
    await vi.advanceTimersByTimeAsync(20);
    await change(branch("d"));
    await vi.advanceTimersByTimeAsync(29);
    expect(branches()).toEqual(["a", "b"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(seen.slice(2)).toMatchObject([{ branch: "d", atMs: 100 }]);
    expect(new Set(seen.map(({ revision }) => revision)).size).toBe(3);
  });

  it("sets no timer but that of its next heartbeat while nothing changes", async () => {
    const { states } = await setUp();
    const timers = vi.spyOn(globalThis, "setTimeout");
    const { seen } = follow(states);
    await vi.advanceTimersByTimeAsync(2 * HEARTBEAT_MS);
    expect(seen).toHaveLength(3);
    expect(timers.mock.calls.map(([, ms]) => ms)).toEqual([HEARTBEAT_MS, HEARTBEAT_MS, HEARTBEAT_MS]);
  });

  it("merges what changed while its reader was slow, too", async () => {
    const { states, change } = await setUp();
    await states.next();
    await change(branch("b"));
    const { branches } = follow(states);
    await settled();
    expect(branches()).toEqual([]);
    await vi.advanceTimersByTimeAsync(50);
    expect(branches()).toEqual(["b"]);
  });

  it("collects at an event, without a reader or a period", async () => {
    const { states, git } = await setUp();
    const { seen } = follow(states);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(git.calls).toBe(1);
    git.listener?.changed();
    await git.finish(branch("b"));
    await settled();
    expect(seen.slice(1)).toMatchObject([{ branch: "b", atMs: 10_000 }]);
  });

  it("collects where no event tells of changes once a second", async () => {
    const { states, git, clock } = await setUp([], { reason: "NO_EVENTS", message: "none" });
    clock.advance(1_000);
    const first = git.finish(branch("a"));
    const { seen, branches } = follow(states);
    await first;
    await settled();
    const { calls } = git;
    clock.advance(1_000);
    await vi.advanceTimersByTimeAsync(999);
    expect(git.calls).toBe(calls);
    await vi.advanceTimersByTimeAsync(1);
    expect(git.calls).toBe(calls + 1);
    await git.finish(branch("b"));
    await settled();
    expect(branches()).toEqual(["a", "b"]);
    // An event that does come is not waited for until the second is over.
    await vi.advanceTimersByTimeAsync(100);
    git.listener?.changed();
    await git.finish(branch("c"));
    await settled();
    expect(seen.slice(2)).toMatchObject([{ branch: "c", atMs: 1_100 }]);
  });

  it("collects what has a period when that is over, and does not wake before", async () => {
    const host = new SteppedCollector("workspace", { periodMs: 5_000 });
    const clock = new ManualClock();
    const service = new MetadataService({ collectors: [{ collector: host, deadlineMs: 600_000 }], clock });
    onTestFinished(async () => {
      host.release();
      await service.close();
    });
    const pass = async (ms: number): Promise<void> => {
      clock.advance(ms);
      await vi.advanceTimersByTimeAsync(ms);
    };
    service.start();
    await host.finish(data({ workspace: { name: "a" } }));
    await settled();
    await pass(2_000);
    const end = service.subscribe(() => undefined, new Set(["workspace"]));
    await settled();
    expect(host.calls).toBe(1);
    const woken = vi.spyOn(clock, "monotonicMs");
    const timers = vi.spyOn(globalThis, "setTimeout");
    await pass(3_000);
    expect(woken).not.toHaveBeenCalled();
    await pass(1);
    expect(host.calls).toBe(2);
    await host.finish(new Error("not this time"));
    await settled();
    // What failed is tried again in a second.
    await pass(1_000);
    expect(host.calls).toBe(3);
    await host.finish(data({ workspace: { name: "b" } }));
    await settled();
    timers.mockClear();
    await pass(5_001);
    expect(host.calls).toBe(4);
    await host.finish(data({ workspace: { name: "b" } }));
    await settled();
    // That of the collection's deadline, which was running, and the next one of the period.
    expect(timers.mock.calls.map(([, ms]) => ms)).toEqual([600_000, 5_001]);
    end();
  });

  it("tries again in a second what failed in a collection that a read began, though events tell of changes", async () => {
    const { states, git, clock, service } = await setUp();
    const { branches } = follow(states);
    await settled();
    clock.advance(1);
    const read = service.read({ selection: selectKeys(service.catalogue, ["git_*"]), maxAgeMs: 0 });
    await git.finish(new Error("not this time"));
    await read;
    await vi.advanceTimersByTimeAsync(999);
    expect(git.calls).toBe(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(git.calls).toBe(3);
    await git.finish(branch("b"));
    await settled();
    expect(branches().at(-1)).toBe("b");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(git.calls).toBe(3);
  });

  it("does not wake too early for a heartbeat that is due after a part of a millisecond", async () => {
    const { states } = await setUp();
    let calls = 0;
    const now = performance.now.bind(performance);
    vi.spyOn(performance, "now").mockImplementation(() => {
      calls += 1;
      return now() + calls * 0.3;
    });
    const timers = vi.spyOn(globalThis, "setTimeout");
    const { seen } = follow(states);
    await settled();
    expect(seen).toHaveLength(1);
    expect(timers.mock.calls.map(([, ms]) => ms)).toEqual([HEARTBEAT_MS]);
  });

  it("collects no more than a fifth of the time while events storm and nothing is new, and at once after quiet", async () => {
    const { states, git, clock } = await setUp();
    const { branches } = follow(states);
    await vi.advanceTimersByTimeAsync(100);
    const startMs = performance.now();
    const starts: number[] = [];
    for (let round = 0; round < 6; round += 1) {
      git.listener?.changed();
      while (git.calls < round + 2) {
        await vi.advanceTimersByTimeAsync(1);
        git.listener?.changed();
      }
      starts.push(performance.now() - startMs);
      clock.advance(100);
      await vi.advanceTimersByTimeAsync(100);
      await git.finish(branch("a"));
      await settled();
    }
    const pauses = starts.slice(1).map((start, index) => start - (starts[index] ?? 0) - 100);
    expect(pauses).toEqual([200, 400, 400, 400, 400]);
    await vi.advanceTimersByTimeAsync(400);
    await git.finish(branch("b"));
    // News shorten the pause.
    await vi.advanceTimersByTimeAsync(1_000);
    git.listener?.changed();
    await git.finish(branch("c"));
    await settled();
    expect(branches()).toEqual(["a", "b", "c"]);
  });

  it("pauses a second at most, however long a collection takes", async () => {
    const { states, git, clock } = await setUp();
    follow(states);
    await settled();
    git.listener?.changed();
    await git.running();
    git.listener?.changed();
    clock.advance(60_000);
    await git.finish(branch("b"));
    await vi.advanceTimersByTimeAsync(999);
    expect(git.calls).toBe(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(git.calls).toBe(3);
  });

  it("shares collections and the comparison of states with all others", async () => {
    const { git, watch } = await setUp();
    const followed = Array.from({ length: 100 }, () => follow(watch()));
    await vi.advanceTimersByTimeAsync(50);
    const hashes = vi.spyOn(Object.getPrototypeOf(createHash("sha256")), "digest");
    git.listener?.changed();
    await git.finish(branch("b"));
    await settled();
    expect(followed.every(({ branches }) => branches().join() === "a,b")).toBe(true);
    expect(git.calls).toBe(2);
    expect(hashes).toHaveBeenCalledTimes(1);
  });

  it("begins with nothing when its reader has the state already", async () => {
    const { service, watch, change } = await setUp();
    const known = service.snapshot.fingerprint(selectKeys(service.catalogue, ["git_branch"]));
    const { branches } = follow(watch(["git_branch"], known));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(branches()).toEqual([]);
    await change(branch("b"));
    expect(branches()).toEqual(["b"]);
  });

  it("sends the news of one source while another one hangs, and its heartbeat", async () => {
    const { states, change, git, workspace } = await setUp();
    const { seen } = follow(states);
    await vi.advanceTimersByTimeAsync(50);
    workspace.listener?.changed();
    await vi.advanceTimersByTimeAsync(1_000);
    await workspace.running();
    await change(branch("b"));
    expect(seen).toMatchObject([{ branch: "a" }, { branch: "b", atMs: 1_050 }]);
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS);
    expect(seen.slice(2)).toMatchObject([{ branch: "b", atMs: 1_050 + HEARTBEAT_MS }]);
    expect([git.calls, workspace.calls]).toEqual([2, 2]);
  });

  it("sends a change of a source's state, its reason, or an error, and tries again what failed", async () => {
    const { states, change, git } = await setUp(["git_branch"]);
    const { seen } = follow(states);
    await vi.advanceTimersByTimeAsync(50);
    await change(new CollectError("BROKEN", "broken"));
    expect(seen).toHaveLength(2);
    const outcomes = [new CollectError("GONE", "broken"), new CollectError("GONE", "gone"), branch("a")];
    for (const [index, outcome] of outcomes.entries()) {
      await vi.advanceTimersByTimeAsync(1_000);
      await git.finish(outcome);
      await settled();
      expect(seen).toHaveLength(index + 3);
    }
    await vi.advanceTimersByTimeAsync(50);
    await change(data({ git: { branch: "a" } }, { reason: "W", message: "a warning" }));
    expect(seen).toHaveLength(6);
  });

  it("sends nothing for a change outside its keys", async () => {
    const { states, change } = await setUp(["git_branch", "workspace_*"]);
    const { branches } = follow(states);
    await vi.advanceTimersByTimeAsync(50);
    await change(data({ git: { branch: "a", stashes: 1 } }));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(branches()).toEqual(["a"]);
    await change(data({ git: { branch: "b", stashes: 1 } }));
    expect(branches()).toEqual(["a", "b"]);
  });

  it("sends nothing when nothing changed, but the state again after the heartbeat's time", async () => {
    const { states, git } = await setUp();
    const { seen } = follow(states);
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS - 1);
    expect(seen).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS);
    expect(seen.map(({ atMs }) => atMs)).toEqual([0, HEARTBEAT_MS, 2 * HEARTBEAT_MS]);
    expect(new Set(seen.map(({ revision }) => revision)).size).toBe(1);
    expect(git.calls).toBe(1);
  });

  it("counts the heartbeat's time from what was last sent", async () => {
    const { states, change } = await setUp();
    const { seen } = follow(states);
    await vi.advanceTimersByTimeAsync(20_000);
    await change(branch("b"));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(seen).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(seen.map(({ atMs }) => atMs)).toEqual([0, 20_000, 50_000]);
  });

  it("S15: gives a slow reader the newest state, and never an older one", async () => {
    const { states, change } = await setUp();
    await states.next();
    for (let index = 0; index < 1_000; index += 1) {
      await change(branch(`b${index}`));
    }
    const wait = states.next();
    await vi.advanceTimersByTimeAsync(50);
    const { value } = await wait;
    expect(value?.entries.get("git_branch")?.value?.kind.value).toBe("b999");
    const { seen } = follow(states);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(seen).toEqual([]);
  });
});

describe("the end of a watch", () => {
  it("comes with its signal, while it waits for a change, and leaves nothing behind", async () => {
    const { states, end, subscribers } = await setUp();
    const { done } = follow(states);
    await vi.advanceTimersByTimeAsync(100);
    expect(subscribers.size).toBe(1);
    end.abort();
    await done;
    expect(subscribers.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(getEventListeners(end.signal, "abort")).toEqual([]);
  });

  it("comes with its signal within the time of merging", async () => {
    const { states, end } = await setUp();
    const { done, seen } = follow(states);
    await settled();
    end.abort();
    await done;
    expect(seen).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("comes with its signal while it waits for a source, without an error", async () => {
    const { states, end, git } = await setUp();
    git.listener?.changed();
    const { done, seen } = follow(states);
    await git.running();
    end.abort(new Error("no longer wanted"));
    await done;
    expect(seen).toEqual([]);
    expect(getEventListeners(end.signal, "abort")).toEqual([]);
  });

  it("comes before the first state when the signal was aborted before", async () => {
    const { states, end } = await setUp();
    end.abort();
    expect(await states.next()).toEqual({ done: true, value: undefined });
  });

  it("comes with its signal while its reader asks for nothing more, and nothing is collected from then on", async () => {
    const { states, end, subscribers, git } = await setUp();
    await states.next();
    expect(subscribers.size).toBe(1);
    end.abort();
    expect(subscribers.size).toBe(0);
    expect(getEventListeners(end.signal, "abort")).toEqual([]);
    git.listener?.changed();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(git.calls).toBe(1);
  });

  it("comes with the reader's own", async () => {
    const { states, subscribers } = await setUp();
    await states.next();
    expect(await states.return()).toEqual({ done: true, value: undefined });
    expect(subscribers.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
