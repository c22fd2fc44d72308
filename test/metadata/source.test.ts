import { getEventListeners } from "node:events";
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { CollectError } from "../../src/collectors/collector.ts";
import { SourceState } from "../../src/gen/fleet/metadata/v1/envelope_pb.ts";
import { GitHubPullRequestSchema } from "../../src/gen/fleet/metadata/v1/github_pb.ts";
import { createCatalogue } from "../../src/metadata/catalogue.ts";
import type { SourceObserver } from "../../src/metadata/metadata-source.ts";
import { Source } from "../../src/metadata/source.ts";
import type { SourceReport } from "../../src/metadata/source-report.ts";
import {
  data,
  ManualClock,
  noData,
  SteppedCollector,
  type SteppedCollectorOptions,
} from "../helpers/stepped-collector.ts";

const DEADLINE_MS = 5_000;
const catalogue = createCatalogue();
const main = data({ git: { branch: "main" } });
const next = data({ git: { branch: "next" } });

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Observed {
  readonly reports: SourceReport[];
  readonly errors: unknown[];
  readonly coverage: unknown[];
}

function setUp(options: SteppedCollectorOptions = {}, watch = true) {
  const collector = new SteppedCollector("git", options);
  const clock = new ManualClock();
  const observed: Observed = { reports: [], errors: [], coverage: [] };
  const observer: SourceObserver = {
    collected: (_, report, error) => {
      observed.reports.push(report);
      if (error !== undefined) {
        observed.errors.push(error);
      }
    },
    coverage: (_, state) => observed.coverage.push(state),
  };
  const onChange = vi.fn<() => void>();
  const source = new Source(
    { collector, catalogue, deadlineMs: DEADLINE_MS, watch, clock, observer },
    { reported: (isNews) => isNews && onChange(), invalidated: () => undefined },
  );
  onTestFinished(async () => {
    collector.release();
    await source.close();
  });
  /** The first collection, over and done. */
  const started = async (outcome = main): Promise<void> => {
    source.start();
    await collector.finish(outcome);
    await settled();
    clock.advance(100);
  };
  /** A read, with what the collection that it waits for finds. */
  const read = async (outcome: Parameters<typeof collector.finish>[0]): Promise<void> => {
    const wait = source.current();
    await collector.finish(outcome);
    await wait;
    await settled();
    clock.advance(100);
  };
  return { collector, clock, observed, onChange, source, started, read };
}

/** Lets everything happen that waits for nothing but promises. */
async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

/** Whether a promise is still open once all that waits for nothing else has happened. */
async function isOpen(promise: Promise<unknown> | undefined): Promise<boolean> {
  let open = promise !== undefined;
  void promise?.then(() => {
    open = false;
  });
  await settled();
  return open;
}

function branchOf({ metadata }: SourceReport): string | undefined {
  return metadata === undefined ? undefined : (metadata as { git?: { branch?: string } }).git?.branch;
}

describe("a source", () => {
  it("is pending until its first collection has ended", async () => {
    const { source, collector, onChange, clock } = setUp();
    expect(source.report).toMatchObject({ state: SourceState.PENDING, reason: "", message: "" });
    expect(source.ageMs).toBeUndefined();
    source.start();
    await collector.running();
    expect(source.report.state).toBe(SourceState.PENDING);
    clock.advance(40);
    await collector.finish(main);
    await settled();
    expect(source.report).toMatchObject({
      state: SourceState.FRESH,
      reason: "",
      message: "",
      collectionMs: 40,
    });
    expect(source.report.collectedAt).toEqual({ wallMs: Date.UTC(2026, 0, 1), monotonicMs: 1_000 });
    expect(source.ageMs).toBe(40);
    expect(onChange).toHaveBeenCalledTimes(1);
  });

  it("cleans what it collects, once", async () => {
    const { source, started } = setUp();
    await started(data({ git: { branch: "a\x1b[31mb", commit: { message: "x".repeat(5_000) } } }));
    expect(branchOf(source.report)).toBe("ab");
    expect(source.report.truncated).toEqual(new Set(["git_commit_message"]));
  });
});

