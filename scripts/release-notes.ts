// Prints what the changelog says about the version of a tag: `node scripts/release-notes.ts v1.2.3`. Fails when tag, package.json and
// changelog are not about one version.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import { releaseNotes } from "./changelog.ts";

try {
  const document = readFileSync(join(import.meta.dirname, "../CHANGELOG.md"), "utf8");
  process.stdout.write(releaseNotes(process.argv[2] ?? "", manifest.version, document));
} catch (error) {
  console.error(`release-notes: ${(error as Error).message}`);
  process.exitCode = 1;
}
