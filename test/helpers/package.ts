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

const run = promisify(execFile);

export interface UnpackedPackage {
  /** Of this project. */
  readonly root: string;
  /** Of everything that is made for the tests of a file. */
  readonly directory: string;
  /** The other program. */
  readonly consumer: string;
  /** The package within it. */
  readonly installed: string;
  /** What npm said about it. */
  packed(): Packed;
}

/** What npm says about a package that it has packed. */
export interface Packed {
  readonly name: string;
  readonly version: string;
  readonly filename: string;
  /** Compressed, in bytes. */
  readonly size: number;
  /** In bytes. */
  readonly unpackedSize: number;
  readonly integrity: string;
  readonly files: readonly { readonly path: string }[];
}

/** Packs folders as `npm publish` does, without their scripts. */
export async function pack(
  folders: readonly string[],
  destination: string,
  cwd: string = destination,
): Promise<Packed[]> {
  const options = ["--ignore-scripts", "--offline", "--json", "--pack-destination", destination];
  const { stdout } = await run("npm", ["pack", ...options, ...folders], { cwd, maxBuffer: 2 ** 26 });
  return JSON.parse(stdout) as Packed[];
}

/** What is published, as it is before it is packed: what package.json names, built anew. */
export async function prepareSource(root: string, source: string): Promise<void> {
  const { files } = readManifest(root);
  for (const file of ["package.json", ...files.filter((name) => name !== "dist" && !name.startsWith("!"))]) {
    cpSync(join(root, file), join(source, file), { recursive: true });
  }
  await run(process.execPath, [join(root, "scripts/build.ts"), join(source, "dist")]);
}

/** What tests need of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly files: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
}

/** The package.json in a folder. */
export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

/** One for all tests of a file. Its folders are filled when the tests begin, and removed after them. */
export function usePackage(): UnpackedPackage {
  const root = join(import.meta.dirname, "../..");
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "fleet-package-")));
  const consumer = join(directory, "consumer");
  const installed = join(consumer, "node_modules/fleet-metadata");
  let packed: Packed | undefined;
  const unpacked: UnpackedPackage = {
    root,
    directory,
    consumer,
    installed,
    packed: () => {
      if (packed === undefined) {
        throw new Error("the tests have not begun");
      }
      return packed;
    },
  };
  beforeAll(async () => {
    packed = await install(unpacked);
  }, 60_000);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return unpacked;
}

async function install({ root, directory, consumer, installed }: UnpackedPackage): Promise<Packed> {
  const source = join(directory, "source");
  await prepareSource(root, source);
  const [packed] = await pack([source], directory);
  if (packed === undefined) {
    throw new Error("npm has packed nothing");
  }
  mkdirSync(installed, { recursive: true });
  const tarball = join(directory, packed.filename);
  await run("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"]);
  for (const name of Object.keys(readManifest(root).dependencies)) {
    const link = join(consumer, "node_modules", name);
    mkdirSync(join(link, ".."), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link);
  }
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ type: "module" }));
  return packed;
}
