import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { CollectError } from "../../src/collectors/collector.ts";
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
async function setUp(keys: readonly string[] = []) {
  const git = new SteppedCollector("git", { coverage: "complete" });
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
  await service.read({ selection: selectKeys(service.catalogue) });
  const subscribers = { count: 0 };
  const subscribe = service.subscribe.bind(service);
  vi.spyOn(service, "subscribe").mockImplementation((listener) => {
    subscribers.count += 1;
    const end = subscribe(listener);
    return () => {
      subscribers.count -= 1;
      end();
    };
  });
  const states = watchMetadata(service, {
    selection: selectKeys(service.catalogue, keys),
    heartbeatMs: HEARTBEAT_MS,
    signal: ended.signal,
  });
  /** What another reader's read finds after an event. */
  const change = async (outcome: Parameters<SteppedCollector["finish"]>[0]): Promise<void> => {
    clock.advance(1);
    git.listener?.changed();
    const read = service.read({ selection: selectKeys(service.catalogue, ["git_*"]) });
    await git.finish(outcome);
    await read;
    await settled();
  };
  return { git, workspace, service, states, change, end: ended, subscribers };
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

  it("sends a change that came while it looked at once as well", async () => {
    const { states, change, service } = await setUp();
    const { branches } = follow(states);
    await settled();
    const read = service.read.bind(service);
    vi.spyOn(service, "read").mockImplementationOnce(async (options) => {
      const snapshot = await read(options);
      await change(branch("b"));
      return snapshot;
    });
    await vi.advanceTimersByTimeAsync(50);
    await settled();
    expect(branches()).toEqual(["a", "b"]);
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
      await vi.advanceTimersByTimeAsync(50);
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
    expect(subscribers.count).toBe(1);
    end.abort();
    await done;
    expect(subscribers.count).toBe(0);
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

  it("comes with the reader's own", async () => {
    const { states, subscribers } = await setUp();
    await states.next();
    expect(await states.return()).toEqual({ done: true, value: undefined });
    expect(subscribers.count).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