describe("collections that are shared", () => {
  it("has one for 1,000 readers at once", async () => {
    const { source, collector, read, started } = setUp();
    await started();
    const waits = Array.from({ length: 1_000 }, () => source.current());
    expect(new Set(waits).size).toBe(1);
    await read(next);
    await Promise.all(waits);
    expect(collector).toMatchObject({ calls: 2, mostAtOnce: 1 });
  });

  it("has one more for 1,000 readers that need newer than the running one", async () => {
    const { source, collector, clock } = setUp();
    source.start();
    await collector.running();
    const waits: (Promise<void> | undefined)[] = [];
    for (let reader = 0; reader < 1_000; reader += 1) {
      clock.advance(1);
      waits.push(source.current());
    }
    await collector.finish(main);
    expect(await isOpen(waits[0])).toBe(true);
    await collector.finish(next);
    await Promise.all(waits);
    expect(branchOf(source.report)).toBe("next");
    expect(collector).toMatchObject({ calls: 2, mostAtOnce: 1 });
  });

  it("has the one that is about to begin also for a reader that a change has just woken", async () => {
    const { source, collector, clock, onChange } = setUp();
    source.start();
    await collector.running();
    clock.advance(1);
    const waits = [source.current()];
    onChange.mockImplementationOnce(() => {
      clock.advance(1);
      waits.push(source.current());
    });
    await collector.finish(main);
    await collector.finish(next);
    await Promise.all(waits);
    await settled();
    expect(waits).toHaveLength(2);
    expect(collector).toMatchObject({ calls: 2, mostAtOnce: 1 });
  });
});

