import { getEventListeners } from "node:events";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { Checkout } from "../../src/collectors/checkout.ts";
import { CollectError } from "../../src/collectors/collector.ts";
import { SourceState } from "../../src/gen/fleet/metadata/v1/envelope_pb.ts";
import { createCatalogue } from "../../src/metadata/catalogue.ts";
import { RemoteSource } from "../../src/metadata/remote-source.ts";
import { PENDING, type SourceReport } from "../../src/metadata/source-report.ts";
import {
  ControlledRemote,
  type ControlledRemoteOptions,
  checkoutOf,
  type Finding,
} from "../helpers/controlled-remote.ts";
import { isOpen, ManualTime, settled } from "../helpers/manual-time.ts";

const catalogue = createCatalogue();
const DEADLINE_MS = 30_000;
const FIVE_MINUTES = 300_000;
const DOWN = new CollectError("UNREACHABLE", "GitHub cannot be reached");

function setUp(options: ControlledRemoteOptions = {}) {
  const time = new ManualTime();
  const remote = new ControlledRemote(time, options);
  const git = { name: "git", report: PENDING };
  const onNews = vi.fn<() => void>();
  const observed: { report: SourceReport; error: unknown }[] = [];
  const source = new RemoteSource(
    {
      collector: remote,
      followed: git,
      catalogue,
      deadlineMs: DEADLINE_MS,
      clock: time,
      timers: time,
      observer: { collected: (_, report, error) => observed.push({ report, error }) },
    },
    onNews,
  );
  source.start();
  onTestFinished(async () => {
    remote.release();
    await source.close();
  });
  /** What git finds. */
  const report = (state: SourceState, rest: Partial<SourceReport> = {}): boolean => {
    const collectedAt = { wallMs: time.wallMs(), monotonicMs: time.monotonicMs() };
    git.report = { state, reason: "", message: "", truncated: new Set(), collectedAt, ...rest };
    return source.follow();
  };
  const checkOut = (branch: string, head?: string): boolean =>
    report(SourceState.FRESH, { checkout: checkoutOf(branch, head) });
  /** A read, over. */
  const read = async (): Promise<void> => {
    const wait = source.current();
    await settled();
    expect(await isOpen(wait)).toBe(false);
  };
  /** Ends the refresh that runs. */
  const answer = async (finding: Finding): Promise<void> => {
    remote.refreshing.end(finding);
    await settled();
  };
  /** A branch that was read for the first time and has pull request 1. */
  const started = async (finding: Finding = 1): Promise<void> => {
    checkOut("a");
    const wait = source.current();
    await settled();
    await answer(finding);
    await wait;
  };
  return { time, remote, source, onNews, observed, report, checkOut, read, answer, started };
}

function numberOf({ metadata }: SourceReport): number | undefined {
  return (metadata as { github?: { pr?: { number?: number } } } | undefined)?.github?.pr?.number;
}

describe("the very first collection", () => {
  it("P14: begins with the first read, not with the start and not with a commit", async () => {
    const { remote, source, time, checkOut } = setUp();
    checkOut("a");
    await time.advance(FIVE_MINUTES);
    checkOut("a", "2".repeat(40));
    await time.advance(FIVE_MINUTES);
    expect(remote.asked).toEqual([]);
    expect(source.report.state).toBe(SourceState.PENDING);
    expect(source.nextCollectionMs).toBeUndefined();
    void source.current();
    await settled();
    expect(remote.asked).toEqual(["a"]);
  });

  it("is waited for, by all who read meanwhile", async () => {
    const { remote, source, checkOut, answer } = setUp();
    checkOut("a");
    const waits = Array.from({ length: 100 }, () => source.current());
    expect(await isOpen(Promise.race(waits))).toBe(true);
    await answer(1);
    await Promise.all(waits);
    expect(numberOf(source.report)).toBe(1);
    expect(source.current()).toBeUndefined();
    expect(remote).toMatchObject({ asked: ["a"], mostAtOnce: 1 });
  });

  it("is waited for 1 s at most after its begin, then the state is pending, and the rest follows", async () => {
    const { source, time, checkOut, answer, onNews } = setUp();
    checkOut("a");
    const first = source.current();
    await time.advance(600);
    const second = source.current();
    await time.advance(399);
    expect(await isOpen(first)).toBe(true);
    await time.advance(1);
    expect([await isOpen(first), await isOpen(second)]).toEqual([false, false]);
    expect(source.report.state).toBe(SourceState.PENDING);
    expect(source.report.message).toBe("pull requests of base octo/app, head octo/app:a");
    expect(source.current()).toBeUndefined();
    expect(onNews).not.toHaveBeenCalled();
    await answer(1);
    expect(numberOf(source.report)).toBe(1);
    expect(onNews).toHaveBeenCalledTimes(1);
  });

  it("is waited for when it fails, too", async () => {
    const { source, started, time } = setUp();
    await started(DOWN);
    expect(source.report).toMatchObject({ state: SourceState.FAILED, reason: "UNREACHABLE" });
    expect(time.timersMs).toHaveLength(1);
  });

  it("is none for a second branch: it is pending at once", async () => {
    const { source, started, checkOut, answer } = setUp();
    await started();
    checkOut("b");
    expect(source.current()).toBeUndefined();
    expect(source.report).toMatchObject({
      state: SourceState.PENDING,
      message: "pull requests of base octo/app, head octo/app:b",
    });
    await settled();
    await answer(2);
    expect(numberOf(source.report)).toBe(2);
  });
});

