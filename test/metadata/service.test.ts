import { describe, expect, it, onTestFinished, vi } from "vitest";
import { CollectError } from "../../src/collectors/collector.ts";
import { SourceState } from "../../src/gen/fleet/metadata/v1/envelope_pb.ts";
import { selectKeys } from "../../src/metadata/selection.ts";
import { MetadataService } from "../../src/metadata/service.ts";
import {
  data,
  ManualClock,
  noData,
  SteppedCollector,
  type SteppedCollectorOptions,
} from "../helpers/stepped-collector.ts";

const main = data({ git: { branch: "main" } });
const next = data({ git: { branch: "next" } });
const name = data({ workspace: { name: "w" } });

function createService(...collectors: SteppedCollector[]) {
  const clock = new ManualClock();
  const service = new MetadataService({
    collectors: collectors.map((collector) => ({ collector, deadlineMs: 60_000 })),
    clock,
  });
  onTestFinished(async () => {
    for (const collector of collectors) {
      collector.release();
    }
    await service.close();
  });
  const select = (...names: string[]) => selectKeys(service.catalogue, names);
  return { service, clock, select };
}

/** Two sources, both collected once. */
async function setUp(options: SteppedCollectorOptions = { coverage: "complete" }) {
  const git = new SteppedCollector("git", options);
  const workspace = new SteppedCollector("workspace", options);
  const { service, clock, select } = createService(git, workspace);
  service.start();
  await Promise.all([git.finish(main), workspace.finish(name)]);
  await service.read({ selection: select() });
  /** What a read finds after an event. */
  const change = async (
    outcome: Parameters<SteppedCollector["finish"]>[0],
    collector = git,
  ): Promise<void> => {
    clock.advance(1);
    collector.listener?.changed();
    const read = service.read({ selection: select(`${collector.source}_*`) });
    await collector.finish(outcome);
    await read;
  };
  return { git, workspace, service, clock, select, change };
}

describe("a service", () => {
  it("refuses a collector whose source no key names", () => {
    expect(() => createService(new SteppedCollector("weather"))).toThrow(
      'no key comes from a source named "weather"',
    );
  });

  it("refuses two collectors for one source", () => {
    expect(() => createService(new SteppedCollector("git"), new SteppedCollector("git"))).toThrow(
      'two collectors for the source "git"',
    );
  });

  it("says of sources without a collector that they are disabled, in the order of the catalogue", () => {
    const { service } = createService(new SteppedCollector("task"));
    const sources = service.sources();
    expect([...sources.keys()]).toEqual(["git", "github", "workspace", "task"]);
    expect(sources.get("github")?.report).toMatchObject({
      state: SourceState.DISABLED,
      reason: "NOT_COLLECTED",
    });
    expect(sources.get("task")?.report.state).toBe(SourceState.PENDING);
  });

  it("does not follow events when told so", async () => {
    const collector = new SteppedCollector("git", { coverage: "complete" });
    const service = new MetadataService({ collectors: [{ collector, deadlineMs: 1_000 }], watch: false });
    onTestFinished(() => service.close());
    service.start();
    await collector.finish(main);
    expect(collector.listener).toBeUndefined();
  });
});

