// The package as others get it: built, packed, and unpacked in the node_modules of another program.

import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll } from "vitest";

export interface UnpackedPackage {
  /** Of this project. */
  readonly root: string;
  /** Of everything that is made for the tests of a file. */
  readonly directory: string;
  /** The other program. */
  readonly consumer: string;
  /** The package within it. */
  readonly installed: string;
}

/** One for all tests of a file. Its folders are filled when the tests begin, and removed after them. */
export function usePackage(): UnpackedPackage {
  const root = join(import.meta.dirname, "../..");
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "fleet-package-")));
  const consumer = join(directory, "consumer");
  const installed = join(consumer, "node_modules/fleet-metadata");
  const unpacked = { root, directory, consumer, installed };
  beforeAll(() => install(unpacked), 60_000);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return unpacked;
}

async function install({ root, directory, consumer, installed }: UnpackedPackage): Promise<void> {
  const run = promisify(execFile);
  const { dependencies, files } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly files: readonly string[];
  };
  const source = join(directory, "source");
  for (const file of ["package.json", ...files.filter((name) => name !== "dist")]) {
    cpSync(join(root, file), join(source, file), { recursive: true });
  }
  await run(process.execPath, [join(root, "scripts/build.ts"), join(source, "dist")]);
  const options = ["--ignore-scripts", "--offline", "--json", "--pack-destination", directory];
  const { stdout } = await run("npm", ["pack", ...options], { cwd: source });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  mkdirSync(installed, { recursive: true });
  await run("tar", ["-xzf", join(directory, filename), "-C", installed, "--strip-components=1"]);
  for (const name of Object.keys(dependencies)) {
    const link = join(consumer, "node_modules", name);
    mkdirSync(join(link, ".."), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link);
  }
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ type: "module" }));
}