describe("a read", () => {
  it("P14: causes no request while the last answer is younger than its time to live", async () => {
    const { remote, time, started, read } = setUp();
    await started();
    for (let second = 0; second < 29; second += 1) {
      await time.advance(1_000);
      await read();
    }
    expect(remote.asked).toEqual(["a"]);
  });

  it("P14: is not hurried by max_age", async () => {
    const { remote, source, time, started } = setUp();
    await started();
    await time.advance(10_000);
    expect(source.current()).toBeUndefined();
    await settled();
    expect(remote.asked).toEqual(["a"]);
    expect(source.ageMs).toBe(10_000);
  });

  it("P14: keeps it renewed for 5 minutes, by one timer, and then no request is made until the next read", async () => {
    const { remote, source, time, started, read } = setUp({ ttlMs: 60_000 });
    await started();
    expect(time.timersMs).toEqual([60_000]);
    for (let round = 2; round <= 5; round += 1) {
      await time.advance(60_000);
      expect(remote.asked).toHaveLength(round);
      remote.refreshing.end(1);
      await settled();
    }
    expect(time.timersMs).toEqual([]);
    await time.advance(7_200_000);
    expect(remote.asked).toHaveLength(5);
    expect(source.nextCollectionMs).toBeUndefined();
    // The rested state, with its age, at once.
    expect(source.report.state).toBe(SourceState.FRESH);
    expect(source.ageMs).toBe(7_200_000);
    expect(source.current()).toBeUndefined();
    await settled();
    expect(remote.asked).toHaveLength(6);
    remote.refreshing.end(7);
    await settled();
    expect(numberOf(source.report)).toBe(7);
    await read();
    expect(source.ageMs).toBe(0);
  });

  it("after the end is served from what is known", async () => {
    const { source, started, remote, time } = setUp();
    await started();
    await source.close();
    await time.advance(60_000);
    expect(source.current()).toBeUndefined();
    await settled();
    expect(numberOf(source.report)).toBe(1);
    expect(remote.asked).toEqual(["a"]);
  });
});

describe("a watch", () => {
  it("P14: counts as use for as long as it lasts, and 5 minutes longer", async () => {
    const { remote, source, time, checkOut, answer } = setUp();
    checkOut("a");
    source.begin();
    source.begin();
    await settled();
    await answer(1);
    for (let minute = 0; minute < 60; minute += 1) {
      await time.advance(30_000);
      await answer(1);
      await time.advance(30_000);
      await answer(1);
    }
    expect(remote.asked).toHaveLength(121);
    source.end();
    await time.advance(29_999);
    source.end();
    expect(time.timersMs).toEqual([1]);
    await time.advance(1);
    await answer(1);
    for (let round = 0; round < 9; round += 1) {
      await time.advance(30_000);
      await answer(1);
    }
    expect(time.timersMs).toEqual([]);
    await time.advance(FIVE_MINUTES);
    expect(remote.asked).toHaveLength(131);
  });

  it("hears what changed, and nothing when only time went by", async () => {
    const { remote, source, time, checkOut, answer, onNews } = setUp();
    checkOut("a");
    source.begin();
    await settled();
    await answer(1);
    expect(onNews).toHaveBeenCalledTimes(1);
    remote.rateLimit = { limit: 5_000, remaining: 4_999, resetMs: 0 };
    await time.advance(30_000);
    await answer(1);
    expect(source.ageMs).toBe(0);
    expect(onNews).toHaveBeenCalledTimes(1);
    await time.advance(30_000);
    await answer(2);
    expect(onNews).toHaveBeenCalledTimes(2);
  });

  it("begins at once what is due", async () => {
    const { remote, source, time, started } = setUp();
    await started();
    await time.advance(FIVE_MINUTES * 2);
    remote.release();
    await time.advance(FIVE_MINUTES * 2);
    const before = remote.asked.length;
    source.begin();
    await settled();
    expect(remote.asked).toHaveLength(before + 1);
  });
});

