// The proto files as others have them: a module of buf inside the package, and stubs for other languages made of it, by the
// commands and with the examples of docs/clients.md.

import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { usePackage } from "../helpers/package.ts";
import { useServer } from "../helpers/server.ts";

const { root, consumer } = usePackage();
const server = useServer(() => ({ collectors: "real" }));

/** Compilers are started, which have a machine of their own seldom. */
const DEADLINE_MS = 120_000;

const MODULE = "node_modules/fleet-metadata/proto";

/** Runs commands of a shell in a folder of the other program, with the tools of this project at hand. */
async function shell(folder: string, commands: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const path = `${join(root, "node_modules/.bin")}:${process.env["PATH"]}`;
  const options = { cwd: folder, timeout: DEADLINE_MS, env: { ...process.env, ...env, PATH: path } };
  const { stdout } = await promisify(execFile)("sh", ["-ec", commands.replaceAll("npx buf", "buf")], options);
  return stdout;
}

const guide = readFileSync(join(root, "docs/clients.md"), "utf8");

/** The blocks of one language in a section of the guide. */
function blocks(section: string, language: string): string[] {
  const [, text = ""] = new RegExp(`^## ${section}$(.*?)(?=^## |$(?![^]))`, "ms").exec(guide) ?? [];
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"))].map(
    ([, block = ""]) => block,
  );
}

describe("the module", () => {
  test("can be linted, built and taken apart by buf, and is the contract", async () => {
    await shell(consumer, `buf lint ${MODULE}`);
    await shell(
      consumer,
      `buf build ${MODULE} -o module.binpb && buf build ${join(root, "proto")} -o ours.binpb`,
    );
    expect(readFileSync(join(consumer, "module.binpb"))).toEqual(readFileSync(join(consumer, "ours.binpb")));
    const methods = await shell(consumer, `buf curl --schema ${MODULE} --list-methods`);
    expect(methods).toContain("fleet.metadata.v1.MetadataService/WatchMetadata\n");
  });

  test("is found as fleet-metadata/proto", async () => {
    const name = "fleet-metadata/proto/fleet/metadata/v1/service.proto";
    const code = `process.stdout.write(import.meta.resolve(${JSON.stringify(name)}))`;
    const found = await shell(consumer, `node --input-type=module -e '${code}'`);
    expect(readFileSync(new URL(found), "utf8")).toContain("service MetadataService {");
  });
});

test("TypeScript", { timeout: DEADLINE_MS }, async () => {
  const section = "TypeScript without our client";
  const [template = ""] = blocks(section, "yaml");
  const [example = ""] = blocks(section, "typescript");
  writeFileSync(join(consumer, "buf.gen.yaml"), template);
  await shell(consumer, blocks(section, "sh").join("\n"));
  writeFileSync(join(consumer, "read.ts"), example.replace("http://127.0.0.1:8000", server().url));
  await shell(
    consumer,
    `tsc read.ts --outDir js --strict --target es2024 \
      --module nodenext --types node --typeRoots ${join(root, "node_modules/@types")} --ignoreConfig`,
  );
  expect(await shell(consumer, "node js/read.js")).toMatch(/^workspace_hostname \S+$/m);
});

/** A Python that has the modules of the guide; undefined: this machine has none. */
async function findPython(): Promise<string | undefined> {
  for (const python of ["python3", "/usr/bin/python3"]) {
    try {
      await shell(consumer, `${python} -c 'import grpc, grpc_tools.protoc'`);
      return python;
    } catch {
      // The next one.
    }
  }
  return undefined;
}

test("Python", { timeout: DEADLINE_MS }, async ({ skip }) => {
  const python = await findPython();
  if (python === undefined) {
    skip("no Python here has grpc and grpc_tools (Debian: python3-grpcio, python3-grpc-tools)");
    return;
  }
  const [usual = "", old = ""] = blocks("Python", "sh").map((block) => block.replaceAll("python3", python));
  const [example = ""] = blocks("Python", "python");
  try {
    await shell(consumer, usual);
  } catch (error) {
    expect((error as { stderr: string }).stderr).toContain("'optional' labels are disallowed");
    await shell(consumer, old);
  }
  writeFileSync(join(consumer, "read.py"), example.replace("127.0.0.1:8000", `127.0.0.1:${server().port}`));
  const output = await shell(consumer, `${python} read.py`, { PYTHONPATH: "stubs" });
  expect(output).toMatch(/^workspace_hostname \S+$/m);
  expect(output).toMatch(/^revision \S+$/m);
});

test("Go", { timeout: DEADLINE_MS }, async ({ skip }) => {
  const [template = ""] = blocks("Go", "yaml");
  const tools = await shell(
    consumer,
    "for tool in protoc-gen-go protoc-gen-go-grpc gofmt; do command -v $tool || true; done",
  );
  if (tools.trim().split("\n").length < 3) {
    skip(
      "no protoc-gen-go, protoc-gen-go-grpc and gofmt here (Debian: protoc-gen-go, protoc-gen-go-grpc, golang-go)",
    );
    return;
  }
  const folder = join(consumer, "go");
  mkdirSync(folder);
  writeFileSync(join(folder, "buf.gen.yaml"), template.replace(MODULE, `../${MODULE}`));
  await shell(folder, blocks("Go", "sh").join("\n"));
  const stub = readFileSync(join(folder, "gen/fleet/metadata/v1/service_grpc.pb.go"), "utf8");
  const [example = ""] = blocks("Go", "go");
  for (const [, name = ""] of example.matchAll(/\b(?:client|metadata)\.(\w+)\(/g)) {
    expect(stub).toContain(`${name}(`);
  }
  writeFileSync(join(folder, "main.go"), example);
  expect(await shell(folder, "gofmt -l main.go")).toBe("");
});
