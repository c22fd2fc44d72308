// The task file followed by events, on a real file system.

import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Problem } from "../../../src/collectors/collector.ts";
import { watchTaskFile } from "../../../src/collectors/task/watch.ts";
import { until } from "../../helpers/wait.ts";

function follow(directory = mkdtempSync(join(tmpdir(), "fleet-metadata-task-"))) {
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "task.json");
  const end = new AbortController();
  onTestFinished(() => end.abort());
  const heard = { changes: 0, coverage: [] as ("complete" | Problem)[] };
  const listener = {
    changed: () => {
      heard.changes += 1;
    },
    coverage: (state: "complete" | Problem) => heard.coverage.push(state),
  };
  watchTaskFile(file, listener, end.signal);
  /** Does something and waits until it was heard. */
  const change = async (act: () => void): Promise<void> => {
    const before = heard.changes;
    act();
    await until(() => heard.changes > before, "the change is heard");
  };
  return { directory, file, end, heard, change };
}

const watchers = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === "FSEventWrap").length;

describe("a followed task file", () => {
  it("is heard to come, to be written, to be replaced and to go", async () => {
    const { file, heard, change } = follow();
    expect(heard.coverage).toEqual(["complete"]);
    await change(() => writeFileSync(file, "{}"));
    await change(() => writeFileSync(file, "{} "));
    writeFileSync(`${file}.new`, "{}");
    await change(() => renameSync(`${file}.new`, file));
    await change(() => rmSync(file));
  });

  it("is not disturbed by its neighbours", async () => {
    const { directory, file, heard, change } = follow();
    for (let index = 0; index < 50; index += 1) {
      writeFileSync(join(directory, `neighbour-${index}`), "");
    }
    await change(() => mkdirSync(file));
    expect(heard.changes).toBe(1);
  });

  it("is no longer followed when its directory goes, and says so", async () => {
    const { directory, heard } = follow();
    renameSync(directory, `${directory}-moved`);
    onTestFinished(() => rmSync(`${directory}-moved`, { recursive: true }));
    await until(() => heard.coverage.length === 2, "the loss is told");
    expect(heard.coverage[1]).toMatchObject({ reason: "NOT_FOLLOWED" });
  });

  it("is not followed where there is no directory", () => {
    const { heard } = follow("/does/not/exist");
    expect(heard.coverage).toMatchObject([{ reason: "NOT_FOLLOWED" }]);
  });

  it("leaves nothing behind", async () => {
    const before = watchers();
    const { end } = follow();
    expect(watchers()).toBe(before + 1);
    end.abort();
    await until(() => watchers() === before, "the watcher is gone");
  });
});
