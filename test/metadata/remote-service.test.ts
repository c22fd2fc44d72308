// A service of git and of a source that follows it: what both say together.

import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { CollectError, type Collected } from "../../src/collectors/collector.ts";
import { SourceState } from "../../src/gen/fleet/metadata/v1/envelope_pb.ts";
import { createSourceStatuses } from "../../src/metadata/response.ts";
import { selectKeys } from "../../src/metadata/selection.ts";
import { MetadataService } from "../../src/metadata/service.ts";
import { ControlledRemote, checkoutOf } from "../helpers/controlled-remote.ts";
import { isOpen, ManualTime, settled } from "../helpers/manual-time.ts";
import { noData, SteppedCollector } from "../helpers/stepped-collector.ts";

/** What git finds on a branch. */
function onBranch(branch: string, head?: string): Collected {
  const checkout = checkoutOf(branch, head);
  return { outcome: "data", metadata: { git: { branch, commit: { sha: checkout.head ?? "" } } }, checkout };
}

function createService() {
  const time = new ManualTime();
  const git = new SteppedCollector("git", { coverage: "complete" });
  const remote = new ControlledRemote(time);
  const service = new MetadataService({
    collectors: [
      { remote, follows: "git", deadlineMs: 30_000 },
      { collector: git, deadlineMs: 60_000 },
    ],
    clock: time,
    timers: time,
  });
  const release = async (): Promise<void> => {
    git.release();
    remote.release();
    await service.close();
  };
  const select = (...names: string[]) => selectKeys(service.catalogue, names);
  const shown = (key: string): unknown => service.snapshot.entries.get(key)?.value?.kind.value;
  return { time, git, remote, service, select, shown, release };
}

/** On branch a, with its pull request, both read once. */
async function setUp() {
  const made = createService();
  const { git, remote, service, select, release, time } = made;
  onTestFinished(release);
  service.start();
  await git.finish(onBranch("a"));
  const read = service.read({ selection: select() });
  await settled();
  remote.refreshing.end(1);
  await read;
  await time.advance(100);
  return made;
}