describe("the branch that it is about", () => {
  it("P7: is the one that git has found, from that very moment", async () => {
    const { remote, source, started, checkOut } = setUp();
    await started();
    remote.learn("b", 2);
    expect(checkOut("b")).toBe(true);
    expect(numberOf(source.report)).toBe(2);
    expect(checkOut("c")).toBe(true);
    expect(source.report.state).toBe(SourceState.PENDING);
    expect(source.report.metadata).toBeUndefined();
    expect(checkOut("a")).toBe(true);
    expect(numberOf(source.report)).toBe(1);
  });

  it("P7: has its values kept at a new commit, an upstream that moved and a second look", async () => {
    const { source, started, checkOut, onNews } = setUp();
    await started();
    onNews.mockClear();
    expect(checkOut("a")).toBe(false);
    expect(checkOut("a", "2".repeat(40))).toBe(false);
    expect(numberOf(source.report)).toBe(1);
    expect(onNews).not.toHaveBeenCalled();
  });

  it("P7, P15: is looked up at once where somebody is there, and the refresh of another one is ended", async () => {
    const { remote, source, started, checkOut, time, answer } = setUp();
    await started();
    await time.advance(30_000);
    const { signal } = remote.refreshing;
    checkOut("b");
    await settled();
    expect(signal.aborted).toBe(true);
    expect(remote).toMatchObject({ asked: ["a", "a", "b"], mostAtOnce: 1 });
    await answer(2);
    expect(numberOf(source.report)).toBe(2);
    expect(source.report.state).toBe(SourceState.FRESH);
  });

  it("P7: keeps what a refresh that another branch overtook has found for the way back, and does not show it", async () => {
    const { remote, source, started, checkOut, time } = setUp({ ignoresSignal: true });
    await started();
    await time.advance(30_000);
    checkOut("b");
    await settled();
    expect(remote.asked).toEqual(["a", "a"]);
    remote.refreshing.end(3);
    await settled();
    expect(source.report.state).toBe(SourceState.PENDING);
    expect(remote.asked).toEqual(["a", "a", "b"]);
    checkOut("a");
    expect(numberOf(source.report)).toBe(3);
  });

  it("P7: that came back before the refresh of it was given up has not failed for that", async () => {
    const { source, started, checkOut, time } = setUp();
    await started();
    await time.advance(30_000);
    checkOut("b");
    checkOut("a");
    await settled();
    expect(source.report).toMatchObject({ state: SourceState.FRESH, reason: "" });
    expect(numberOf(source.report)).toBe(1);
  });

  it("P15: is looked up for a new commit as soon as the refresh that runs has ended", async () => {
    const { remote, started, checkOut, time, answer } = setUp();
    await started();
    await time.advance(30_000);
    remote.due = 0;
    checkOut("a", "2".repeat(40));
    await answer(1);
    expect(remote.asked).toEqual(["a", "a", "a"]);
  });

  it("P7: keeps a refresh going at a new commit, so that commits in a row do not keep it from ever ending", async () => {
    const { remote, source, checkOut, answer } = setUp();
    checkOut("a");
    void source.current();
    await settled();
    const { signal } = remote.refreshing;
    checkOut("a", "2".repeat(40));
    await settled();
    expect(signal.aborted).toBe(false);
    await answer(1);
    expect(numberOf(source.report)).toBe(1);
  });

  it("has no failure of another one", async () => {
    const { remote, source, started, checkOut, time, answer } = setUp();
    await started();
    remote.learn("b", 2);
    await time.advance(30_000);
    await answer(DOWN);
    expect(source.report.state).toBe(SourceState.STALE);
    checkOut("a", "2".repeat(40));
    expect(source.report.state).toBe(SourceState.STALE);
    checkOut("b");
    expect(source.report).toMatchObject({ state: SourceState.FRESH, reason: "" });
  });
});

