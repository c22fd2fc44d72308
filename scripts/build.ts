// Bundles the program into dist/main.js and the parts that it loads when they are needed, so that it starts fast and needs no
// node_modules, the status page into dist/page.html, and the client into dist/client with its declarations in dist/types.
// Another folder than dist can be named on the command line.

import { chmodSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { build } from "rolldown";
import { isolatedDeclarationSync } from "rolldown/experimental";
import { buildPage } from "./build-page.ts";
import { CHUNK_OUTPUT, CHUNKS, ROOT, withoutWideCharacters } from "./bundle.ts";
import { licencesOf } from "./licences.ts";

const dist = resolve(ROOT, process.argv[2] ?? "dist");

rmSync(dist, { recursive: true, force: true });
const { output } = await build({
  ...CHUNKS,
  output: { ...CHUNK_OUTPUT, dir: dist, format: "esm", sourcemap: true },
});
chmodSync(join(dist, "main.js"), 0o755);
for (const file of globSync("*.js", { cwd: dist })) {
  const path = join(dist, file);
  writeFileSync(path, withoutWideCharacters(readFileSync(path, "utf8")));
}

writeFileSync(join(dist, "page.html"), await buildPage());
// The page is made of the client for browsers, too.
const modules = output.flatMap((chunk) => (chunk.type === "chunk" ? chunk.moduleIds : []));
const browserClient = join(ROOT, "node_modules/@connectrpc/connect-web/package.json");
writeFileSync(join(dist, "LICENCES.txt"), licencesOf([...modules, browserClient]));

await build({
  cwd: ROOT,
  input: { index: "src/client/index.ts", browser: "src/client/browser.ts" },
  logLevel: "warn",
  // Shared with the program that uses the client: it compares with ConnectError and holds messages of ours.
  external: [/^node:/, /^@bufbuild\//, /^@connectrpc\//],
  output: { dir: join(dist, "client"), format: "esm", chunkFileNames: "[name].js" },
});
// Of what the entries declare, and of what that refers to.
const declared = ["client/index.ts", "client/browser.ts"];
for (const file of declared) {
  const { code, errors } = isolatedDeclarationSync(file, readFileSync(join(ROOT, "src", file), "utf8"));
  for (const { message } of errors) {
    throw new Error(`src/${file}: ${message}`);
  }
  const referred = [...code.matchAll(/"(\.{1,2}\/[^"]*\.ts)"/g)].map(([, name = ""]) =>
    join(dirname(file), name),
  );
  declared.push(...referred.filter((name) => !declared.includes(name)));
  const declarations = join(dist, "types", file.replace(/\.ts$/, ".d.ts"));
  mkdirSync(dirname(declarations), { recursive: true });
  writeFileSync(declarations, code.replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.js"'));
}
