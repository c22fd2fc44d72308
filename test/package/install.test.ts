// The package as people install it: with npm, from a registry on this machine that has it and what it depends on, by the
// commands of docs/operations.md.

import { execFile } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { documentedCommands } from "../helpers/documented.ts";
import { prepareSource, readManifest } from "../helpers/package.ts";
import { processesIn } from "../helpers/processes.ts";
import { startProgram } from "../helpers/program.ts";
import { openRegistry, type Registry } from "../helpers/registry.ts";
import { createRepository } from "../helpers/repository.ts";

/** npm is a large program, and the machine has others. */
const DEADLINE_MS = 60_000;

const root = join(import.meta.dirname, "../..");
const directory = realpathSync(mkdtempSync(join(tmpdir(), "fleet-install-")));
const { name, version, dependencies } = readManifest(root);
const prefix = join(directory, "global");
const installed = join(prefix, "lib/node_modules");
const home = join(directory, "home");
let registry: Registry;

beforeAll(async () => {
  const [source, packages] = [join(directory, "source"), join(directory, "packages")];
  mkdirSync(packages);
  mkdirSync(home);
  await prepareSource(root, source);
  const others = Object.keys(dependencies).map((dependency) => join(root, "node_modules", dependency));
  registry = await openRegistry([source, ...others], packages);
}, DEADLINE_MS);

afterAll(async () => {
  await registry.close();
  rmSync(directory, { recursive: true, force: true });
});

/** The environment of a user for whom that registry is the only one. */
function environment(): Record<string, string> {
  const path = [join(prefix, "bin"), dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter);
  return {
    PATH: path,
    HOME: home,
    npm_config_registry: registry.url,
    npm_config_prefix: prefix,
    npm_config_cache: join(directory, "cache"),
    npm_config_userconfig: join(home, ".npmrc"),
    npm_config_globalconfig: join(home, "npmrc"),
    npm_config_update_notifier: "false",
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_yes: "true",
  };
}

/** Starts a command of the document that serves a workspace, and reads from it. */
async function expectToServe(command: string): Promise<void> {
  const { root: project } = createRepository({
    root: join(home, "project"),
    home,
    initArgs: ["-b", "topic"],
  });
  const cwd = join(directory, "elsewhere");
  mkdirSync(cwd, { recursive: true });
  try {
    const { url } = await startProgram([], {
      program: ["sh", "-c", `${command} "$@"`, "sh"],
      cwd,
      env: environment(),
    });
    const answer = (await (await fetch(`${url}/metadata`)).json()) as {
      readonly data: Readonly<Record<string, { readonly value: unknown }>>;
      readonly meta: { readonly serverVersion: string };
    };
    expect(answer.data["git_branch"]?.value).toBe("topic");
    expect(answer.meta.serverVersion).toBe(version);
    expect(await (await fetch(url)).text()).toMatch(/^<!doctype html>/);
  } finally {
    // The server is not the first process: npx has started a shell, and that the server.
    for (const pid of processesIn(cwd)) {
      process.kill(pid, "SIGKILL");
    }
    rmSync(project, { recursive: true, force: true });
  }
}

const [npx = "", install = "", run = ""] = documentedCommands("With npm");

test("the document has three commands", () => {
  expect([npx, install, run].map((command) => command.split(" ", 2).join(" "))).toEqual([
    "npx fleet-metadata",
    "npm install",
    "fleet-metadata --workspace",
  ]);
});

test(npx, { timeout: DEADLINE_MS }, async () => {
  await expectToServe(npx);
});

test(`${install}; ${run}`, { timeout: DEADLINE_MS }, async () => {
  await promisify(execFile)("sh", ["-c", install], { cwd: directory, env: environment() });
  await expectToServe(run);
});

test("nothing is installed but the package and what its client imports, and nothing runs at that", () => {
  const expected = [name, ...Object.keys(dependencies)].sort();
  expect([...registry.fetched].sort()).toEqual(expected);
  const manifests = globSync("**/node_modules/{*,@*/*}/package.json", { cwd: prefix });
  const packages = manifests.map((file) => {
    const manifest = JSON.parse(readFileSync(join(prefix, file), "utf8")) as {
      readonly name: string;
      readonly scripts?: Readonly<Record<string, string>>;
    };
    expect(Object.keys(manifest.scripts ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(pre|post)?install$/)]),
    );
    return manifest.name;
  });
  expect(packages.sort()).toEqual(expected);
});

test("it is small", () => {
  const sizeOf = (folder: string): number =>
    globSync("**", { cwd: folder, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  const [own, all] = [sizeOf(join(installed, name, "dist")), sizeOf(installed)];
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  console.log(`installed: ${megabytes(all)} MB, of which the program and its client ${megabytes(own)} MB`);
  expect(all).toBeLessThan(12e6);
});
