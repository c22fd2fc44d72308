// What a release rests on: one version, a changelog, workflows that name what there is.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseYaml } from "@redocly/openapi-core";
import { describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { readChangelog, releaseNotes } from "../../scripts/changelog.ts";
import { VERSION } from "../../src/version.ts";

const root = join(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");

test("there is one version, in package.json, by Semantic Versioning", () => {
  expect(manifest.version).toMatch(/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/);
  expect(VERSION).toBe(manifest.version);
});

test("whoever publishes it, publishes it for everybody, and with provenance", () => {
  expect(manifest).not.toHaveProperty("private");
  expect(manifest.publishConfig).toEqual({ access: "public", provenance: true });
  expect(manifest.scripts.prepack).toBe(manifest.scripts.prebuild);
});

describe("the changelog", () => {
  const [first, ...released] = readChangelog(read("CHANGELOG.md"));

  test("begins with what is not released, and has each version once, the newest first", () => {
    expect(first?.version).toBe("Unreleased");
    const versions = released.map(({ version }) => version);
    const number = (version: string): number =>
      version.split(".").reduce((sum, part) => sum * 10_000 + Number(part), 0);
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => number(b) - number(a)));
    const dates = released.map(({ date = "" }) => date);
    expect(dates).toEqual([...dates].sort().reverse());
  });

  test("says what was added, changed, deprecated, removed, fixed or secured, each on a line of its own", () => {
    const groups = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];
    for (const { text } of [...(first ? [first] : []), ...released]) {
      const headings = [...text.matchAll(/^### (.*)$/gm)].map(([, heading = ""]) => heading);
      expect(headings).toEqual(groups.filter((group) => headings.includes(group)));
      const lines = text.split("\n").filter((line) => !/^(### .*|- [a-z0-9]+: \S.*| {2}\S.*|)$/.test(line));
      expect(lines).toEqual([]);
    }
  });

  test("gives a release its notes", () => {
    const document =
      "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n\n### Added\n\n- git: tags.\n";
    expect(releaseNotes("v1.2.3", "1.2.3", document)).toBe("### Added\n\n- git: tags.\n");
    expect(() => releaseNotes("v1.2.4", "1.2.3", document)).toThrow('the tag "v1.2.4" is not valid');
    expect(() => releaseNotes("v1.2.4", "1.2.4", document)).toThrow("says nothing about 1.2.4");
    expect(() => readChangelog("## 1.2.3 (today)\n")).toThrow('"## 1.2.3 (today)" is not valid');
  });

  test("has no notes for a version that is not released", () => {
    const notes = () =>
      execFileSync(process.execPath, [join(root, "scripts/release-notes.ts"), "v0.0.0"], { stdio: "pipe" });
    expect(notes).toThrow(/the tag "v0\.0\.0" is not valid; allowed is v\d/);
  });
});

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<
    Record<
      string,
      { readonly permissions?: Readonly<Record<string, string>>; readonly steps: readonly Step[] }
    >
  >;
}

describe.each(readdirSync(join(root, ".github/workflows")))("workflow %s", (file) => {
  const { permissions, jobs } = parseYaml(read(`.github/workflows/${file}`)) as Workflow;
  const steps = Object.values(jobs).flatMap((job) => job.steps);

  test("may read unless a job says more, and pins what it uses to a version", () => {
    expect(permissions).toEqual({ contents: "read" });
    const used = steps.flatMap(({ uses }) => uses ?? []);
    expect(used.filter((name) => !/^actions\/[\w-]+@v\d+\.\d+\.\d+$/.test(name))).toEqual([]);
  });

  test("runs scripts that there are", () => {
    for (const { run = "" } of steps) {
      for (const [, script = ""] of run.matchAll(/npm run (\S+)/g)) {
        expect(Object.keys(manifest.scripts)).toContain(script);
      }
      for (const [path] of run.matchAll(/(?:\.ci|scripts)\/[\w.-]+/g)) {
        expect(read(path)).not.toBe("");
      }
    }
  });

  test("does not put what others may name into a command", () => {
    expect(steps.filter(({ run }) => run?.includes("${{"))).toEqual([]);
  });
});

test("a release is checked before anything is published, and is published with provenance", () => {
  const { jobs } = parseYaml(read(".github/workflows/release.yml")) as Workflow;
  const [job] = Object.values(jobs);
  expect(job?.permissions).toEqual({ contents: "write", "id-token": "write" });
  const order = (job?.steps ?? []).flatMap(({ run }) => run ?? []);
  const at = (command: string): number => order.findIndex((run) => run.includes(command));
  const wanted = [
    "release-notes.ts",
    ".ci/run",
    "build:sea",
    "sha256sum",
    "npm publish --provenance",
    "gh release",
  ];
  const places = wanted.map(at);
  expect(places).not.toContain(-1);
  expect(places).toEqual([...places].sort((a, b) => a - b));
});

test("nx releases the package under the tag that starts the workflow", () => {
  const { release } = JSON.parse(read("nx.json")) as {
    readonly release: {
      readonly projects: readonly string[];
      readonly releaseTag: { readonly pattern: string };
    };
  };
  expect(release.projects).toEqual([manifest.name]);
  expect(release.releaseTag.pattern.replace("{version}", "1.2.3")).toBe("v1.2.3");
});