describe("a read", () => {
  it("of other keys is not delayed by a source that hangs", async () => {
    const git = new SteppedCollector("git", { ignoresSignal: true });
    const workspace = new SteppedCollector("workspace");
    const { service, select } = createService(git, workspace);
    service.start();
    await workspace.finish(name);
    const reads = Array.from({ length: 100 }, async () => {
      await service.read({ selection: select("workspace_name") });
      return service.snapshot;
    });
    for (const snapshot of await Promise.all(reads)) {
      expect(snapshot.entries.get("workspace_name")?.value?.kind.value).toBe("w");
    }
    expect(service.sources().get("git")?.report.state).toBe(SourceState.PENDING);
    expect(git.calls).toBe(1);
  });

  it("waits for the slowest source that it asks for", async () => {
    const git = new SteppedCollector("git");
    const workspace = new SteppedCollector("workspace");
    const { service, select } = createService(git, workspace);
    service.start();
    await workspace.finish(name);
    const order: string[] = [];
    const read = service.read({ selection: select() }).then(() => order.push("read"));
    const slow = await git.running();
    order.push("git");
    slow.finish(main);
    await read;
    expect(order).toEqual(["git", "read"]);
  });

  it("waits for nothing when it asks for nothing that is known", async () => {
    const { service, select } = createService(new SteppedCollector("git"));
    service.start();
    await service.read({ selection: select("unknown") });
    const { entries } = service.snapshot;
    expect(entries.size).toBe(0);
  });

  it("never fails because of a source", async () => {
    const { service, select, change, workspace } = await setUp();
    await change(new Error("a defect"));
    await change(new CollectError("GONE", "gone", { invalidates: true }), workspace);
    await service.read({ selection: select("nothing") });
    const { entries } = service.snapshot;
    expect(entries.get("git_branch")).toMatchObject({ error: expect.stringContaining("unexpected") });
    expect(entries.get("workspace_name")).toMatchObject({ error: "gone" });
  });

  it("hands its age on to the sources that it asks for", async () => {
    const { service, select, clock, git, workspace } = await setUp();
    clock.advance(1_000);
    await service.read({ selection: select(), maxAgeMs: 1_000 });
    clock.advance(1);
    const read = service.read({ selection: select("git_branch"), maxAgeMs: 1_000 });
    await git.finish(next);
    await read;
    const { entries } = service.snapshot;
    expect(entries.get("git_branch")?.value?.kind.value).toBe("next");
    expect([git.calls, workspace.calls]).toEqual([2, 1]);
  });

  it("that is given up ends alone: others get what they waited for", async () => {
    const git = new SteppedCollector("git");
    const { service, select } = createService(git);
    service.start();
    const { signal: collection, finish } = await git.running();
    const leaving = new AbortController();
    const left = service.read({ selection: select(), signal: leaving.signal });
    const stayed = service.read({ selection: select(), signal: new AbortController().signal });
    const reason = new Error("no longer wanted");
    leaving.abort(reason);
    await expect(left).rejects.toBe(reason);
    expect(collection.aborted).toBe(false);
    finish(main);
    await stayed;
    expect(service.snapshot.entries.get("git_branch")?.value?.kind.value).toBe("main");
    expect(git.calls).toBe(1);
  });

  it("that was given up before it began is refused when it would wait", async () => {
    const { service, select } = createService(new SteppedCollector("git"));
    service.start();
    const signal = AbortSignal.abort(new Error("no longer wanted"));
    await expect(service.read({ selection: select(), signal })).rejects.toThrow("no longer wanted");
  });

  it("S14: 1,000 at once that are given up leave nothing behind, and the next one is served", async () => {
    const { service, select, git, clock } = await setUp();
    clock.advance(1);
    git.listener?.changed();
    const leaving = new AbortController();
    const remove = vi.spyOn(leaving.signal, "removeEventListener");
    const reads = Array.from({ length: 1_000 }, async () => {
      await service.read({ selection: select(), signal: leaving.signal });
    });
    const outcomes = Promise.allSettled(reads);
    leaving.abort();
    expect((await outcomes).every(({ status }) => status === "rejected")).toBe(true);
    expect(remove).toHaveBeenCalledTimes(1_000);
    const read = service.read({ selection: select() });
    await git.finish(next);
    await read;
    expect(service.snapshot.entries.get("git_branch")?.value?.kind.value).toBe("next");
    expect(git).toMatchObject({ calls: 2, mostAtOnce: 1 });
  });

  it("after the end is served from what is known", async () => {
    const { service, select, git } = await setUp({});
    await service.close();
    await service.read({ selection: select(), maxAgeMs: 0 });
    const { entries } = service.snapshot;
    expect(entries.get("git_branch")?.value?.kind.value).toBe("main");
    expect(git.calls).toBe(1);
  });
});

describe("the revision", () => {
  it("changes when an entry, a state or a reason does, and not otherwise", async () => {
    const { service, change, clock, workspace } = await setUp();
    const changed = async (outcome: Parameters<typeof change>[0], collector?: SteppedCollector) => {
      const before = service.snapshot;
      await change(outcome, collector);
      expect(service.snapshot === before).toBe(service.snapshot.revision === before.revision);
      return service.snapshot.revision !== before.revision;
    };
    expect(await changed(main)).toBe(false);
    expect(await changed(data({ git: { branch: "main" } }))).toBe(false);
    clock.advance(86_400_000);
    expect(await changed(name, workspace)).toBe(false);
    expect(await changed(next)).toBe(true);
    expect(await changed(noData("NOT_A_REPOSITORY"))).toBe(true);
    expect(await changed(new CollectError("BROKEN", "broken"))).toBe(true);
    expect(await changed(new CollectError("GIT_NOT_FOUND", "broken"))).toBe(true);
    expect(await changed(data({ workspace: { name: "x" } }), workspace)).toBe(true);
  });

  it("never repeats, neither in one run nor in two", async () => {
    const seen: string[] = [];
    for (let run = 0; run < 2; run += 1) {
      const { service, change } = await setUp();
      seen.push(service.snapshot.revision);
      for (const outcome of [next, main, next, main]) {
        await change(outcome);
        seen.push(service.snapshot.revision);
      }
    }
    expect(new Set(seen).size).toBe(seen.length);
  });
});

describe("a subscriber", () => {
  it("hears of every change, until it ends", async () => {
    const { service, change } = await setUp();
    const branches: unknown[] = [];
    const end = service.subscribe(() => {
      branches.push(service.snapshot.entries.get("git_branch")?.value?.kind.value);
    });
    await change(next);
    await change(next);
    await change(main);
    end();
    await change(next);
    end();
    expect(branches).toEqual(["next", "main"]);
  });

  it("may end itself, or another, while it is called", async () => {
    const { service, change } = await setUp();
    const second = vi.fn<() => void>();
    const first = vi.fn<() => void>(() => {
      endFirst();
      endSecond();
    });
    const endFirst = service.subscribe(first);
    const endSecond = service.subscribe(second);
    await change(next);
    await change(main);
    expect(first).toHaveBeenCalledTimes(1);
    expect(second).not.toHaveBeenCalled();
  });
});
