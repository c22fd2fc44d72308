// What the bundle of the program and its executable have in common.

import { join } from "node:path";
import type { InputOptions, OutputOptions, Plugin } from "rolldown";
import manifest from "../package.json" with { type: "json" };

/** Of the project. */
export const ROOT: string = join(import.meta.dirname, "..");

/**
 * Built-in modules with exports that Node loads only when somebody reads them. An `import` reads all exports of a built-in
 * module, and so would load undici (WebSocket of node:http) and Web Crypto, which cost every start 3 MB and 15 ms of CPU.
 */
const LAZY_BUILTINS: readonly string[] = ["http", "https", "crypto"];

const keepLazy: Plugin = {
  name: "keep-lazy",
  resolveId: (id) => {
    const name = id.replace(/^node:/, "");
    return LAZY_BUILTINS.includes(name) ? `\0lazy:${name}` : undefined;
  },
  load: (id) => {
    const [, name] = /^\0lazy:(.*)$/.exec(id) ?? [];
    return name === undefined ? undefined : `module.exports = process.getBuiltinModule("node:${name}");`;
  },
};

/** Of package.json, nothing but the version is for the program to know. */
const versionOnly: Plugin = {
  name: "version-only",
  load: (id) =>
    id === join(ROOT, "package.json")
      ? { code: JSON.stringify({ version: manifest.version }), moduleType: "json" }
      : undefined,
};

/** Of the program. */
export const CHUNKS: InputOptions = {
  cwd: ROOT,
  input: { main: "src/main.ts" },
  platform: "node",
  logLevel: "warn",
  // Syntax that an older Node can read too, so that it gets as far as saying that it is too old.
  transform: { target: "node20" },
  plugins: [keepLazy, versionOnly],
};

export const CHUNK_OUTPUT: OutputOptions = {
  chunkFileNames: "[name].js",
  // All that a hook of an agent needs is one file: each further one would cost it a millisecond.
  codeSplitting: { groups: [{ name: "hook", test: /\/src\/(?:hooks\/|task-file\/|config-environment)/ }] },
  // Names stay: they are in the stacks that logs show.
  minify: { compress: true, mangle: false },
};

/**
 * V8 keeps the text of a module for as long as it runs, with two bytes for each character when one of them needs two. The
 * minifier writes out what is an escape in the sources.
 */
export function withoutWideCharacters(code: string): string {
  const asEscape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return code.replaceAll(/[^\0-\x7f]/g, asEscape);
}
