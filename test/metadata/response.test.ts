import { toBinary, toJson } from "@bufbuild/protobuf";
import { describe, expect, it, onTestFinished } from "vitest";
import { CollectError, type Collected } from "../../src/collectors/collector.ts";
import { GetMetadataResponseSchema, MetadataView } from "../../src/gen/fleet/metadata/v1/service_pb.ts";
import { METADATA_LIMITS } from "../../src/metadata/limits.ts";
import { createResponse } from "../../src/metadata/response.ts";
import { selectKeys } from "../../src/metadata/selection.ts";
import { MetadataService } from "../../src/metadata/service.ts";
import { data, ManualClock, noData, SteppedCollector } from "../helpers/stepped-collector.ts";

const NOW_MS = Date.UTC(2026, 0, 1, 12);
const main = data({ git: { branch: "main" } });

/** A service whose git source found each of these, 250 ms apart, at the last time now. */
async function answer(
  outcomes: (Collected | Error)[],
  { keys = [] as string[], view = MetadataView.UNSPECIFIED as MetadataView, totalBytes = 1_000_000 } = {},
) {
  const collector = new SteppedCollector("git");
  const clock = new ManualClock();
  clock.wall = NOW_MS - 250 * outcomes.length;
  const service = new MetadataService({
    collectors: [{ collector, deadlineMs: 5_000 }],
    clock,
    limits: { ...METADATA_LIMITS, totalBytes },
  });
  onTestFinished(() => service.close());
  const selection = selectKeys(service.catalogue, keys);
  const everything = selectKeys(service.catalogue);
  for (const [index, outcome] of outcomes.entries()) {
    const read = index === 0 ? undefined : service.read({ selection: everything });
    if (index === 0) {
      service.start();
    }
    await collector.finish(outcome);
    await (read ?? service.read({ selection: everything }));
    clock.advance(250);
  }
  const response = createResponse(service, selection, view, {
    serverVersion: "1.2.3",
    nowMs: clock.wallMs(),
  });
  return toJson(GetMetadataResponseSchema, response) as {
    data?: Record<string, unknown>;
    meta: Record<string, unknown>;
    sources: Record<string, Record<string, unknown>>;
    workspace?: unknown;
    unknownKeys?: string[];
  };
}

describe("an answer", () => {
  it("says of itself what it is, all in strings", async () => {
    const { meta } = await answer([main]);
    expect(meta).toEqual({
      version: "1.0",
      serverVersion: "1.2.3",
      revision: expect.stringMatching(/^\S+$/),
      generatedAt: "2026-01-01T12:00:00Z",
    });
  });

  it("says of a source when it was collected, and how long ago", async () => {
    const { sources } = await answer([main]);
    expect(sources["git"]).toEqual({
      state: "SOURCE_STATE_FRESH",
      collectedAt: "2026-01-01T11:59:59.750Z",
      age: "0.250s",
      collectionTime: "0s",
    });
  });

  it("says it to the millisecond, also by a clock that knows less than one", async () => {
    const collector = new SteppedCollector("git");
    const clock = new ManualClock();
    clock.wall = NOW_MS + 0.4321;
    const service = new MetadataService({ collectors: [{ collector, deadlineMs: 5_000 }], clock });
    onTestFinished(() => service.close());
    service.start();
    await collector.finish(main);
    await service.read({ selection: selectKeys(service.catalogue) });
    const response = createResponse(service, selectKeys(service.catalogue), MetadataView.ENTRIES, {
      serverVersion: "1.2.3",
      nowMs: NOW_MS,
    });
    expect(toBinary(GetMetadataResponseSchema, response).length).toBeGreaterThan(0);
    expect(toJson(GetMetadataResponseSchema, response)).toMatchObject({
      sources: { git: { collectedAt: "2026-01-01T12:00:00Z" } },
    });
    collector.release();
  });

  it("says of a stale source when its values were collected, not when they could not be", async () => {
    const { sources } = await answer([main, new CollectError("BROKEN", "it is broken")]);
    expect(sources["git"]).toMatchObject({
      state: "SOURCE_STATE_STALE",
      reason: "BROKEN",
      message: "it is broken",
      collectedAt: "2026-01-01T11:59:59.500Z",
      age: "0.500s",
    });
  });

  it("says of a failed source no time", async () => {
    const { sources } = await answer([new CollectError("BROKEN", "it is broken")]);
    expect(sources["git"]).toEqual({
      state: "SOURCE_STATE_FAILED",
      reason: "BROKEN",
      message: "it is broken",
      collectionTime: "0s",
    });
  });

  it("names every source, whatever keys were asked for", async () => {
    const { sources, data: entries } = await answer([noData("NOT_A_REPOSITORY")], {
      keys: ["workspace_name"],
    });
    expect(Object.keys(sources)).toEqual(["git", "github", "workspace", "task"]);
    expect(sources["github"]).toMatchObject({ state: "SOURCE_STATE_DISABLED" });
    expect(sources["git"]).toMatchObject({ state: "SOURCE_STATE_NO_DATA", reason: "NOT_A_REPOSITORY" });
    expect(entries).toBeUndefined();
  });

  it.each([
    ["unspecified", MetadataView.UNSPECIFIED, true, false],
    ["entries", MetadataView.ENTRIES, true, false],
    ["typed", MetadataView.TYPED, false, true],
    ["full", MetadataView.FULL, true, true],
  ])("has the form that the view %s asks for", async (_, view, flat, typed) => {
    const response = await answer([main], { view, keys: ["git_branch", "nothing"] });
    expect(response.data !== undefined).toBe(flat);
    expect(response.workspace).toEqual(typed ? { git: { branch: "main" } } : undefined);
    expect(response.unknownKeys).toEqual(["nothing"]);
  });

  it("S23: says of a source what the limit on the sum left out", async () => {
    const tree = data({ git: { branch: "main", stashes: 1, directory: "/w" } });
    const { data: entries, sources } = await answer([tree], { totalBytes: 150 });
    expect(Object.keys(entries ?? {})).toEqual(["git_branch"]);
    expect(sources["git"]).toMatchObject({
      state: "SOURCE_STATE_FRESH",
      reason: "TOO_LARGE",
      message: "2 keys left out: all entries together exceed the limit",
    });
  });

  it("S23: says that beside the source's own reason", async () => {
    const tree = data({ git: { branch: "main", stashes: 1 } }, { reason: "PARTIAL", message: "not all" });
    const { sources } = await answer([tree], { totalBytes: 150 });
    expect(sources["git"]).toMatchObject({
      reason: "PARTIAL",
      message: "not all; 1 key left out: all entries together exceed the limit",
    });
  });
});
