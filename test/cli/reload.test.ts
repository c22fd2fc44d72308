// SIGHUP to a real server: what it takes over, what it leaves as it was, and what it says.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { createCertificate } from "../helpers/certificate.ts";
import { startGitHub } from "../helpers/github.ts";
import { emptyDirectory, type Serving, startProgram } from "../helpers/program.ts";
import { createRepository } from "../helpers/repository.ts";
import { until } from "../helpers/wait.ts";

/** Sends the signal and waits for the one line that says what came of it. */
async function reload(program: Serving, said: string): Promise<void> {
  const line = program.logged(said);
  program.kill("SIGHUP");
  await line;
}

/** How the server answers a request that bears a token. */
async function statusFor(url: string, token: string): Promise<number> {
  const { status } = await fetch(`${url}/metadata`, { headers: { authorization: `Bearer ${token}` } });
  return status;
}

/** Lines that a server has logged about its settings. */
async function reloadsOf(program: Serving): Promise<Record<string, unknown>[]> {
  program.kill("SIGTERM");
  const { code, stdout } = await program.ended;
  expect(code).toBe(0);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return lines.filter(({ msg }) => String(msg).startsWith("the settings were read again"));
}

test("takes over a token file and the level of the log, and says so in one line", async () => {
  const cwd = emptyDirectory();
  const settings = join(cwd, "settings");
  const tokenFile = join(cwd, "token");
  writeFileSync(tokenFile, "first-t0ken");
  writeFileSync(settings, "FLEET_METADATA_LOG_LEVEL=info\n");
  const program = await startProgram(["--env-file", settings, "--token-file", tokenFile], { cwd });
  const { url } = program;
  expect(await statusFor(url, "first-t0ken")).toBe(200);
  writeFileSync(tokenFile, "second-t0ken");
  writeFileSync(settings, "FLEET_METADATA_LOG_LEVEL=debug\n");
  await reload(program, "now in force: --token-file, FLEET_METADATA_LOG_LEVEL");
  expect([await statusFor(url, "first-t0ken"), await statusFor(url, "second-t0ken")]).toEqual([401, 200]);
  await reload(program, "nothing has changed");
  expect(await reloadsOf(program)).toMatchObject([
    { level: 30, changed: ["--token-file", "FLEET_METADATA_LOG_LEVEL"], waiting: [], refused: [] },
    { level: 30, changed: [], waiting: [], refused: [] },
  ]);
  const { stdout } = await program.ended;
  expect(stdout.match(/"msg":"answered"/g)).toHaveLength(2);
  expect(stdout).not.toContain("t0ken");
});

test("leaves what is wrong as it was, says so, and serves on", async () => {
  const cwd = emptyDirectory();
  const settings = join(cwd, "settings");
  const tokenFile = join(cwd, "token");
  writeFileSync(tokenFile, "g00d");
  writeFileSync(settings, "FLEET_METADATA_ALLOWED_HOST=one.example\n");
  const program = await startProgram(["--env-file", settings, "--token-file", tokenFile], { cwd });
  const { url } = program;
  writeFileSync(tokenFile, "");
  writeFileSync(settings, "FLEET_METADATA_ALLOWED_HOST=one.example\nFLEET_METADATA_LOG_LEVEL=loud\n");
  await reload(program, "wrong, and left as it was");
  expect(await statusFor(url, "g00d")).toBe(200);
  expect(await statusFor(url, "")).toBe(401);
  rmSync(tokenFile);
  rmSync(settings);
  await reload(program, "--env-file");
  expect(await statusFor(url, "g00d")).toBe(200);
  const reloads = await reloadsOf(program);
  expect(reloads).toMatchObject([
    {
      level: 40,
      changed: [],
      refused: [
        expect.stringMatching(/^FLEET_METADATA_LOG_LEVEL .*"loud" is not valid; allowed are trace/),
        expect.stringMatching(/^--token-file: the token is not valid/),
      ],
    },
    { level: 40, changed: [], refused: [expect.stringMatching(/^--env-file: .* cannot be read \(ENOENT\)/)] },
  ]);
});

test("serves on when a file has become a pipe that nobody writes to", async () => {
  const cwd = emptyDirectory();
  const tokenFile = join(cwd, "token");
  writeFileSync(tokenFile, "g00d");
  const program = await startProgram(["--token-file", tokenFile], { cwd });
  rmSync(tokenFile);
  execFileSync("mkfifo", [tokenFile]);
  await reload(program, "wrong, and left as it was");
  expect(await statusFor(program.url, "g00d")).toBe(200);
  expect(await reloadsOf(program)).toMatchObject([
    { level: 40, refused: [expect.stringContaining("cannot be read (a pipe)")] },
  ]);
});

