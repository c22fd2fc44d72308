// Bundles the program into dist/main.js and the parts that it loads when they are needed, so that it starts fast and needs no
// node_modules, the status page into dist/page.html, and the client into dist/client with its declarations in dist/types.
// Another folder than dist can be named on the command line.

import { chmodSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { build, type Plugin } from "rolldown";
import { isolatedDeclarationSync } from "rolldown/experimental";
import { buildPage } from "./build-page.ts";

const root = join(import.meta.dirname, "..");
const dist = resolve(root, process.argv[2] ?? "dist");

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

rmSync(dist, { recursive: true, force: true });
await build({
  cwd: root,
  input: { main: "src/main.ts" },
  platform: "node",
  logLevel: "warn",
  // Syntax that an older Node can read too, so that it gets as far as saying that it is too old.
  transform: { target: "node20" },
  plugins: [keepLazy],
  output: {
    dir: dist,
    format: "esm",
    chunkFileNames: "[name].js",
    // All that a hook of an agent needs is one file: each further one would cost it a millisecond.
    codeSplitting: { groups: [{ name: "hook", test: /\/src\/(?:hooks\/|task-file\/|config-environment)/ }] },
    sourcemap: true,
    minify: { compress: true, mangle: false },
  },
});
chmodSync(join(dist, "main.js"), 0o755);
// V8 keeps the text of a module for as long as it runs, with two bytes for each character when one of them needs two. The
// minifier writes out what is an escape in the sources.
for (const file of globSync("*.js", { cwd: dist })) {
  const path = join(dist, file);
  const asEscape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  writeFileSync(path, readFileSync(path, "utf8").replaceAll(/[^\0-\x7f]/g, asEscape));
}

writeFileSync(join(dist, "page.html"), await buildPage());

await build({
  cwd: root,
  input: { index: "src/client/index.ts", browser: "src/client/browser.ts" },
  logLevel: "warn",
  // Shared with the program that uses the client: it compares with ConnectError and holds messages of ours.
  external: [/^node:/, /^@bufbuild\//, /^@connectrpc\//],
  output: { dir: join(dist, "client"), format: "esm", chunkFileNames: "[name].js" },
});
for (const file of globSync(["client/**/*.ts", "gen/**/*.ts"], { cwd: join(root, "src") })) {
  const { code, errors } = isolatedDeclarationSync(file, readFileSync(join(root, "src", file), "utf8"));
  for (const { message } of errors) {
    throw new Error(`src/${file}: ${message}`);
  }
  const declarations = join(dist, "types", file.replace(/\.ts$/, ".d.ts"));
  mkdirSync(dirname(declarations), { recursive: true });
  writeFileSync(declarations, code.replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.js"'));
}
