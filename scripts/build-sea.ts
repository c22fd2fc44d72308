// Makes the program one executable file, which needs no Node on its machine: the Node that runs this, with the program and its
// page inside. `npm run build:sea [-- FILE]`.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { build } from "rolldown";
import { buildPage } from "./build-page.ts";
import { CHUNK_OUTPUT, CHUNKS, ROOT, withoutWideCharacters } from "./bundle.ts";

/** Where Node looks for what was put into it. */
const RESOURCE = "NODE_SEA_BLOB";
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

/** Puts it there. It warns of sections without a name, which Node's file has. */
const POSTJECT = join(ROOT, "node_modules/postject/dist/cli.js");

/** Runs Node. What it prints is in the error when it fails, and of no interest else. */
const run = (...args: readonly string[]): void =>
  void execFileSync(process.execPath, args, { stdio: "pipe" });

if (process.platform !== "linux") {
  console.error(`build:sea: "${process.platform}" is not supported; allowed is linux`);
  process.exit(1);
}
const executable = resolve(process.argv[2] ?? join(ROOT, "build/fleet-metadata"));
const scratch = mkdtempSync(join(tmpdir(), "fleet-sea-"));
try {
  // Strict, as modules are.
  const { output } = await build({
    ...CHUNKS,
    write: false,
    output: { ...CHUNK_OUTPUT, format: "cjs", strict: true },
  });
  const assets: Record<string, string> = { "page.html": await buildPage() };
  const loader = readFileSync(join(import.meta.dirname, "asset-loader.cjs"), "utf8");
  let main = "";
  for (const file of output) {
    if (file.type === "chunk") {
      const code = withoutWideCharacters(file.code);
      if (file.isEntry) {
        main = `${loader}${code.replace(/^#!.*\n/, "")}`;
      } else {
        assets[file.fileName] = code;
      }
    }
  }
  const put = (name: string, content: string): string => {
    const path = join(scratch, name);
    writeFileSync(path, content);
    return path;
  };
  put(
    "sea.json",
    JSON.stringify({
      main: put("main.js", main),
      output: join(scratch, "blob"),
      disableExperimentalSEAWarning: true,
      // NODE_OPTIONS are for the Node of the project that is worked on in the workspace.
      execArgvExtension: "none",
      assets: Object.fromEntries(Object.entries(assets).map(([name, content]) => [name, put(name, content)])),
    }),
  );
  run("--experimental-sea-config", join(scratch, "sea.json"));
  const injected = join(scratch, "executable");
  copyFileSync(process.execPath, injected);
  chmodSync(injected, 0o755);
  run(POSTJECT, injected, RESOURCE, join(scratch, "blob"), "--sentinel-fuse", FUSE);
  mkdirSync(dirname(executable), { recursive: true });
  // A copy, because what was written in one piece stays in the kernel's memory in large pieces, of which a process is charged the
  // whole: 16 MB more. Beside its place, which it takes in one step: what is there may be running.
  const copy = `${executable}.${process.pid}`;
  try {
    copyFileSync(injected, copy);
    renameSync(copy, executable);
  } finally {
    rmSync(copy, { force: true });
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
const version = execFileSync(executable, ["--version"], { encoding: "utf8" }).trim();
const megabytes = (statSync(executable).size / 1e6).toFixed(0);
console.log(
  `${executable}: ${version}, ${megabytes} MB, Node ${process.versions.node}, ${process.platform}-${process.arch}`,
);
