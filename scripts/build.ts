// Bundles the program into dist/main.js, so that it starts fast and needs no node_modules.

import { chmodSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "rolldown";

const root = join(import.meta.dirname, "..");

rmSync(join(root, "dist"), { recursive: true, force: true });
await build({
  cwd: root,
  input: "src/main.ts",
  platform: "node",
  logLevel: "warn",
  // Syntax that an older Node can read too, so that it gets as far as saying that it is too old.
  transform: { target: "node20" },
  output: { file: "dist/main.js", format: "esm", sourcemap: true, minify: { compress: true, mangle: false } },
});
chmodSync(join(root, "dist/main.js"), 0o755);