describe("a service with a source that follows git", () => {
  it("is refused when git has no collector, and when two collectors have one source", () => {
    const remote = new ControlledRemote(new ManualTime());
    const scheduled = { remote, follows: "git", deadlineMs: 1_000 };
    expect(() => new MetadataService({ collectors: [scheduled] })).toThrow(
      '"github" follows "git", which has no collector',
    );
    const git = { collector: new SteppedCollector("git"), deadlineMs: 1_000 };
    expect(() => new MetadataService({ collectors: [git, scheduled, scheduled] })).toThrow(
      'two collectors for the source "github"',
    );
  });

  it("P7: shows the new branch and what is known of its pull request in one step", async () => {
    const { git, remote, service, select, shown } = await setUp();
    remote.learn("b", 2);
    const seen: unknown[] = [];
    const end = service.subscribe(() => seen.push([shown("git_branch"), shown("github_pr_number")]));
    git.listener?.changed();
    const read = service.read({ selection: select("git_branch") });
    await git.finish(onBranch("b"));
    await read;
    end();
    expect(seen).toEqual([["b", 2]]);
  });

  it("waits for git when a read asks for keys of the other alone, because git decides what they are about", async () => {
    const { git, remote, service, select, shown } = await setUp();
    remote.learn("b", 2);
    git.listener?.changed();
    const read = service.read({ selection: select("github_pr_number") });
    expect(await isOpen(read)).toBe(true);
    await git.finish(onBranch("b"));
    await read;
    expect(shown("github_pr_number")).toBe(2);
  });

  it("collects git once for a read of both, also where no events tell of changes", async () => {
    const { git, service, select, time } = await setUp();
    git.listener?.coverage({ reason: "WATCH_LIMIT", message: "too many directories" });
    await time.advance(100);
    const read = service.read({ selection: select() });
    await git.finish(onBranch("a"));
    await read;
    expect(git.calls).toBe(2);
  });

  it("P14: hands max_age on to git alone", async () => {
    const { git, remote, service, select, time } = await setUp();
    await time.advance(1_000);
    const read = service.read({ selection: select("github_*"), maxAgeMs: 0 });
    await git.finish(onBranch("a"));
    await read;
    expect(git.calls).toBe(2);
    expect(remote.asked).toEqual(["a"]);
  });

  it("P14: takes a read of other keys for no use", async () => {
    const { remote, service, select, time, git } = createService();
    onTestFinished(async () => {
      git.release();
      remote.release();
      await service.close();
    });
    service.start();
    await git.finish(onBranch("a"));
    await service.read({ selection: select("git_*", "workspace_*") });
    await time.advance(3_600_000);
    expect(remote.asked).toEqual([]);
  });

  it("P14: keeps both current while somebody watches keys of the one that follows, and of no other", async () => {
    const { git, remote, service, select, time } = await setUp();
    await time.advance(3_600_000);
    remote.release();
    await time.advance(3_600_000);
    const before = remote.asked.length;
    const other = service.subscribe(() => undefined, select("git_*").sources);
    await settled();
    expect(remote.asked).toHaveLength(before);
    other();
    const end = service.subscribe(() => undefined, select("github_*").sources);
    await settled();
    expect(remote.asked).toHaveLength(before + 1);
    git.listener?.changed();
    await git.finish(onBranch("b"));
    await settled();
    expect(remote.asked.at(-1)).toBe("b");
    end();
  });

  it("tells when it asks next and how the budget stands, which is no new revision", async () => {
    const { remote, service, time } = await setUp();
    const { revision } = service.snapshot;
    expect(createSourceStatuses(service, service.snapshot)["github"]).not.toHaveProperty("rateLimit");
    remote.rateLimit = { limit: 5_000, remaining: 4_321, resetMs: time.wallMs() + 60_000 };
    await time.advance(5_000);
    const status = createSourceStatuses(service, service.snapshot)["github"];
    expect(status?.rateLimit).toMatchObject({ limit: 5_000, remaining: 4_321 });
    const nextMs = Number(status?.nextCollectionAt?.seconds) * 1_000;
    expect(Math.abs(nextMs - (time.wallMs() + 24_900))).toBeLessThan(1_000);
    expect(service.snapshot.revision).toBe(revision);
  });

  it("has a new revision when values, state or reason change", async () => {
    const { remote, service, time } = await setUp();
    const revisions = [service.snapshot.revision];
    const outcomes = [
      2,
      new CollectError("UNREACHABLE", "down"),
      new CollectError("RATE_LIMITED", "limit"),
      2,
    ];
    for (const outcome of outcomes) {
      await time.advance(30_000);
      remote.refreshing.end(outcome);
      await settled();
      revisions.push(service.snapshot.revision);
    }
    expect(new Set(revisions).size).toBe(5);
  });

  it("costs a read of local keys nothing while the remote hangs", async () => {
    const { remote, service, select, time, shown } = await setUp();
    await time.advance(30_000);
    expect(remote.refreshes.size).toBe(1);
    expect(await isOpen(service.read({ selection: select("git_branch") }))).toBe(false);
    expect(await isOpen(service.read({ selection: select() }))).toBe(false);
    expect(shown("github_pr_number")).toBe(1);
  });
});

type Step =
  | { readonly kind: "git"; readonly branch: string; readonly head: string }
  | { readonly kind: "git-fails"; readonly invalidates: boolean }
  | { readonly kind: "git-nothing" }
  | { readonly kind: "answer"; readonly finding: number | "none" | "fails" }
  | { readonly kind: "prepared"; readonly fails: boolean }
  | { readonly kind: "preparations"; readonly needed: boolean }
  | { readonly kind: "read"; readonly keys: string }
  | { readonly kind: "watch" | "unwatch" }
  | { readonly kind: "time"; readonly ms: number };

