// The image, as far as it can be shown without a container: its Dockerfile is read, what it copies is there, what it builds is built
// from nothing but that, and what comes out runs as it would there.

import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { documentedCommands } from "../helpers/documented.ts";
import { emptyDirectory, runProgram, startProgram } from "../helpers/program.ts";
import { createRepository } from "../helpers/repository.ts";

const root = join(import.meta.dirname, "../..");

interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** The instructions of a Dockerfile, continued lines joined. */
function readDockerfile(text: string): Instruction[] {
  return text
    .replaceAll(/^\s*#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [, name = "", rest = ""] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
      return { name, text: rest };
    });
}

const instructions = readDockerfile(readFileSync(join(root, "Dockerfile"), "utf8"));
const start = instructions.findLastIndex(({ name }) => name === "FROM");
const build = instructions.slice(0, start);
const final = instructions.slice(start);
const texts = (stage: readonly Instruction[], name: string): string[] =>
  stage.filter((instruction) => instruction.name === name).map(({ text }) => text);
const only = (name: string): string => texts(final, name).at(-1) ?? "";

/** What is sent to the build: .dockerignore names what is not left out. */
const sent = readFileSync(join(root, ".dockerignore"), "utf8")
  .split("\n")
  .flatMap((line) => (line.startsWith("!") ? [line.slice(1)] : []));

test("each instruction is one of Docker's", () => {
  const known = "ARG FROM WORKDIR COPY RUN USER ENV EXPOSE HEALTHCHECK ENTRYPOINT".split(" ");
  expect(instructions.filter(({ name }) => !known.includes(name))).toEqual([]);
});

test("both stages stand on the Node that the project pins, on one Debian", () => {
  expect(texts(build, "ARG")).toEqual([`NODE=${manifest.devDependencies.node}-trixie-slim`]);
  expect(texts(instructions, "FROM")).toEqual([`node:\${NODE} AS build`, `node:\${NODE}`]);
});

test("it runs as nobody of importance, listens where others reach it, and checks itself", () => {
  expect(texts(final, "USER")).toEqual(["node"]);
  expect(final.findIndex(({ name }) => name === "USER")).toBeGreaterThan(
    final.findLastIndex(({ name }) => name === "RUN"),
  );
  expect(only("ENV")).toBe("FLEET_METADATA_LISTEN=0.0.0.0:8000");
  expect(only("EXPOSE")).toBe("8000");
  expect(JSON.parse(only("ENTRYPOINT"))).toEqual(["fleet-metadata"]);
  expect(only("HEALTHCHECK")).toMatch(/ CMD \["fleet-metadata", "health"\]$/);
});

test("what it copies is there and is sent, and nothing else is", () => {
  const sources = [...texts(build, "COPY"), ...texts(final, "COPY")]
    .filter((text) => !text.startsWith("--from"))
    .flatMap((text) => text.split(" ").slice(0, -1));
  expect(sources.filter((source) => !existsSync(join(root, source)))).toEqual([]);
  expect([...new Set(sources)].sort()).toEqual([...sent].sort());
});

test("the document's commands are Docker's, and mount the workspace so that nothing can be written to it", () => {
  const [dockerBuild = "", run = ""] = documentedCommands("A container");
  expect(dockerBuild).toBe("docker build --tag fleet-metadata .");
  expect(run).toMatch(/^docker run .* --read-only .*\/project:\/workspace:ro".* fleet-metadata$/);
});

describe("what comes out of it", () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "fleet-image-")));
  const image = join(directory, "image");
  const bin = join(image, "usr/local/bin");
  /** As `docker run` has it, but for a port of its own. */
  const options = (listen = "127.0.0.1:0") => ({
    program: ["sh", "-c", `exec fleet-metadata "$@"`, "sh"],
    env: {
      PATH: `${bin}:${dirname(process.execPath)}:${process.env["PATH"]}`,
      FLEET_METADATA_LISTEN: listen,
    },
  });

  beforeAll(() => {
    const stage = join(directory, "build");
    for (const name of sent) {
      cpSync(join(root, name), join(stage, name), { recursive: true });
    }
    const [install = "", make = ""] = texts(build, "RUN");
    // What npm would put there from the registry.
    expect(install).toBe("npm ci --ignore-scripts --no-audit --no-fund");
    symlinkSync(join(root, "node_modules"), join(stage, "node_modules"));
    const env = { PATH: `${dirname(process.execPath)}:${process.env["PATH"]}` };
    execFileSync("sh", ["-ec", make], { cwd: stage, env });
    for (const text of texts(final, "COPY")) {
      const words = text.split(" ").filter((word) => word !== "--from=build");
      const target = join(image, words.pop() ?? "");
      mkdirSync(target, { recursive: true });
      for (const word of words) {
        const source = word.startsWith("/build/") ? join(directory, word) : join(root, word);
        for (const file of globSync(source)) {
          cpSync(file, join(target, basename(file)));
        }
      }
    }
    mkdirSync(bin, { recursive: true });
    const [, link = ""] = texts(final, "RUN");
    const [, from = "", to = ""] = /^ln -s (\S+) (\S+)$/.exec(link) ?? [];
    symlinkSync(join(image, from), join(image, to));
  }, 60_000);

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test("holds the program, its page and its papers, and nothing else", () => {
    const folder = join(image, "opt/fleet-metadata");
    expect(readdirSync(folder).sort()).toEqual(["LICENSE", "dist", "package.json"]);
    const files = readdirSync(join(folder, "dist"));
    expect(files).toEqual(expect.arrayContaining(["main.js", "page.html", "LICENCES.txt"]));
    expect(files.filter((file) => !/\.(js|html|txt)$/.test(file))).toEqual([]);
  });

  test("wants a token where others reach it", async () => {
    const { code, stderr } = await runProgram([], options("0.0.0.0:0"));
    expect(code).toBe(2);
    expect(stderr).toMatch(/^fleet-metadata: --listen: "0\.0\.0\.0:0" is not loopback; allowed with /);
  });

  test("serves its working directory, and is healthy by its own check", async () => {
    const { root: workspace } = createRepository({ initArgs: ["-b", "topic"] });
    const { url } = await startProgram(["--token", "abc"], { ...options(), cwd: workspace });
    const headers = { authorization: "Bearer abc" };
    const branch = await (await fetch(`${url}/metadata/git_branch`, { headers })).json();
    expect(branch).toMatchObject({ value: "topic" });

    const [, command = ""] = / CMD (\[.*\])$/.exec(only("HEALTHCHECK")) ?? [];
    const [, ...check] = JSON.parse(command) as string[];
    const { program, env } = options(new URL(url).host);
    const healthy = await runProgram(check, { program, env: { ...env, FLEET_METADATA_TOKEN: "abc" } });
    expect(healthy).toEqual({ code: 0, signal: null, stdout: "healthy\n", stderr: "" });
    const alone = await runProgram(check, options("127.0.0.1:1"));
    expect(alone).toMatchObject({ code: 1, stdout: "" });
  });

  test("needs no file that it could write to", async () => {
    const cwd = emptyDirectory();
    const { url, kill, ended } = await startProgram([], { ...options(), cwd });
    await (await fetch(`${url}/metadata`)).text();
    kill("SIGTERM");
    expect((await ended).code).toBe(0);
    expect(readdirSync(cwd)).toEqual([]);
  });
});
