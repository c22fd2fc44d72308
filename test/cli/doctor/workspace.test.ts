import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { diagnose } from "../../helpers/doctor.ts";
import { emptyDirectory } from "../../helpers/program.ts";
import { createRepository, temporaryDirectory, temporaryHome } from "../../helpers/repository.ts";

describe("git", () => {
  test("says its version and where it is", async () => {
    const diagnosis = await diagnose();
    expect(diagnosis.of("git")).toMatchObject({
      level: "ok",
      found: expect.stringMatching(/^git \d+\.\d+\S* at \/\S+\/git$/),
    });
  });

  test("is not there", async () => {
    const diagnosis = await diagnose([], { env: { PATH: temporaryDirectory() } });
    expect(diagnosis.of("git")).toMatchObject({
      level: "problem",
      found: "there is no git in PATH",
      advice: expect.stringContaining("install git"),
    });
    expect(diagnosis.code).toBe(1);
  });

  test("is too old", async () => {
    const programs = temporaryDirectory();
    writeFileSync(join(programs, "git"), "#!/bin/sh\necho git version 2.30.9\n");
    chmodSync(join(programs, "git"), 0o755);
    const diagnosis = await diagnose([], { env: { PATH: `${programs}:/usr/bin:/bin` } });
    expect(diagnosis.of("git")).toMatchObject({
      level: "problem",
      found: `git 2.30.9 at ${programs}/git is too old`,
      advice: "install git 2.31 or newer",
    });
  });

  test("G21: one that lies in the workspace is not run", async () => {
    const workspace = emptyDirectory();
    writeFileSync(join(workspace, "git"), `#!/bin/sh\ntouch ${workspace}/ran\n`);
    chmodSync(join(workspace, "git"), 0o755);
    const env = { HOME: temporaryHome(), PATH: workspace };
    const diagnosis = await diagnose([], { cwd: workspace, env });
    expect(diagnosis.of("git").level).toBe("problem");
  });
});

describe("the workspace", () => {
  test("is a repository", async () => {
    const { root, home, commit } = createRepository();
    commit({ a: "a" });
    const diagnosis = await diagnose([], { cwd: root, env: { HOME: home } });
    expect(diagnosis.of("workspace")).toEqual({
      check: "workspace",
      level: "ok",
      found: `${root}, branch main`,
    });
  });

  test("holds several, or lies in one", async () => {
    const parent = temporaryDirectory();
    const home = temporaryHome();
    for (const name of ["one", "two"]) {
      createRepository({ root: join(parent, name), home }).commit({ a: "a" });
    }
    const env = { HOME: home };
    const above = await diagnose([], { cwd: parent, env });
    expect(above.of("workspace").found).toMatch(/, 2 repositories, of which this is the primary one$/);
    mkdirSync(join(parent, "one/deep"));
    const inside = await diagnose([], { cwd: join(parent, "one/deep"), env });
    expect(inside.of("workspace").found).toBe(`${parent}/one/deep, repository ${parent}/one, branch main`);
  });

  test("is no repository", async () => {
    const diagnosis = await diagnose();
    expect(diagnosis.of("workspace")).toMatchObject({
      level: "warning",
      found: expect.stringContaining("No git repository in"),
      advice: expect.stringContaining("--workspace"),
    });
  });

  test("is not there", async () => {
    const diagnosis = await diagnose(["--workspace", "/nowhere"]);
    expect(diagnosis.of("workspace")).toMatchObject({
      level: "problem",
      found: expect.stringContaining('"/nowhere" is not valid'),
    });
    expect(diagnosis.of("file-events").level).toBe("ok");
  });

  test.skipIf(process.getuid?.() !== 0)("belongs to another user", async () => {
    const { root, home, commit } = createRepository();
    commit({ a: "a" });
    chownSync(root, 12_345, 12_345);
    chownSync(join(root, ".git"), 12_345, 12_345);
    const diagnosis = await diagnose([], { cwd: root, env: { HOME: home } });
    expect(diagnosis.of("workspace")).toMatchObject({
      level: "problem",
      found: expect.stringContaining("DUBIOUS_OWNERSHIP"),
      advice: expect.stringContaining(`git config --global --add safe.directory ${root}`),
    });
  });

  test("G24: a repository that makes git hang costs its own lines", async () => {
    const { root, home, commit, path } = createRepository();
    commit({ a: "a" });
    execFileSync("mkfifo", [path(".gitignore")]);
    const diagnosis = await diagnose(["--git-deadline", "500ms"], { cwd: root, env: { HOME: home } });
    expect(diagnosis.of("workspace")).toMatchObject({
      level: "problem",
      found: `git took longer than 500 ms in ${root}`,
    });
    expect(diagnosis.of("git").level).toBe("ok");
  });

  test("G16: nothing in it is written, and no lock is taken or removed", async () => {
    const { root, home, commit, path } = createRepository();
    commit({ a: "a" });
    const lock = path(".git/index.lock");
    writeFileSync(lock, "");
    const before = statSync(path(".git/index"), { bigint: true });
    const env = { HOME: home };
    const held = await diagnose([], { cwd: root, env });
    expect(held.of("workspace")).toMatchObject({
      level: "warning",
      advice: expect.stringContaining(".git/index.lock"),
    });
    const minuteAgo = Date.now() / 1_000 - 60;
    utimesSync(lock, minuteAgo, minuteAgo);
    const leftBehind = await diagnose([], { cwd: root, env });
    expect(leftBehind.of("workspace").level).toBe("ok");
    expect(statSync(path(".git/index"), { bigint: true })).toMatchObject({
      ino: before.ino,
      mtimeNs: before.mtimeNs,
      ctimeNs: before.ctimeNs,
    });
    expect(existsSync(lock)).toBe(true);
  });
});