describe("what is current", () => {
  it("costs a read nothing while no event came", async () => {
    const { source, collector, started, clock } = setUp({ coverage: "complete" });
    await started();
    for (let reader = 0; reader < 1_000; reader += 1) {
      clock.advance(60_000);
      expect(source.current()).toBeUndefined();
    }
    expect(collector.calls).toBe(1);
  });

  it("ends with an event, and begins again with the collection that a read then waits for", async () => {
    const { source, collector, started, read } = setUp({ coverage: "complete" });
    await started();
    collector.listener?.changed();
    collector.listener?.changed();
    await settled();
    expect(collector.calls).toBe(1);
    await read(next);
    expect(branchOf(source.report)).toBe("next");
    expect(source.current()).toBeUndefined();
    expect(collector.calls).toBe(2);
  });

  it("is not what a collection found that an event overtook", async () => {
    const { source, collector, started } = setUp({ coverage: "complete" });
    await started();
    collector.listener?.changed();
    const first = source.current();
    await collector.running();
    collector.listener?.changed();
    const second = source.current();
    expect(second).not.toBe(first);
    await collector.finish(main);
    await first;
    expect(await isOpen(second)).toBe(true);
    await collector.finish(next);
    await second;
    expect(branchOf(source.report)).toBe("next");
    expect(source.current()).toBeUndefined();
  });

  it("is shared by a reader for whom the running collection is new enough", async () => {
    const { source, collector, started, clock } = setUp({ coverage: "complete" });
    await started();
    collector.listener?.changed();
    const first = source.current();
    clock.advance(50);
    expect(source.current()).toBe(first);
    await collector.finish(next);
    await first;
  });

  it("is as old as a reader allows", async () => {
    const { source, collector, started, clock } = setUp({ coverage: "complete" });
    await started();
    clock.advance(900);
    expect(source.current(1_000)).toBeUndefined();
    clock.advance(1);
    const wait = source.current(1_000);
    await collector.finish(next);
    await wait;
    expect(source.ageMs).toBe(0);
    expect(source.current(0)).toBeUndefined();
    clock.advance(1);
    const again = source.current(0);
    await collector.finish(next);
    await again;
    expect(collector.calls).toBe(3);
  });

  it("is what rests on more than events for as long as that holds", async () => {
    const { source, collector, started, clock } = setUp({ coverage: "complete" });
    await started({ ...main, holdsMs: 5_000 });
    expect(source.isFollowed).toBe(false);
    clock.advance(4_900);
    expect(source.current()).toBeUndefined();
    clock.advance(1);
    const wait = source.current();
    await collector.finish(main);
    await wait;
    expect(source.isFollowed).toBe(true);
    clock.advance(3_600_000);
    expect(source.current()).toBeUndefined();
  });

  it("may be values that no longer hold: then the source is stale, with the reason", async () => {
    const { source, started, read } = setUp();
    const stale = { ...main, stale: { reason: "TASK_STALE", message: "nothing new for 15 minutes" } };
    await started(stale);
    expect(source.report).toMatchObject({ state: SourceState.STALE, reason: "TASK_STALE" });
    expect(branchOf(source.report)).toBe("main");
    await read(stale);
    expect(source.report).toMatchObject({ state: SourceState.STALE, reason: "TASK_STALE" });
    await read(main);
    expect(source.report).toMatchObject({ state: SourceState.FRESH, reason: "" });
  });

  it("is nothing, without events: every read collects", async () => {
    const { source, collector, started, read } = setUp();
    await started();
    await read(main);
    await read(main);
    expect(collector.calls).toBe(3);
    expect(source.report.state).toBe(SourceState.FRESH);
  });

  it("is nothing when events are switched off", async () => {
    const { collector, started, read } = setUp({ coverage: "complete" }, false);
    await started();
    await read(main);
    expect(collector).toMatchObject({ calls: 2, listener: undefined });
  });

  it("is nothing when events do not tell of everything, which is said beside the values", async () => {
    const problem = { reason: "WATCH_LIMIT", message: "too many directories" };
    const { source, collector, started, read, observed } = setUp({ coverage: problem });
    await started();
    expect(source.report).toMatchObject({ state: SourceState.FRESH, ...problem });
    await read(main);
    collector.listener?.coverage("complete");
    await read(main);
    expect(source.report).toMatchObject({ state: SourceState.FRESH, reason: "", message: "" });
    expect(source.current()).toBeUndefined();
    collector.listener?.coverage(problem);
    await read(main);
    await read(main);
    expect(collector.calls).toBe(5);
    expect(observed.coverage).toEqual([problem, "complete", problem]);
  });

  it("gives way to a warning of the collector's own", async () => {
    const { source, started } = setUp({ coverage: { reason: "WATCH_LIMIT", message: "too many" } });
    await started(data({ git: {} }, { reason: "PARTIAL", message: "not\x1b[31m all" }));
    expect(source.report).toMatchObject({ state: SourceState.FRESH, reason: "PARTIAL", message: "not all" });
  });
});