describe("when git", () => {
  it("is pending, so is this", async () => {
    const { source, read, remote } = setUp();
    await read();
    expect(source.report.state).toBe(SourceState.PENDING);
    expect(remote.asked).toEqual([]);
  });

  it("has no data, so has this, for the same reason, and nothing of before is shown", async () => {
    const { source, started, report } = setUp();
    await started();
    const said = { reason: "NOT_A_REPOSITORY", message: "No git repository in /w." };
    expect(report(SourceState.NO_DATA, said)).toBe(true);
    expect(source.report).toMatchObject({ state: SourceState.NO_DATA, ...said });
    expect(source.report.metadata).toBeUndefined();
    expect(source.ageMs).toBe(0);
    expect(source.nextCollectionMs).toBeUndefined();
  });

  it("has failed, this has failed for that reason, and says that the branch is not known", async () => {
    const { source, started, report, time, remote } = setUp();
    await started();
    report(SourceState.FAILED, { reason: "REPOSITORY_GONE", message: "It is gone." });
    expect(source.report).toMatchObject({
      state: SourceState.FAILED,
      reason: "REPOSITORY_GONE",
      message: "the current branch is not known: It is gone.",
    });
    await time.advance(FIVE_MINUTES);
    expect(remote.asked).toEqual(["a"]);
  });

  it("is stale, this goes by its last checkout", async () => {
    const { source, started, report, time, remote, answer } = setUp();
    await started();
    report(SourceState.STALE, { reason: "TIMEOUT", message: "slow", checkout: checkoutOf("a") });
    expect(source.report).toMatchObject({ state: SourceState.FRESH, reason: "" });
    expect(numberOf(source.report)).toBe(1);
    await time.advance(30_000);
    await answer(1);
    expect(remote.asked).toEqual(["a", "a"]);
  });

  it("tells no checkout, this has failed", async () => {
    const { source, report } = setUp();
    report(SourceState.FRESH);
    expect(source.report).toMatchObject({ state: SourceState.FAILED, reason: "CHECKOUT_UNKNOWN" });
  });

  it("has no branch, there is nothing to ask", async () => {
    const { source, remote, report, read, time } = setUp();
    const { branch: _, ...detached } = checkoutOf("a");
    report(SourceState.FRESH, { checkout: detached satisfies Checkout });
    await read();
    expect(source.report).toMatchObject({
      state: SourceState.NO_DATA,
      reason: "DETACHED",
      message: "no branch is checked out",
    });
    expect(source.ageMs).toBe(0);
    expect(time.timersMs).toEqual([]);
    expect(remote.asked).toEqual([]);
  });
});