const branches = fc.constantFrom("a", "b", "c");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("git" as const),
      branch: branches,
      head: fc.constantFrom("1".repeat(40), "2".repeat(40)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("answer" as const),
      finding: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom("none" as const, "fails" as const)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("read" as const),
      keys: fc.constantFrom("", "git_branch", "github_pr_number"),
    }),
  },
  fc.record({ kind: fc.constant("git-fails" as const), invalidates: fc.boolean() }),
  fc.constant({ kind: "git-nothing" as const }),
  fc.record({ kind: fc.constant("prepared" as const), fails: fc.boolean() }),
  fc.record({ kind: fc.constant("preparations" as const), needed: fc.boolean() }),
  fc.record({ kind: fc.constantFrom("watch" as const, "watch" as const, "unwatch" as const) }),
  fc.record({ kind: fc.constant("time" as const), ms: fc.integer({ min: 1, max: 400_000 }) }),
);

/** Does the steps on a service of its own, and looks at every state that anybody could see. */
async function play(steps: readonly Step[]): Promise<void> {
  const { time, git, remote, service, select, shown, release } = createService();
  const reads: Promise<void>[] = [];
  let end: (() => void) | undefined;
  /** What nobody may ever see. Kept, because what a subscriber throws is lost. */
  const wrong: string[] = [];
  /** The title of every pull request here names its branch. */
  const look = (): void => {
    const title = shown("github_pr_title");
    const branch = String(shown("git_branch"));
    const { report, ageMs = 0 } = service.sources().get("github") ?? {};
    const hasValues = report?.state === SourceState.FRESH || report?.state === SourceState.STALE;
    if (hasValues ? title !== `of ${branch}` : typeof title === "string") {
      wrong.push(`${String(title)} beside ${branch} in state ${report?.state}`);
    }
    if (remote.mostAtOnce > 1 || ageMs < 0) {
      wrong.push(`${remote.mostAtOnce} refreshes at once, age ${ageMs}`);
    }
  };
  const always = service.subscribe(look);
  service.start();
  for (const one of steps) {
    switch (one.kind) {
      case "git":
      case "git-fails":
      case "git-nothing": {
        git.listener?.changed();
        reads.push(service.read({ selection: select("git_branch") }));
        await git.finish(
          one.kind === "git"
            ? onBranch(one.branch, one.head)
            : one.kind === "git-nothing"
              ? noData("NOT_A_REPOSITORY")
              : new CollectError("GIT_FAILED", "git failed", { invalidates: one.invalidates }),
        );
        break;
      }
      case "answer":
        for (const question of remote.refreshes) {
          question.end(one.finding === "fails" ? new CollectError("UNREACHABLE", "down") : one.finding);
        }
        break;
      case "prepared":
        for (const question of remote.preparations) {
          question.end(one.fails ? new CollectError("GIT_FAILED", "git failed") : "none");
        }
        break;
      case "preparations":
        remote.needsPreparation = one.needed;
        break;
      case "read":
        reads.push(service.read({ selection: select(one.keys) }));
        break;
      case "watch":
        end ??= service.subscribe(look, select("github_*").sources);
        break;
      case "unwatch":
        end?.();
        end = undefined;
        break;
      case "time":
        await time.advance(one.ms);
        break;
    }
    look();
    await settled();
    look();
  }
  end?.();
  always();
  // Whoever still waits, waits for git, for a preparation or for the first second.
  const waiting = Promise.all(reads);
  await time.advance(10_000);
  while ((await isOpen(waiting)) && git.isRunning) {
    await git.finish(onBranch("a"));
    await time.advance(10_000);
  }
  if (await isOpen(waiting)) {
    wrong.push("a read hangs");
  }
  await release();
  expect(wrong).toEqual([]);
  expect(time.timersMs).toEqual([]);
}

describe("whatever happens in whatever order", () => {
  it("P7: no state combines one branch with the pull request of another, and no read hangs", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        await play(steps);
      }),
      {
        numRuns: 300,
        // A preparation that begins with the last collection of git.
        examples: [
          [
            [
              { kind: "read", keys: "" },
              { kind: "preparations", needed: true },
              { kind: "git", branch: "a", head: "1".repeat(40) },
              { kind: "read", keys: "" },
              { kind: "answer", finding: 1 },
            ],
          ],
        ],
      },
    );
  });
});