describe("a failure", () => {
  it("without anything good known is failed", async () => {
    const { source, collector } = setUp();
    source.start();
    await collector.finish(new CollectError("BROKEN", "it is \x1b[31mbroken"));
    await settled();
    expect(source.report).toMatchObject({
      state: SourceState.FAILED,
      reason: "BROKEN",
      message: "it is broken",
    });
    expect(source.report).not.toHaveProperty("metadata");
    expect(source.ageMs).toBeUndefined();
  });

  it("keeps the last good values, with their age", async () => {
    const { source, started, read } = setUp();
    await started();
    await read(new CollectError("BROKEN", "it is broken"));
    await read(new CollectError("BROKEN", "it is still broken"));
    expect(source.report).toMatchObject({
      state: SourceState.STALE,
      reason: "BROKEN",
      message: "it is still broken",
    });
    expect(branchOf(source.report)).toBe("main");
    expect(source.ageMs).toBe(300);
    await read(next);
    expect(source.report).toMatchObject({ state: SourceState.FRESH, reason: "" });
    expect(branchOf(source.report)).toBe("next");
  });

  it("is tried again by the next read, although no event came", async () => {
    const { source, collector, started } = setUp({ coverage: "complete" });
    await started();
    const wait = source.current(0);
    await collector.finish(new CollectError("BROKEN", "it is broken"));
    await wait;
    expect(source.report.state).toBe(SourceState.STALE);
    const again = source.current();
    expect(again).toBeDefined();
    await collector.finish(main);
    await again;
    expect(source.report.state).toBe(SourceState.FRESH);
    expect(source.current()).toBeUndefined();
  });

  it("that invalidates forgets the last good values", async () => {
    const { source, started, read } = setUp();
    await started();
    await read(new CollectError("GONE", "it is gone", { invalidates: true }));
    expect(source.report).toMatchObject({ state: SourceState.FAILED, reason: "GONE" });
    expect(source.report).not.toHaveProperty("metadata");
    await read(new CollectError("BROKEN", "it is broken"));
    expect(source.report.state).toBe(SourceState.FAILED);
    await read(main);
    expect(source.report.state).toBe(SourceState.FRESH);
    expect(branchOf(source.report)).toBe("main");
  });

  it("after no data has nothing good to fall back to", async () => {
    const { source, started, read } = setUp();
    await started();
    await read(noData("NOT_A_REPOSITORY", "no repository"));
    expect(source.report).toMatchObject({
      state: SourceState.NO_DATA,
      reason: "NOT_A_REPOSITORY",
      message: "no repository",
    });
    expect(source.report).not.toHaveProperty("metadata");
    await read(new CollectError("BROKEN", "it is broken"));
    expect(source.report.state).toBe(SourceState.FAILED);
  });

  it("that is a defect hides its text and is reported", async () => {
    const { source, started, read, observed } = setUp();
    await started();
    const defect = new TypeError("cannot read properties of secret");
    await read(defect);
    expect(source.report).toMatchObject({ state: SourceState.STALE, reason: "INTERNAL" });
    expect(JSON.stringify(source.report.message)).not.toContain("secret");
    expect(observed.errors).toEqual([defect]);
    await read(new CollectError("BROKEN", "it is broken"));
    expect(observed.errors).toEqual([defect]);
  });

  it("that is thrown at once is no different", async () => {
    const { source, collector, observed } = setUp();
    const defect = new Error("at once");
    vi.spyOn(collector, "collect").mockImplementation(() => {
      throw defect;
    });
    source.start();
    await settled();
    expect(source.report).toMatchObject({ state: SourceState.FAILED, reason: "INTERNAL" });
    expect(observed.errors).toEqual([defect]);
  });
});

