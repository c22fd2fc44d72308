import { execFileSync } from "node:child_process";
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { describe, expect, it, onTestFinished } from "vitest";
import { CollectError } from "../../../src/collectors/collector.ts";
import { createTaskCollector, type TaskCollectorOptions } from "../../../src/collectors/task/index.ts";
import { SourceState } from "../../../src/gen/fleet/metadata/v1/envelope_pb.ts";
import { WorkspaceMetadataSchema } from "../../../src/gen/fleet/metadata/v1/workspace_metadata_pb.ts";
import { TaskStatus } from "../../../src/gen/fleet/metadata/v1/workspace_pb.ts";
import { selectKeys } from "../../../src/metadata/selection.ts";
import { MetadataService } from "../../../src/metadata/service.ts";

function setUp(options: Partial<TaskCollectorOptions> = {}) {
  const directory = mkdtempSync(join(tmpdir(), "fleet-task-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "task.json");
  const collector = createTaskCollector({ file, workspace: "/work/project", ...options });
  const collect = async () => await collector.collect({ signal: AbortSignal.timeout(20_000) });
  const status = async (): Promise<TaskStatus | undefined> => {
    const collected = await collect();
    if (collected.outcome === "no_data") {
      return undefined;
    }
    return create(WorkspaceMetadataSchema, collected.metadata).workspace?.task?.status;
  };
  /** The reason that a collection is refused with. */
  const reason = async (): Promise<string> => {
    try {
      return `not refused: ${(await collect()).outcome}`;
    } catch (error) {
      return error instanceof CollectError ? error.reason : `defect: ${error}`;
    }
  };
  const write = (content: unknown): void => {
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  };
  return { directory, file, collector, collect, status, reason, write };
}

describe("the task file", () => {
  it("is read", async () => {
    const { write, status } = setUp();
    write({ status: "running" });
    expect(await status()).toBe(TaskStatus.RUNNING);
  });

  it("is read again when it is another one", async () => {
    const { write, status, file } = setUp();
    write({ status: "running" });
    expect(await status()).toBe(TaskStatus.RUNNING);
    write({ status: "waiting" });
    expect(await status()).toBe(TaskStatus.WAITING);
    writeFileSync(`${file}.new`, JSON.stringify({ status: "failed" }));
    renameSync(`${file}.new`, file);
    expect(await status()).toBe(TaskStatus.FAILED);
    rmSync(file);
    expect(await status()).toBeUndefined();
  });

  it("gives the same answer while it is the same", async () => {
    const { write, collect } = setUp();
    write({ status: "running" });
    const first = await collect();
    expect(await collect()).toBe(first);
    write({ status: "waiting" });
    expect(await collect()).not.toBe(first);
  });

  it.each([
    ["the workspace", "/work/project"],
    ["a directory in it", "/work/project/src"],
    ["whatever it is called", "/work/project/..src"],
  ])("S19: counts when its agent works in %s", async (_, cwd) => {
    const { write, status } = setUp();
    write({ status: "running", cwd });
    expect(await status()).toBe(TaskStatus.RUNNING);
  });

  it.each(["/work/other", "/work", "/work/project2", "/work/project/../other", "/"])(
    "S19: is ignored when its agent works elsewhere: %s",
    async (cwd) => {
      const { write, collect } = setUp();
      write({ status: "running", cwd });
      expect(await collect()).toMatchObject({ outcome: "no_data", reason: "OTHER_WORKSPACE" });
    },
  );

  it("S19: that is not there is no data", async () => {
    const { collect, file } = setUp();
    expect(await collect()).toMatchObject({ outcome: "no_data", reason: "NO_TASK_FILE" });
    writeFileSync(`${file}-a-file`, "");
    const below = setUp({ file: `${file}-a-file/task.json` });
    expect(await below.collect()).toMatchObject({ outcome: "no_data", reason: "NO_TASK_FILE" });
  });

  it("S19: with a date in the future is served with a warning, until that is past", async () => {
    let nowMs = Date.now() + 10_000;
    const { write, collect } = setUp({ now: () => nowMs });
    write({ status: "running", updated_at: new Date(nowMs + 3_600_000).toISOString() });
    expect(await collect()).toMatchObject({ outcome: "data", warning: { reason: "TASK_FILE_FUTURE_DATE" } });
    nowMs += 3_600_000;
    expect(await collect()).not.toHaveProperty("warning");
  });
});

describe("in the place of the task file", () => {
  it("S19: a half-written one is refused", async () => {
    const { write, reason } = setUp();
    write('{"status": "run');
    expect(await reason()).toBe("TASK_FILE_NOT_JSON");
  });

  it("S19: one of 100 MB is refused unread", async () => {
    const { write, reason, file } = setUp();
    write({ status: "running" });
    truncateSync(file, 100_000_000);
    expect(await reason()).toBe("TASK_FILE_TOO_LARGE");
  });

  it("S19: one of the largest size is read", async () => {
    const { write, status } = setUp();
    const text = JSON.stringify({ status: "running", description: "" });
    write(text.replace('""', `"${"x".repeat(64 * 1024 - text.length)}"`));
    expect(await status()).toBe(TaskStatus.RUNNING);
  });

  it("S19: a FIFO does not block", async () => {
    const { reason, file } = setUp();
    execFileSync("mkfifo", [file]);
    expect(await reason()).toBe("TASK_FILE_NOT_A_FILE");
  });

  it("S19: a directory is refused", async () => {
    const { reason, file } = setUp();
    mkdirSync(file);
    expect(await reason()).toBe("TASK_FILE_NOT_A_FILE");
  });

  it("S19: a device is refused", async () => {
    const { reason } = setUp({ file: "/dev/zero" });
    expect(await reason()).toBe("TASK_FILE_NOT_A_FILE");
  });

  it("S19: a socket is refused", async () => {
    const { reason, file } = setUp();
    const server = createServer();
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(file, resolve));
    expect(await reason()).toBe("TASK_FILE_NOT_A_FILE");
  });

  it.each([
    ["to a good file", "elsewhere.json"],
    ["to nothing", "nothing"],
    ["to itself", "task.json"],
  ])("S19: a symbolic link is refused: %s", async (_, target) => {
    const { directory, file, reason } = setUp();
    writeFileSync(join(directory, "elsewhere.json"), JSON.stringify({ status: "running" }));
    symlinkSync(join(directory, target), file);
    expect(await reason()).toBe("TASK_FILE_SYMBOLIC_LINK");
  });

  it("S19: another user's is refused", async () => {
    const { write, file } = setUp();
    write({ status: "running" });
    if (statSync(file).uid === 0) {
      // Root's files are trusted; root may give them away.
      chownSync(file, 4711, 4711);
    }
    const { uid } = statSync(file);
    expect(await setUp({ file, uid }).status()).toBe(TaskStatus.RUNNING);
    expect(await setUp({ file, uid: uid + 1 }).reason()).toBe("TASK_FILE_FOREIGN");
  });

  it("root's is read like one's own", async () => {
    expect(await setUp({ file: "/etc/passwd", uid: 4711 }).reason()).toBe("TASK_FILE_NOT_JSON");
  });

  it("S19: a name that no file can have is refused", async () => {
    const { reason } = setUp({ file: `/tmp/${"x".repeat(1_000)}` });
    expect(await reason()).toBe("TASK_FILE_UNREADABLE");
  });

  it("leaves no file open, whatever it is", async () => {
    const { write, reason, file } = setUp();
    for (const content of [{ status: "idle" }, "{", { status: "x" }, { status: "idle", cwd: "/" }]) {
      write(content);
      await reason();
    }
    expect(openFiles()).not.toContain(file);
  });
});

/** Paths of the files that this process has open. One that is closed while it is looked at is none of them. */
function openFiles(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

describe("the last good state", () => {
  it("S19: is kept for a half-written file, as stale, and renewed when it is whole", async () => {
    const { collector, write } = setUp();
    const service = new MetadataService({ collectors: [{ collector, deadlineMs: 20_000 }] });
    onTestFinished(() => service.close());
    const selection = selectKeys(service.catalogue, ["workspace_task_*"]);
    const read = async () => {
      await service.read({ selection, maxAgeMs: 0 });
      const { entries } = service.snapshot;
      const entry = entries.get("workspace_task_status");
      const { state, reason } = service.sources().get("task")?.report ?? {};
      return { state, reason, value: entry?.value?.kind.value, error: entry?.error };
    };
    service.start();
    write({ status: "running" });
    expect(await read()).toMatchObject({ state: SourceState.FRESH, value: "running", error: undefined });
    write('{"status": "wai');
    expect(await read()).toMatchObject({
      state: SourceState.STALE,
      reason: "TASK_FILE_NOT_JSON",
      value: "running",
      error: expect.stringContaining("not JSON"),
    });
    write({ status: "waiting" });
    expect(await read()).toMatchObject({
      state: SourceState.FRESH,
      reason: "",
      value: "waiting",
      error: undefined,
    });
  });

  it("S19: is not kept when there is no file any more", async () => {
    const { collector, write, file } = setUp();
    const service = new MetadataService({ collectors: [{ collector, deadlineMs: 20_000 }] });
    onTestFinished(() => service.close());
    const selection = selectKeys(service.catalogue);
    service.start();
    write({ status: "running" });
    await service.read({ selection, maxAgeMs: 0 });
    expect(service.snapshot.entries.size).toBeGreaterThan(0);
    rmSync(file);
    await service.read({ selection, maxAgeMs: 0 });
    expect(service.snapshot.entries.size).toBe(0);
    expect(service.sources().get("task")?.report).toMatchObject({
      state: SourceState.NO_DATA,
      reason: "NO_TASK_FILE",
    });
  });
});
