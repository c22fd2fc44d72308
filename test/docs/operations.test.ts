// What docs/operations.md shows of `doctor` is what the program says.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startGitHub } from "../helpers/github.ts";
import { runProgram } from "../helpers/program.ts";
import { createRepository } from "../helpers/repository.ts";

const DOCUMENT = "docs/operations.md";

/** The example of the document. */
function example(): string {
  const [, text = ""] = /^<!-- doctor: .* -->\n\n```\n(.*?)```$/ms.exec(readFileSync(DOCUMENT, "utf8")) ?? [];
  return text;
}

const IN_USE = "this user has 9 of 65536 watches in use";
const OPEN_FILES = "a process may have 1048576 files and sockets open";

/** The line of a check, whatever it says, and its advice. */
function lineOf(check: string): RegExp {
  return new RegExp(`^\\w+ +(${check} +).*\n(?: +->.*\n)?`, "m");
}

/** A process that ended a moment ago. */
function deadProcess(): number {
  return Number(execFileSync("sh", ["-c", "echo $$"], { encoding: "utf8" }));
}

test("the example of doctor", async () => {
  const github = await startGitHub();
  const { root, home, git, commit } = createRepository();
  git("remote", "add", "origin", "https://github.com/octo/app.git");
  commit({ a: "a" });
  git("checkout", "-qb", "mend-login");
  const pid = deadProcess();
  const taskFile = join(home, "task.json");
  writeFileSync(taskFile, JSON.stringify({ status: "running", pid }));
  const other = createServer((_, response) => void response.end("hello")).listen(0, "127.0.0.1");
  onTestFinished(() => {
    other.closeAllConnections();
    other.close();
  });
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as AddressInfo;
  const { code, stdout, stderr } = await runProgram(["doctor"], {
    cwd: root,
    env: {
      HOME: home,
      FLEET_METADATA_LISTEN: `127.0.0.1:${port}`,
      FLEET_METADATA_TASK_FILE: taskFile,
      GITHUB_API_URL: github.apiUrl,
      GITHUB_TOKEN: `ghp_${"x".repeat(36)}`,
    },
  });
  expect({ code, stderr }).toEqual({ code: 1, stderr: "fleet-metadata: there are 2 problems\n" });
  const shown = stdout
    .replaceAll(root, "/home/me/app")
    .replaceAll(home, "/home/me")
    .replaceAll(`127.0.0.1:${port}`, "127.0.0.1:8000")
    .replaceAll(`process ${pid}`, "process 4711")
    .replace(/Node \S+ at \S+/, "Node 24.21.0 at /usr/bin/node")
    .replace(/git \d\S* at \S+/, "git 2.47.3 at /usr/bin/git")
    .replace(/ of \d+ are given/, " of 36 are given")
    // What this machine allows is another matter.
    .replace(
      lineOf("file-events"),
      (_, name: string) => `ok       ${name}61 directories to watch; ${IN_USE}\n`,
    )
    .replace(lineOf("open-files"), (_, name: string) => `ok       ${name}${OPEN_FILES}\n`);
  expect(shown).toBe(example());
});
