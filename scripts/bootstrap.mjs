// Runs before every npm script: installs what is missing and builds what is out of date, and does nothing when nothing
// changed. Plain JavaScript without dependencies, because it runs on whatever Node the machine has, before anything is
// installed.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..");
const at = (...parts) => join(root, ...parts);
/** The Node that this project pins; npm puts it first on the PATH of every script. */
const pinnedNode = at("node_modules", "node", "bin", "node");
const buildStamp = at("dist", ".inputs");

/** What `npm ci` would install for this machine lies in node_modules, the pinned Node included. */
function isInstalled() {
  const installedFile = at("node_modules", ".package-lock.json");
  if (!existsSync(installedFile) || !existsSync(pinnedNode)) {
    return false;
  }
  const wanted = readJson(at("package-lock.json")).packages;
  const installed = readJson(installedFile).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === "" || (path in installed ? installed[path].version === version : optional === true),
  );
}

/** A digest of everything that the build depends on. */
function buildInputs() {
  const hash = createHash("sha256");
  const files = [
    "package.json",
    "package-lock.json",
    "scripts/build.ts",
    "scripts/build-page.ts",
    "scripts/bundle.ts",
    "scripts/licences.ts",
    ...listFiles("src"),
  ];
  for (const file of files) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(at(file)))
      .update("\0");
  }
  return hash.digest("hex");
}

function listFiles(directory) {
  return readdirSync(at(directory), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${directory}/${entry.name}`;
      return entry.isDirectory() ? listFiles(path) : [path];
    });
}

function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

/** Runs a command with its output on standard error, so that standard output stays the program's own. */
function run(what, command, args) {
  process.stderr.write(`${what}\n`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (status !== 0) {
    process.stderr.write(
      `${what} failed: ${command} ${args.join(" ")}${error ? `: ${error.message}` : ""}\n`,
    );
    process.exit(1);
  }
}

if (!isInstalled()) {
  // NODE_ENV=production would leave out what builds and runs the project.
  // npm warns about every package that wants a newer Node than the machine's; the pinned one is not there yet.
  run("installing dependencies", "npm", [
    "ci",
    "--include=dev",
    "--include=optional",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ]);
  if (!existsSync(pinnedNode)) {
    process.stderr.write(
      "the install script of the package `node` did not run, so the pinned Node is missing; allow install scripts (npm config get ignore-scripts) and run npm ci\n",
    );
    process.exit(1);
  }
}
const inputs = buildInputs();
if (!existsSync(buildStamp) || readFileSync(buildStamp, "utf8") !== inputs) {
  run("building", pinnedNode, [at("scripts", "build.ts")]);
  writeFileSync(buildStamp, inputs);
}