describe("the deadline", () => {
  it("ends a collection and what it started, as TIMEOUT", async () => {
    const { source, collector, started } = setUp();
    await started();
    const wait = source.current();
    const { signal } = await collector.running();
    await vi.advanceTimersByTimeAsync(DEADLINE_MS - 1);
    expect(signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(signal.aborted).toBe(true);
    await wait;
    expect(source.report).toMatchObject({ state: SourceState.STALE, reason: "TIMEOUT" });
    expect(source.report.message).toContain("5000 ms");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("leaves no timer when it is kept", async () => {
    const { started } = setUp();
    await started();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("that was exceeded lets reads go on while the collector is tried again", async () => {
    const { source, collector, started } = setUp();
    await started();
    const wait = source.current();
    await vi.advanceTimersByTimeAsync(DEADLINE_MS);
    await wait;
    expect(source.current()).toBeUndefined();
    expect(source.current(0)).toBeUndefined();
    await collector.finish(next);
    await settled();
    expect(source.report.state).toBe(SourceState.FRESH);
    expect(branchOf(source.report)).toBe("next");
    expect(collector).toMatchObject({ calls: 3, mostAtOnce: 1 });
  });

  it("ends the wait of readers for whom that collection was too old as well", async () => {
    const { source, collector, clock } = setUp({ ignoresSignal: true });
    source.start();
    await collector.running();
    clock.advance(1);
    const wait = source.current();
    await vi.advanceTimersByTimeAsync(DEADLINE_MS);
    expect(await isOpen(wait)).toBe(false);
    expect(source.report).toMatchObject({ state: SourceState.FAILED, reason: "TIMEOUT" });
  });

  it("holds for a collector that ignores it: not called again before it lets go, no read delayed, nothing piles up", async () => {
    const { source, collector, clock, observed } = setUp({ ignoresSignal: true });
    source.start();
    const hanging = await collector.running();
    await vi.advanceTimersByTimeAsync(DEADLINE_MS);
    for (let reader = 0; reader < 1_000; reader += 1) {
      clock.advance(DEADLINE_MS);
      expect(source.current()).toBeUndefined();
      await vi.advanceTimersByTimeAsync(DEADLINE_MS);
    }
    expect(vi.getTimerCount()).toBe(0);
    expect(observed.reports).toHaveLength(1);
    expect(collector.calls).toBe(1);
    hanging.finish(main);
    await settled();
    expect(collector).toMatchObject({ calls: 2, mostAtOnce: 1 });
    expect(source.report.state).toBe(SourceState.FAILED);
    await collector.finish(next);
    await settled();
    expect(source.report.state).toBe(SourceState.FRESH);
    expect(branchOf(source.report)).toBe("next");
  });
});

describe("the clock", () => {
  it("S22: set back by a day makes no age negative, and ends nothing that is current", async () => {
    const { source, started, clock } = setUp({ coverage: "complete" });
    await started();
    clock.wall -= 86_400_000;
    expect(source.ageMs).toBe(100);
    expect(source.current()).toBeUndefined();
    expect(source.current(1_000)).toBeUndefined();
    clock.monotonic -= 1_000;
    expect(source.ageMs).toBe(0);
  });
});

describe("a change", () => {
  it("is told of only when entries, state or reason are others", async () => {
    const { source, started, read, onChange } = setUp();
    await started();
    const told = async (outcome: Parameters<typeof read>[0]): Promise<boolean> => {
      const before = onChange.mock.calls.length;
      await read(outcome);
      return onChange.mock.calls.length > before;
    };
    expect(await told(main), "the same object").toBe(false);
    expect(await told(data({ git: { branch: "main" } })), "an equal tree").toBe(false);
    expect(await told(data({ git: { branch: "main\x07" } })), "an equal tree once it is clean").toBe(false);
    expect(await told(next), "a value").toBe(true);
    expect(await told(data({ git: { branch: "next" } }, { reason: "W", message: "a" })), "a warning").toBe(
      true,
    );
    expect(await told(data({ git: { branch: "next" } }, { reason: "W", message: "b" })), "its text").toBe(
      false,
    );
    expect(await told(new CollectError("BROKEN", "a")), "stale").toBe(true);
    expect(await told(new CollectError("BROKEN", "a")), "still stale").toBe(false);
    expect(await told(new CollectError("BROKEN", "b")), "the error in its entries").toBe(true);
    expect(await told(new CollectError("GONE", "b")), "a reason").toBe(true);
    expect(await told(next), "fresh again").toBe(true);
    const cut = "x".repeat(4_094);
    await read(data({ git: { branch: cut } }));
    expect(await told(data({ git: { branch: `${cut}x` } })), "that it was cut").toBe(true);
    expect(await told(noData("NOTHING", "a")), "no data").toBe(true);
    expect(await told(noData("NOTHING", "b")), "still no data").toBe(false);
    expect(source.report.message).toBe("b");
  });

  it("leaves alone what the collector keeps", async () => {
    const collector = new SteppedCollector("github");
    const clock = new ManualClock();
    const source = new Source(
      { collector, catalogue, deadlineMs: DEADLINE_MS, watch: true, clock },
      { reported: () => undefined, invalidated: () => undefined },
    );
    onTestFinished(() => source.close());
    const failing = ["a\x1b[31mb", "c".repeat(5_000)];
    const pr = create(GitHubPullRequestSchema, { title: "t".repeat(5_000), checks: { failing } });
    source.start();
    for (let round = 0; round < 2; round += 1) {
      await collector.finish(data({ github: { pr } }));
      await settled();
      expect(source.report.truncated).toEqual(new Set(["github_pr_title", "github_pr_checks_failing"]));
      clock.advance(1);
      void source.current();
    }
    expect(failing).toEqual(["a\x1b[31mb", "c".repeat(5_000)]);
    expect(pr.title).toHaveLength(5_000);
  });
});

describe("the end", () => {
  it("lets every read go, ends collection and events, and leaves no timer and no listener", async () => {
    const { source, collector, clock } = setUp({ coverage: "complete" });
    source.start();
    const { signal } = await collector.running();
    clock.advance(1);
    collector.listener?.changed();
    const waits = [source.current(), source.current(0)];
    await source.close();
    await Promise.all(waits);
    await settled();
    expect(signal.aborted).toBe(true);
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(collector).toMatchObject({ calls: 1, listener: undefined });
    expect(vi.getTimerCount()).toBe(0);
    expect(source.report.state).toBe(SourceState.PENDING);
    expect(source.current()).toBeUndefined();
  });

  it("keeps what is known and tells nobody of a change", async () => {
    const { source, collector, started, onChange, observed } = setUp();
    await started();
    void source.current();
    await collector.running();
    await source.close();
    expect(source.report.state).toBe(SourceState.FRESH);
    expect(onChange).toHaveBeenCalledTimes(1);
    expect(observed.reports).toHaveLength(1);
  });

  it("comes before a collection that was only about to begin", async () => {
    const { source, collector } = setUp();
    source.start();
    await source.close();
    await settled();
    expect(collector.calls).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a source with a period", () => {
  it("is current for that long without events, and collected anew after it", async () => {
    const { source, clock, started, read } = setUp({ periodMs: 5_000 });
    await started();
    clock.advance(4_900);
    expect(source.current()).toBeUndefined();
    clock.advance(1);
    await read(next);
    expect(branchOf(source.report)).toBe("next");
    expect(source.current()).toBeUndefined();
  });

  it("is collected anew before its end when a read asks for a younger state", async () => {
    const { source, collector, clock, started } = setUp({ periodMs: 5_000 });
    await started();
    clock.advance(1_000);
    const wait = source.current(500);
    await collector.finish(next);
    await wait;
    expect(branchOf(source.report)).toBe("next");
  });
});

describe("what a collector found", () => {
  it("S23: is served with text that is not well-formed replaced, wherever it stands", async () => {
    const { source, started } = setUp();
    await started(data({ git: { branch: "a\ud800b", commit: { message: "\udc00" } } }));
    expect(source.report.state).toBe(SourceState.FRESH);
    expect(branchOf(source.report)).toBe("a\ufffdb");
  });
});

describe("a collector that waited in vain", () => {
  it("is not waited for again until it succeeds", async () => {
    const { source, collector, started, clock } = setUp();
    await started();
    const wait = source.current();
    const collection = await collector.running();
    collection.fail(new CollectError("LOCKED", "somebody is at work", { waitedInVain: true }));
    await wait;
    await settled();
    expect(source.report).toMatchObject({ state: SourceState.STALE, reason: "LOCKED" });
    clock.advance(100);
    expect(source.current()).toBeUndefined();
    await collector.finish(next);
    await settled();
    clock.advance(100);
    expect(branchOf(source.report)).toBe("next");
    const again = source.current();
    expect(await isOpen(again)).toBe(true);
  });
});
