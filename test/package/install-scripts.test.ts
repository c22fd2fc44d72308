// What runs while packages are installed: nothing, but for the two whose programs come by their scripts.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { programPackages } from "../../scripts/program-packages.ts";

interface Locked {
  readonly hasInstallScript?: boolean;
  readonly dev?: boolean;
}

const root = join(import.meta.dirname, "../..");
const read = (file: string): unknown => JSON.parse(readFileSync(join(root, file), "utf8"));
const { packages } = read("package-lock.json") as { packages: Record<string, Locked> };
const { allowScripts } = read("package.json") as { allowScripts: Record<string, boolean> };
const scripted = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript);

test("of each package that has an install script it is decided whether it may run", () => {
  const names = scripted.map(([path]) =>
    path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length),
  );
  expect([...new Set(names)].sort()).toEqual(Object.keys(allowScripts).sort());
});

test("only those may that need it: the pinned Node and buf put their programs in place by them", () => {
  const allowed = Object.keys(allowScripts).filter((name) => allowScripts[name]);
  expect(allowed.sort()).toEqual(["@bufbuild/buf", "node"]);
});

test("no package that the program is made of has one", () => {
  const names = programPackages(root);
  expect([...names]).toEqual(expect.arrayContaining(["@connectrpc/connect", "@octokit/request", "pino"]));
  expect(scripted.filter(([path]) => names.has(path.replace(/^.*node_modules\//, "")))).toEqual([]);
});

test("no package that users install has one", () => {
  expect(scripted.filter(([, { dev }]) => dev !== true)).toEqual([]);
});
