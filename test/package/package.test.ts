// The package as others get it: built, packed, unpacked in the node_modules of another program, and used from there.

import { execFile, spawn } from "node:child_process";
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { NO_GITHUB } from "../helpers/closed-port.ts";
import { usePackage } from "../helpers/package.ts";
import { useServer } from "../helpers/server.ts";

const run = promisify(execFile);
const { root, directory, consumer, installed } = usePackage();
const server = useServer(() => ({ collectors: "real" }));

test("what is in it: what is built, the contract, the papers, and no source", () => {
  const packed = globSync("**", { cwd: installed, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(installed.length + 1));
  for (const file of [
    "dist/main.js",
    "dist/page.html",
    "proto/fleet/metadata/v1/service.proto",
    "LICENSE",
    "README.md",
  ]) {
    expect(packed).toContain(file);
  }
  expect(packed.filter((file) => !/^(dist|proto)\/|^(package\.json|[A-Z]+(\.md)?)$/.test(file))).toEqual([]);
  expect(packed.filter((file) => /\.ts$/.test(file) && !file.endsWith(".d.ts"))).toEqual([]);
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