test("S6, P20: tokens that it was given anew are in no line of the log either, whatever says them", async () => {
  const cwd = emptyDirectory();
  const settings = join(cwd, "settings");
  const tokenFile = join(cwd, "token");
  writeFileSync(tokenFile, "first-t0ken");
  writeFileSync(settings, "");
  const program = await startProgram(["--env-file", settings, "--token-file", tokenFile], { cwd });
  writeFileSync(tokenFile, "second-t0ken");
  const mistaken = "FLEET_METADATA_LOG_LEVEL=second-t0ken\nFLEET_METADATA_JSON_NAMES=github-t0ken\n";
  writeFileSync(settings, `GITHUB_TOKEN=github-t0ken\n${mistaken}`);
  await reload(program, "wrong, and left as it was");
  const [{ refused } = {}] = await reloadsOf(program);
  expect(refused).toEqual([
    expect.stringMatching(/^FLEET_METADATA_JSON_NAMES .*"\[secret\]" is not valid/),
    expect.stringMatching(/^FLEET_METADATA_LOG_LEVEL .*"\[secret\]" is not valid/),
  ]);
  expect((await program.ended).stdout).not.toContain("t0ken");
});

test("says what has another value and counts from the next start on", async () => {
  const cwd = emptyDirectory();
  const settings = join(cwd, "settings");
  writeFileSync(settings, "FLEET_METADATA_GIT_DEADLINE=5s\n");
  const program = await startProgram(["--env-file", settings], { cwd });
  writeFileSync(settings, "FLEET_METADATA_GIT_DEADLINE=9s\nFLEET_METADATA_ALLOWED_HOST=two.example\n");
  await reload(program, "in force after a restart: FLEET_METADATA_GIT_DEADLINE");
  // It is said again for as long as it is so.
  await reload(program, "read again; in force after a restart: FLEET_METADATA_GIT_DEADLINE");
  expect(await reloadsOf(program)).toMatchObject([
    { changed: ["FLEET_METADATA_ALLOWED_HOST"], waiting: ["FLEET_METADATA_GIT_DEADLINE"] },
    { changed: [], waiting: ["FLEET_METADATA_GIT_DEADLINE"] },
  ]);
});

test("takes over who may ask", async () => {
  const cwd = emptyDirectory();
  const settings = join(cwd, "settings");
  writeFileSync(settings, "");
  const program = await startProgram(["--env-file", settings], { cwd });
  const ask = async () => {
    const { status } = await fetch(`${program.url}/metadata`, {
      headers: { origin: "https://fleet.example" },
    });
    return status;
  };
  expect(await ask()).toBe(403);
  writeFileSync(settings, "FLEET_METADATA_ALLOWED_ORIGIN=https://fleet.example\n");
  await reload(program, "now in force: FLEET_METADATA_ALLOWED_ORIGIN");
  expect(await ask()).toBe(200);
});

test("serves TLS with the new certificate, and with the old one while the new one has another's key", async () => {
  const cwd = emptyDirectory();
  const { certFile, keyFile } = await createCertificate(cwd);
  const program = await startProgram(["--tls-cert", certFile, "--tls-key", keyFile], { cwd });
  const { port } = new URL(program.url);
  const fingerprint = async (): Promise<string> => {
    const socket = connect({ host: "127.0.0.1", port: Number(port), rejectUnauthorized: false });
    onTestFinished(() => void socket.destroy());
    await once(socket, "secureConnect");
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };
  const first = await fingerprint();
  expect(await fingerprint()).toBe(first);
  const other = await createCertificate();
  writeFileSync(certFile, other.cert);
  await reload(program, "is not the key of the certificate");
  expect(await fingerprint()).toBe(first);
  await createCertificate(cwd);
  await reload(program, "now in force: --tls-cert, --tls-key");
  expect(await fingerprint()).not.toBe(first);
});

test("asks GitHub with another token, which stands in the file of settings", async () => {
  const github = await startGitHub();
  const [old, fresh] = ["ghp_0ld-s3cret", "ghp_fresh-s3cret"];
  github.token(old);
  github.token(fresh);
  github.repo("octo/app");
  const repository = createRepository();
  repository.git("remote", "add", "origin", "https://github.com/octo/app.git");
  repository.commit({ a: "a" });
  const settings = join(emptyDirectory(), "settings");
  writeFileSync(settings, `GITHUB_TOKEN=${old}\n`);
  const program = await startProgram(["--env-file", settings], {
    cwd: repository.root,
    env: { GITHUB_API_URL: github.apiUrl, HOME: repository.home },
  });
  const askedWith = (token: string) => github.books.requests.some((request) => request.token === token);
  await fetch(`${program.url}/metadata`);
  await until(() => askedWith(old), "a question with the first token");
  writeFileSync(settings, `GITHUB_TOKEN=${fresh}\n`);
  await reload(program, "now in force: GITHUB_TOKEN");
  repository.git("checkout", "-qb", "other");
  await fetch(`${program.url}/metadata`);
  await until(() => askedWith(fresh), "a question with the second token");
  await reloadsOf(program);
  const { stdout } = await program.ended;
  expect(stdout).not.toContain("s3cret");
});

test("says at the start which variable is none of the settings", async () => {
  const program = await startProgram([], { env: { FLEET_METADATA_LISEN: ":1" } });
  program.kill("SIGTERM");
  const { stdout } = await program.ended;
  expect(stdout).toContain(
    "FLEET_METADATA_LISEN is no setting and has no effect; the closest one is FLEET_METADATA_LISTEN",
  );
});
