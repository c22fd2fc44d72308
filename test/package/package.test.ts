// The package as others get it: built, packed, unpacked in the node_modules of another program, and used from there.

import { execFile, spawn } from "node:child_process";
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { NO_GITHUB } from "../helpers/closed-port.ts";
import { type Packed, prepareSource, usePackage } from "../helpers/package.ts";
import { useServer } from "../helpers/server.ts";

const run = promisify(execFile);
const { root, directory, consumer, installed, packed } = usePackage();
const server = useServer(() => ({ collectors: "real" }));

/** Files of the package, relative to it: `from`, and what it imports, directly or through others. */
function reachable(from: string, seen = new Set<string>()): Set<string> {
  if (!seen.has(from)) {
    seen.add(from);
    const text = readFileSync(join(installed, from), "utf8");
    for (const [, name = ""] of text.matchAll(/["'`](\.{1,2}\/[\w./-]+\.js)["'`]/g)) {
      const file = join(dirname(from), name);
      reachable(from.endsWith(".d.ts") ? file.replace(/\.js$/, ".d.ts") : file, seen);
    }
  }
  return seen;
}

test("what is in it: what is built and reached, the contract, the unit, the papers, and nothing else", () => {
  const list = (folder: string): string[] =>
    globSync("**", { cwd: folder, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  const { default: client, browser } = manifest.exports["./client"];
  const entries = [
    manifest.bin["fleet-metadata"],
    client.default,
    client.types,
    browser.default,
    browser.types,
  ];
  const expected = new Set([
    ...["package.json", "LICENSE", "README.md", "CHANGELOG.md", "dist/page.html", "dist/LICENCES.txt"],
    "deploy/systemd/fleet-metadata.service",
    ...list(join(root, "proto")).map((file) => `proto/${file}`),
    ...entries.flatMap((entry) => [...reachable(join(entry))]),
  ]);
  expect(list(installed).sort()).toEqual([...expected].sort());
});

test("the licences of all that is in it come with it", () => {
  const text = readFileSync(join(installed, "dist/LICENCES.txt"), "utf8");
  for (const name of ["@bufbuild/protobuf", "@connectrpc/connect-web", "commander", "pino", "zod"]) {
    expect(text).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+: (MIT|.*Apache-2\\.0.*)$`, "m"));
  }
});

test("it is small", () => {
  const { size, unpackedSize, files } = packed();
  const kilobytes = (bytes: number): string => (bytes / 1e3).toFixed(0);
  console.log(
    `package: ${kilobytes(size)} kB, unpacked ${kilobytes(unpackedSize)} kB, ${files.length} files`,
  );
  expect(size).toBeLessThan(600e3);
  expect(unpackedSize).toBeLessThan(2_200e3);
});

test("npm would publish the same from where the project is built", { timeout: 60_000 }, async () => {
  const here = join(directory, "here");
  await prepareSource(root, here);
  // What lies there and is of no use to others.
  for (const file of ["dist/.inputs", "dist/main.js.map", "dist/client/index.js.map", "deploy/other/file"]) {
    mkdirSync(join(here, dirname(file)), { recursive: true });
    writeFileSync(join(here, file), "{}");
  }
  const options = ["--dry-run", "--ignore-scripts", "--offline", "--json"];
  const { stdout } = await run("npm", ["pack", ...options], { cwd: here, maxBuffer: 2 ** 26 });
  const [dry] = JSON.parse(stdout) as [Packed];
  const pathsOf = ({ files }: Packed): string[] => files.map(({ path }) => path).sort();
  expect(pathsOf(dry)).toEqual(pathsOf(packed()));
});

test("the program runs without any dependency, and has its page with it", async () => {
  const alone = join(directory, "alone");
  cpSync(installed, alone, { recursive: true });
  const main = join(alone, "dist/main.js");
  const { stdout } = await run(process.execPath, ["--", main, "--version"]);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);

  const args = ["--", main, "--listen", "127.0.0.1:0", "--log-format", "json"];
  const program = spawn(process.execPath, args, { cwd: directory, env: NO_GITHUB });
  onTestFinished(() => void program.kill("SIGKILL"));
  for await (const line of createInterface(program.stdout)) {
    const { url } = JSON.parse(line) as { readonly url: string };
    const page = await (await fetch(`${url}/`)).text();
    expect(page).toBe(`${readFileSync(join(alone, "dist/page.html"), "utf8")}\n`);
    expect(page).toMatch(/^<!doctype html>.*<script type="module">[^<]{1000}/s);
    break;
  }
});

const READ = `
import * as client from "fleet-metadata/client";
import { ConnectError } from "@connectrpc/connect";

const [url] = process.argv.slice(2);
const { createMetadataClient, watchMetadata, collectFleet, watchFleet } = client;
const one = createMetadataClient(url);
const { data } = await one.getMetadata({ keys: ["workspace_hostname"] });
const wrong = await createMetadataClient(url).getMetadata({ view: 99 }).catch((error) => error);
one.close();
const stop = new AbortController();
let states = 0;
await watchMetadata(url, { signal: stop.signal, onState: () => { states += 1; stop.abort(); } });
const [result] = await collectFleet([url]);
const view = watchFleet([url], { signal: AbortSignal.abort() });
await view.ended;
console.log(JSON.stringify({
  entry: import.meta.resolve("fleet-metadata/client"),
  exports: Object.keys(client).sort(),
  host: data.workspace_hostname.value.kind.case,
  isConnectError: wrong instanceof ConnectError,
  states,
  fleet: Object.keys(result.response.data).length > 0,
  members: view.members.size,
}));
`;

describe.each([
  ["default", [], "index"],
  ["browser", ["--conditions=browser"], "browser"],
] as const)("fleet-metadata/client, condition %s", (_, conditions, entry) => {
  test("is found, has every export, and talks to a server", async () => {
    const file = join(consumer, `${entry}.mjs`);
    writeFileSync(file, READ);
    const { stdout, stderr } = await run(process.execPath, [...conditions, file, server().url]);
    expect(stderr).toBe("");
    const { entry: found, ...said } = JSON.parse(stdout) as Record<string, unknown>;
    expect(String(found)).toMatch(new RegExp(`/fleet-metadata/dist/client/${entry}\\.js$`));
    expect(said).toEqual({
      exports: [
        "MetadataView",
        "SourceState",
        "collectFleet",
        "createFleet",
        "createMetadataClient",
        "watchFleet",
        "watchMetadata",
      ],
      host: "stringValue",
      isConnectError: true,
      states: 1,
      fleet: true,
      members: 1,
    });
  });

  test("has types that a strict program is checked against", async () => {
    const folder = join(consumer, `types-${entry}`);
    mkdirSync(folder);
    writeFileSync(
      join(folder, "consumer.ts"),
      `
import {
  collectFleet, type Connection, createMetadataClient, type FleetMember, type FleetResult,
  type GetMetadataResponse, MetadataView, SourceState, watchFleet, watchMetadata,
} from "fleet-metadata/client";

interface Target { readonly url: string; readonly workspace: string }
declare const targets: readonly Target[];
declare const signal: AbortSignal;

const client = createMetadataClient("http://127.0.0.1:8000", { protocol: "grpc-web", timeoutMs: 1_000 });
const answer: GetMetadataResponse = await client.getMetadata({ keys: ["git_*"], view: MetadataView.FULL });
const branch: string | undefined = answer.workspace?.git?.branch;
const isFresh: boolean = answer.sources["git"]?.state === SourceState.FRESH;
for await (const { metadata } of client.watchMetadata({})) {
  const revision: string | undefined = metadata?.meta?.revision;
  console.log(revision, branch, isFresh);
}
const results: FleetResult<Target>[] = await collectFleet(targets, { concurrency: 10, signal });
for (const { target, response, reason } of results) {
  const text: string = response === undefined ? reason : Object.keys(response.data).join();
  console.log(target.workspace, text);
}
const view = watchFleet(targets, { signal, onChange: ({ member }) => console.log(member.target.workspace) });
const members: ReadonlyMap<Target, FleetMember<Target>> = view.members;
await watchMetadata("http://127.0.0.1:8000", {
  signal,
  onState: (state) => console.log(state.data["git_branch"]?.value?.kind.value, members),
  onConnection: (connection: Connection) => console.log(connection.state),
});

// @ts-expect-error: this is no protocol.
createMetadataClient("http://127.0.0.1:8000", { protocol: "http" });
// @ts-expect-error: a watch has to have an end.
watchFleet(targets, {});
`,
    );
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          strict: true,
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
          noEmit: true,
          skipLibCheck: false,
          target: "es2024",
          lib: ["es2024", "dom", "dom.iterable", "dom.asynciterable"],
          types: [],
          module: entry === "browser" ? "esnext" : "nodenext",
          moduleResolution: entry === "browser" ? "bundler" : "nodenext",
          ...(entry === "browser" ? { customConditions: ["browser"] } : {}),
        },
        include: ["consumer.ts"],
      }),
    );
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const { stdout } = await run(process.execPath, [tsc, "-p", folder, "--listFiles"]).catch(
      (error: { stdout: string }) => {
        throw new Error(
          error.stdout
            .split("\n")
            .filter((line) => line.includes("error"))
            .join("\n"),
        );
      },
    );
    expect(stdout).toContain(`/fleet-metadata/dist/types/client/${entry}.d.ts`);
  });
});
