// Which packages the program is made of: those that its sources import, and what these need. Most of them are bundled, so that
// package.json has them among what development needs.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dependencies?: Readonly<Record<string, string>> }>>;
}

/** Their names. @param root of the project. */
export function programPackages(root: string): Set<string> {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  const names = new Set(
    sources
      .filter((file) => file.endsWith(".ts"))
      .flatMap((file) => imported(readFileSync(join(root, "src", file), "utf8")))
      .filter((name) => `node_modules/${name}` in packages),
  );
  // A set hands out what is added while it is walked. Of two versions of a package, what either needs counts.
  for (const name of names) {
    for (const [path, { dependencies = {} }] of Object.entries(packages)) {
      if (path.endsWith(`node_modules/${name}`)) {
        for (const needed of Object.keys(dependencies)) names.add(needed);
      }
    }
  }
  return names;
}

function imported(source: string): string[] {
  const places = source.matchAll(/\b(?:from|import)\s*\(?\s*"((?:@[\w.-]+\/)?[\w.-]+)(?:\/[^"]*)?"/g);
  return [...places].map(([, name = ""]) => name);
}