describe("the state", () => {
  it("is fresh with its age, and says what it is about", async () => {
    const { source, started, time } = setUp();
    await started();
    await time.advance(12_000);
    expect(source.report).toMatchObject({
      state: SourceState.FRESH,
      reason: "",
      message: "pull requests of base octo/app, head octo/app:a",
    });
    expect(source.ageMs).toBe(12_000);
    expect(source.nextCollectionMs).toBe(time.wallMs() + 18_000);
  });

  it("P19: is stale after a failed refresh, with the last good values and their age, and fresh after the next one", async () => {
    const { source, started, time, answer } = setUp();
    await started();
    await time.advance(30_000);
    await answer(DOWN);
    expect(source.report).toMatchObject({
      state: SourceState.STALE,
      reason: "UNREACHABLE",
      message: "GitHub cannot be reached; pull requests of base octo/app, head octo/app:a",
    });
    expect(numberOf(source.report)).toBe(1);
    expect(source.ageMs).toBe(30_000);
    await time.advance(30_000);
    await answer(1);
    expect(source.report).toMatchObject({ state: SourceState.FRESH, reason: "" });
    expect(source.ageMs).toBe(0);
  });

  it("P19: is failed, not no data, when that there was no pull request could not be confirmed", async () => {
    const { source, started, time, answer } = setUp();
    await started("none");
    expect(source.report).toMatchObject({ state: SourceState.NO_DATA, reason: "NO_PULL_REQUEST" });
    await time.advance(30_000);
    await answer(DOWN);
    expect(source.report).toMatchObject({ state: SourceState.FAILED, reason: "UNREACHABLE" });
  });

  it("P19: is failed after a failure that says that nothing before it holds", async () => {
    const { source, started, time, answer } = setUp();
    await started();
    await time.advance(30_000);
    await answer(new CollectError("GONE", "the repository is gone", { invalidates: true }));
    expect(source.report).toMatchObject({ state: SourceState.FAILED, reason: "GONE" });
    expect(source.report.metadata).toBeUndefined();
  });

  it("P17, P18: of a branch that cannot be asked about now tells why, and is never pending for it", async () => {
    const { remote, source, started, checkOut, time } = setUp();
    await started();
    remote.learn("b", 2);
    remote.due = Number.POSITIVE_INFINITY;
    remote.obstacle = { reason: "UNAUTHENTICATED", message: "GitHub does not accept the token" };
    checkOut("c");
    expect(source.report).toMatchObject({
      state: SourceState.FAILED,
      reason: "UNAUTHENTICATED",
      message: "GitHub does not accept the token; pull requests of base octo/app, head octo/app:c",
    });
    checkOut("b");
    expect(source.report).toMatchObject({ state: SourceState.STALE, reason: "UNAUTHENTICATED" });
    expect(numberOf(source.report)).toBe(2);
    remote.obstacle = undefined;
    void source.current();
    remote.change(time.monotonicMs());
    expect(source.report).toMatchObject({ state: SourceState.FRESH, reason: "" });
    await settled();
    expect(remote.asked).toEqual(["a", "b"]);
  });

  it("is cleaned, and each defect is reported without being served", async () => {
    const { source, started, observed, time, answer } = setUp();
    const defect = new TypeError("a secret");
    await started();
    await time.advance(30_000);
    await answer(defect);
    expect(source.report).toMatchObject({ state: SourceState.STALE, reason: "INTERNAL" });
    expect(source.report.message).not.toContain("secret");
    expect(observed.map(({ error }) => error)).toEqual([undefined, defect]);
  });
});

describe("a refresh", () => {
  it("P19: ends at its deadline, and the next one begins when the collector has let go", async () => {
    const { remote, source, started, time } = setUp({ ignoresSignal: true });
    await started();
    await time.advance(30_000);
    const hanging = remote.refreshing;
    await time.advance(DEADLINE_MS);
    expect(hanging.signal.aborted).toBe(true);
    expect(source.report).toMatchObject({ state: SourceState.STALE, reason: "TIMEOUT" });
    expect(source.report.collectionMs).toBe(DEADLINE_MS);
    await time.advance(60_000);
    expect(remote.asked).toHaveLength(2);
    expect(source.current()).toBeUndefined();
    hanging.end(2);
    await settled();
    expect(numberOf(source.report)).toBe(2);
    await time.advance(30_000);
    remote.refreshing.end(2);
    await settled();
    expect(source.report.state).toBe(SourceState.FRESH);
  });

  it("is never followed at once by another one that a defect calls for", async () => {
    const { remote, started, time, answer } = setUp();
    remote.due = 0;
    await started();
    for (let second = 0; second < 10; second += 1) {
      await time.advance(1_000);
      await answer(1);
    }
    expect(remote.asked).toHaveLength(11);
    await time.advance(1_000);
    await answer(new TypeError("a defect"));
    await time.advance(4_999);
    expect(remote.asked).toHaveLength(12);
    await time.advance(1);
    expect(remote.asked).toHaveLength(13);
  });

  it("is made at once when the collector tells that something has changed, if somebody is there", async () => {
    const { remote, started, time, answer, source } = setUp();
    await started(new CollectError("UNAUTHENTICATED", "the token is not valid"));
    remote.change(time.monotonicMs());
    await settled();
    expect(remote.asked).toHaveLength(2);
    remote.due = undefined;
    await answer(1);
    expect(source.report.state).toBe(SourceState.FRESH);
    await time.advance(FIVE_MINUTES * 2);
    remote.release();
    await time.advance(FIVE_MINUTES * 2);
    const before = remote.asked.length;
    remote.change(time.monotonicMs());
    await settled();
    expect(remote.asked).toHaveLength(before);
  });
});

