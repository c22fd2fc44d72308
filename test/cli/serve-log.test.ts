// What the program really writes while it serves: nothing when all is well, and never a secret.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { REDACTED } from "../../src/observability/redact.ts";
import { createTestClient } from "../helpers/clients.ts";
import { emptyDirectory, startProgram } from "../helpers/program.ts";

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

function linesOf(stdout: string): Line[] {
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

test("a server that is well says that it listens and that it stops, however often it is read", async () => {
  const program = await startProgram(["serve"]);
  for (let read = 0; read < 20; read += 1) {
    await fetch(`${program.url}/metadata`);
    await fetch(`${program.url}/nothing`);
  }
  program.kill("SIGTERM");
  const { stdout, stderr } = await program.ended;
  expect(linesOf(stdout).map(({ msg }) => msg)).toEqual([`listening on ${program.url}`, "stopping"]);
  expect(stderr).toBe("");
});

describe("at level debug", () => {
  test("each request has a line with route, method, protocol, code and duration", async () => {
    const program = await startProgram(["serve", "--log-level", "debug"]);
    await fetch(`${program.url}/metadata/git_branch?max_age=0s`);
    await fetch(`${program.url}/a/path/that/is/not`, { method: "DELETE" });
    await createTestClient("gRPC, HTTP/2", program.url).listKeys({});
    program.kill("SIGTERM");
    const { stdout } = await program.ended;
    const answered = linesOf(stdout).filter(({ msg }) => msg === "answered");
    const durationMs = expect.any(Number);
    expect(answered).toEqual([
      expect.objectContaining({
        level: 20,
        route: "/metadata/{key}",
        method: "GET",
        protocol: "http/1.1",
        code: "200",
        durationMs,
      }),
      expect.objectContaining({ route: "unknown", method: "other", code: "404", durationMs }),
      expect.objectContaining({
        rpc: "fleet.metadata.v1.MetadataService/ListKeys",
        protocol: "grpc",
        code: "ok",
        durationMs,
      }),
    ]);
  });

  test("S6: no token that the server was given, and none that a client sends, is in what it writes", async () => {
    const secrets = [
      "server-s3cret",
      `ghp_${"q".repeat(36)}`,
      "coder-s3cret",
      "wrong-s3cret",
      "query-s3cret",
    ];
    const [token = "", github = "", coder = "", wrong = "", query = ""] = secrets;
    // The first line names the workspace.
    const directory = join(emptyDirectory(), `of ${token} and ${github}`);
    mkdirSync(directory);
    writeFileSync(join(directory, "coder-token"), coder);
    const program = await startProgram(
      ["serve", "--log-level", "trace", "--coder-token-file", "coder-token"],
      {
        cwd: directory,
        // Nobody listens there: what is asked fails, and the failure is logged.
        env: {
          FLEET_METADATA_TOKEN: token,
          GITHUB_TOKEN: github,
          FLEET_METADATA_CODER_URL: "http://127.0.0.1:9",
        },
      },
    );
    const bearer = (given: string) => ({ headers: { authorization: `Bearer ${given}` } });
    await fetch(`${program.url}/metadata?token=${query}`, bearer(token));
    await fetch(`${program.url}/metadata?access_token=${query}`, bearer(wrong));
    await fetch(`${program.url}/${query}`, bearer(token));
    await fetch(`${program.url}/metadata/${query}`, bearer(token));
    await fetch(`${program.url}/metadata/events`, { ...bearer(token), signal: AbortSignal.timeout(200) });
    program.kill("SIGHUP");
    await program.logged("read again");
    program.kill("SIGTERM");
    const { stdout, stderr } = await program.ended;
    expect(
      linesOf(stdout)
        .filter(({ msg }) => msg === "answered")
        .map(({ code }) => code),
    ).toContain("401");
    expect(stdout).toContain(REDACTED);
    for (const secret of secrets) {
      expect(stdout + stderr).not.toContain(secret);
    }
  });
});
