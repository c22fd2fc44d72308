// Every command of every document, as a reader would type it: in a copy of the project, against real servers. What is not run so, and
// why, stands in commands.ts.

import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCertificate } from "../helpers/certificate.ts";
import { blocksOf, commandsOf, DOCUMENTS, isShell, shellBlocks } from "../helpers/documents.ts";
import { type Pictured, startPictured } from "../helpers/pictured-workspace.ts";
import { createScratchProject, type ScratchProject } from "../helpers/scratch-project.ts";
import { startServing } from "../helpers/serving.ts";
import { DATA, EXCEPTIONS, PROGRAMS, treatmentOf } from "./commands.ts";

/** A command builds what is out of date, and the machine has other work. */
const DEADLINE_MS = 60_000;

const commands = shellBlocks().flatMap((block) =>
  commandsOf(block).map((command) => ({
    command,
    document: block.document,
    place: `${block.document}:${block.line}`,
    treatment: treatmentOf(command),
  })),
);

let project: ScratchProject;
let pictured: Pictured;
/** From what documents say to what there is. */
const addresses = new Map<string, string>();
const endings: (() => Promise<void>)[] = [];

beforeAll(async () => {
  project = createScratchProject();
  pictured = await startPictured();
  const { cert, certFile, keyFile } = await createCertificate(project.home);
  writeFileSync(join(project.folder, "ca.pem"), cert);
  const socket = join(project.home, "fleet-metadata.sock");
  const tls = await startServing(
    ["--listen", "127.0.0.1:0", "--tls-cert", certFile, "--tls-key", keyFile],
    project,
  );
  const unix = await startServing(["--listen", `unix:${socket}`], project);
  endings.push(pictured.close, tls.close, unix.close);
  addresses.set("127.0.0.1:8000", new URL(pictured.url).host);
  addresses.set("127.0.0.1:8443", new URL(tls.url).host);
  addresses.set("/run/fleet-metadata.sock", socket);
}, DEADLINE_MS);

afterAll(async () => {
  await Promise.all(endings.map((end) => end()));
  project.remove();
});

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command, until it ends or has printed something. */
async function run(command: string, until?: RegExp): Promise<Ran> {
  const real = [...addresses].reduce(
    (text, [written, address]) => text.replaceAll(written, address),
    command,
  );
  const child = spawn("sh", ["-ec", real], {
    cwd: project.folder,
    env: {
      ...project.env,
      FLEET_METADATA_URL: pictured.url,
      // A server that a document starts takes any free port.
      FLEET_METADATA_LISTEN: "127.0.0.1:0",
      TOKEN: "none-is-needed",
    },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const kill = (): void => {
    try {
      process.kill(-(child.pid ?? 0), "SIGTERM");
    } catch {
      // It has ended.
    }
  };
  const timer = setTimeout(kill, DEADLINE_MS);
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
    if (until?.test(stdout)) {
      kill();
    }
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  clearTimeout(timer);
  return { code, stdout, stderr };
}

/** JSON that says of itself that it went wrong, whatever the exit code. */
function expectNoError(stdout: string): void {
  const [text = ""] = stdout.slice(stdout.indexOf("{")).split(/(?<=\})\n\n/);
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return;
  }
  expect(answer).not.toHaveProperty("error");
  expect(answer).not.toHaveProperty("code");
}

/** A test with the helpers that it imports: one of them names the document that it takes commands from. */
function sourcesOf(file: string): string {
  const text = readFileSync(file, "utf8");
  const helpers = [...text.matchAll(/from "(\.[^"]*)"/g)].map(([, path = ""]) => join(dirname(file), path));
  return [text, ...helpers.map((path) => readFileSync(path, "utf8"))].join("\n");
}

describe.each(commands)("$place $command", ({ command, document, treatment }) => {
  if (treatment && "never" in treatment) {
    test.skip(`is not run: ${treatment.never}`, () => undefined);
    return;
  }
  if (treatment && "test" in treatment) {
    test(`is run by ${treatment.test}`, () => {
      expect(sourcesOf(treatment.test)).toContain(document);
    });
    return;
  }
  test("works", { timeout: DEADLINE_MS }, async () => {
    if (treatment && "until" in treatment) {
      const { stdout, stderr } = await run(command, treatment.until);
      expect(stdout, stderr).toMatch(treatment.until);
      return;
    }
    const { code, stdout, stderr } = await run(command);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    if (treatment && "silent" in treatment) {
      expect(stdout).toBe("");
    } else {
      expect(stdout).not.toBe("");
      expectNoError(stdout);
    }
  });
});

test("no command changes what the next one finds in its shell: each is run in one of its own", () => {
  expect(
    commands.filter(({ command }) => /^(?:cd|export|set|source|\.|\w+=\S*$)(?: |$)/.test(command)),
  ).toEqual([]);
});

test("every exception is about a command that there is", () => {
  const used: readonly unknown[] = commands.map(({ treatment }) => treatment);
  expect(EXCEPTIONS.filter((entry) => !used.includes(entry))).toEqual([]);
});

const others = DOCUMENTS.flatMap(blocksOf).filter((block) => !isShell(block));

test("every program in a document is run by a test", () => {
  const tested = (document: string, language: string): boolean =>
    PROGRAMS.some((entry) => entry.document === document && entry.languages.includes(language));
  const untested = others.filter(
    ({ document, language }) => !DATA.includes(language) && !tested(document, language),
  );
  expect(untested).toEqual([]);
  for (const { document, languages, test: file } of PROGRAMS) {
    expect(readFileSync(file, "utf8")).toContain(document);
    for (const language of languages) {
      expect(others.map((block) => `${block.document} ${block.language}`)).toContain(
        `${document} ${language}`,
      );
    }
  }
});

test("every JSON in a document is JSON", () => {
  for (const { document, line, language, text } of others) {
    if (language === "json") {
      expect(() => JSON.parse(text) as unknown, `${document}:${line}`).not.toThrow();
    }
  }
});