describe("a preparation", () => {
  it("P6: is waited for by reads, and nothing is shown before it has ended", async () => {
    const { remote, source, started, checkOut, onNews } = setUp();
    await started();
    remote.needsPreparation = true;
    checkOut("a", "2".repeat(40));
    onNews.mockClear();
    const wait = source.current();
    expect(await isOpen(wait)).toBe(true);
    expect(source.report.state).toBe(SourceState.PENDING);
    remote.endPreparation();
    await wait;
    expect(numberOf(source.report)).toBe(1);
    expect(onNews).toHaveBeenCalledTimes(1);
    expect(source.current()).toBeUndefined();
  });

  it("P6: of an older commit is given up", async () => {
    const { remote, source, started, checkOut } = setUp();
    await started();
    remote.needsPreparation = true;
    checkOut("a", "2".repeat(40));
    const [old] = remote.preparations;
    checkOut("a", "3".repeat(40));
    await settled();
    expect(old?.signal.aborted).toBe(true);
    expect(remote.prepared).toEqual(["2".repeat(40), "3".repeat(40)]);
    remote.endPreparation();
    await settled();
    expect(numberOf(source.report)).toBe(1);
  });

  it("is made after the first refresh, too, and the first read waits for both", async () => {
    const { remote, source, checkOut, answer } = setUp();
    remote.needsPreparation = true;
    checkOut("a");
    const wait = source.current();
    await settled();
    await answer(1);
    expect(await isOpen(wait)).toBe(true);
    remote.endPreparation();
    await wait;
    expect(numberOf(source.report)).toBe(1);
  });

  it("that failed is said, and tried again by the next read, which does not wait for it", async () => {
    const { remote, source, started, checkOut } = setUp();
    await started();
    remote.needsPreparation = true;
    checkOut("a", "2".repeat(40));
    remote.endPreparation(new CollectError("GIT_FAILED", "git failed"));
    await settled();
    expect(source.report).toMatchObject({ state: SourceState.FAILED, reason: "GIT_FAILED" });
    expect(source.current()).toBeUndefined();
    await settled();
    expect(remote.prepared).toHaveLength(2);
    remote.endPreparation();
    await settled();
    expect(source.report.state).toBe(SourceState.FRESH);
  });

  it("ends at its deadline", async () => {
    const { remote, source, started, checkOut, time } = setUp();
    await started();
    remote.needsPreparation = true;
    checkOut("a", "2".repeat(40));
    const wait = source.current();
    await time.advance(5_000);
    await wait;
    expect(source.report).toMatchObject({ state: SourceState.FAILED, reason: "TIMEOUT" });
    expect(source.report.message).toContain("git did not answer");
  });
});

describe("the end of a remote source", () => {
  it("lets waiting reads go, ends what runs and leaves nothing behind", async () => {
    const { remote, source, checkOut, time } = setUp();
    checkOut("a");
    source.begin();
    const waits = [source.current(), source.current()];
    await settled();
    const { signal } = remote.refreshing;
    await source.close();
    await Promise.all(waits);
    expect(signal.aborted).toBe(true);
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(time.timersMs).toEqual([]);
    expect(remote.isWatched).toBe(false);
    expect(checkOut("b")).toBe(false);
    source.end();
    await settled();
    expect(time.timersMs).toEqual([]);
  });
});

describe("a collector that throws where it must not", () => {
  it("costs its own values and nothing else", async () => {
    const { remote, source, started, checkOut, observed, time } = setUp();
    await started();
    remote.defect = new TypeError("a secret");
    expect(checkOut("a", "2".repeat(40))).toBe(true);
    expect(source.report).toMatchObject({ state: SourceState.FAILED, reason: "INTERNAL" });
    expect(source.report.message).not.toContain("secret");
    expect(source.current()).toBeUndefined();
    expect(observed.some(({ error }) => error === remote.defect)).toBe(true);
    remote.defect = undefined;
    checkOut("a", "3".repeat(40));
    expect(source.report.state).toBe(SourceState.FRESH);
    await time.advance(0);
  });
});
