// The unit for systemd: valid by systemd's own tool, installed by the commands of docs/operations.md, and what it starts started.

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { documentedCommands } from "../helpers/documented.ts";
import { emptyDirectory, MAIN, runProgram, startProgram } from "../helpers/program.ts";
import { createRepository } from "../helpers/repository.ts";

const root = join(import.meta.dirname, "../..");
const unit = readFileSync(join(root, "deploy/systemd/fleet-metadata.service"), "utf8");

/** The value of a directive; a user's directories in place of systemd's names for them. */
function directive(name: string, home = ""): string {
  const [, value = ""] = new RegExp(`^${name}=(.*)$`, "m").exec(unit) ?? [];
  return value.replaceAll("%h", home).replaceAll("%E", join(home, ".config"));
}

/** A home with the program and the unit in it, as the document has them put there. */
function installedHome(): string {
  const home = emptyDirectory();
  const program = join(home, ".local/bin/fleet-metadata");
  mkdirSync(dirname(program), { recursive: true });
  writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} -- ${MAIN} "$@"\n`);
  chmodSync(program, 0o755);
  for (const command of documentedCommands("A service of systemd")) {
    if (!/^(systemctl|loginctl) /.test(command)) {
      execFileSync("sh", ["-ec", command], { cwd: root, env: { PATH: process.env["PATH"], HOME: home } });
    }
  }
  return home;
}

test("the document puts unit and settings where they are looked for", () => {
  const home = installedHome();
  expect(readFileSync(join(home, ".config/systemd/user/fleet-metadata.service"), "utf8")).toBe(unit);
  expect(readFileSync(join(home, ".config/fleet-metadata/settings.env"), "utf8")).toBe(
    `FLEET_METADATA_WORKSPACE=${home}/project\n`,
  );
});

const HAS_SYSTEMD_ANALYZE = spawnSync("systemd-analyze", ["--version"]).status === 0;

test.skipIf(!HAS_SYSTEMD_ANALYZE)("systemd finds nothing wrong with it (needs systemd-analyze)", () => {
  const home = installedHome();
  const file = join(home, ".config/systemd/user/fleet-metadata.service");
  const { status, stdout, stderr } = spawnSync("systemd-analyze", ["--user", "verify", file], {
    env: { PATH: process.env["PATH"], HOME: home, XDG_RUNTIME_DIR: emptyDirectory() },
    encoding: "utf8",
  });
  // It speaks of every unit on the machine.
  const ours = `${stdout}${stderr}`.split("\n").filter((line) => line.includes("fleet-metadata"));
  expect({ status, ours }).toEqual({ status: 0, ours: [] });
});

test("what it starts serves the workspace of the settings, and reads them again at its reload", async () => {
  const home = installedHome();
  createRepository({ root: join(home, "project"), home, initArgs: ["-b", "topic"] });
  const start = directive("ExecStart", home).split(" ");
  const { url, pid, logged, kill, ended } = await startProgram([], { program: start, env: { HOME: home } });
  const branch = await (await fetch(`${url}/metadata/git_branch`)).json();
  expect(branch).toMatchObject({ value: "topic" });
  execFileSync("sh", ["-ec", directive("ExecReload").replace("$MAINPID", String(pid))]);
  await logged("again");
  kill("SIGTERM");
  expect(await ended).toMatchObject({ code: 0, stderr: "" });
});

test("a wrong setting ends it with the status after which it is not started again", async () => {
  const home = installedHome();
  const start = directive("ExecStart", home).split(" ");
  // There is no such workspace.
  const { code } = await runProgram([], { program: start, env: { HOME: home } });
  expect(String(code)).toBe(directive("RestartPreventExitStatus"));
  expect(directive("Restart")).toBe("on-failure");
});

test("nothing in it makes a namespace, in which the agent's process and the task file could not be seen", () => {
  const directives = [...unit.matchAll(/^(\w+)=/gm)].map(([, name = ""]) => name);
  expect(
    directives.filter((name) => /^(Private|Protect|ReadOnly|ReadWrite|Inaccessible|Bind)/.test(name)),
  ).toEqual([]);
});
