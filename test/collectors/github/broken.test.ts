// Broken networks and broken answers: each ends in time, and none is read as "no pull request".

import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { createTransport } from "../../../src/collectors/github/transport.ts";
import { type Fault, failure, HTML_PAGE, sha } from "../../helpers/github.ts";
import { rejection, startGatedGitHub } from "../../helpers/github-api.ts";
import { until } from "../../helpers/wait.ts";

/** A server that says this to every connection, and then nothing. @returns its address, and how many have come. */
async function startRawServer(answer: Buffer): Promise<{ url: string; connections: () => number }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.write(answer);
  }).listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) {
      socket.destroy();
    }
  });
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => sockets.length,
  };
}

const passingFaults: readonly [string, Fault, string][] = [
  ["a connection that is reset", { kind: "reset" }, "UNREACHABLE"],
  ["a body that is cut off", { kind: "cut" }, "UNREACHABLE"],
  ["a 500", failure(500), "UNREACHABLE"],
  ["a 502", failure(502), "UNREACHABLE"],
  [
    "a 503 of HTML",
    { ...failure(503), ...{ body: "<html>", headers: { "content-type": "text/html" } } },
    "UNREACHABLE",
  ],
];

/** The pause before the second attempt, with chance in the middle. */
const BACKOFF_MS = 625;

test.each(passingFaults)("P19: %s: tried once more", async (_name, fault) => {
  const { github, time, pulls } = await startGatedGitHub();
  github.faults.add(fault);
  const answer = pulls();
  await until(() => time.timersMs[0] === BACKOFF_MS, "the pause");
  await time.advance(BACKOFF_MS - 1);
  expect(github.books.requests).toHaveLength(1);
  await time.advance(1);
  expect((await answer).pages).toMatchObject([[{ number: 1 }]]);
  expect(github.books.requests).toHaveLength(2);
});

test.each(passingFaults)(
  "P19: %s, twice: failed, and the next question is answered",
  async (_name, fault, reason) => {
    const { github, api, time, pulls } = await startGatedGitHub();
    const before = await pulls();
    github.faults.add(fault, 2);
    const error = rejection(pulls());
    await until(() => time.timersMs[0] === BACKOFF_MS, "the pause");
    await time.advance(BACKOFF_MS);
    expect(await error).toMatchObject({ reason });
    expect(github.books.requests).toHaveLength(3);
    expect(api.blockedUntilMs).toBeUndefined();
    const after = await pulls();
    expect(after).toMatchObject({ isUnchanged: true });
    expect(after.pages).toBe(before.pages);
  },
);

test("P19: once more in all, however many pages there are", async () => {
  const { github, time, get } = await startGatedGitHub();
  const ref = sha("work");
  for (let index = 0; index < 101; index += 1) {
    github.repo("o/n").check(ref, { name: `check ${index}`, conclusion: "success" });
  }
  github.faults.add({ kind: "reset" });
  github.faults.add({ kind: "reset" }, 1, (url) => url.includes("page=2"));
  const error = rejection(
    get("GET /repos/{owner}/{repo}/commits/{ref}/check-runs", { owner: "o", repo: "n", ref }),
  );
  await until(() => time.timersMs[0] === BACKOFF_MS, "the pause");
  await time.advance(BACKOFF_MS);
  expect(await error).toMatchObject({ reason: "UNREACHABLE" });
  expect(github.books.requests).toHaveLength(3);
});

test("P19: a hang ends within 10 s, the second attempt included", async () => {
  const { github, time, pulls } = await startGatedGitHub();
  github.faults.add({ kind: "hang" }, 2);
  const startMs = time.monotonicMs();
  const error = rejection(pulls());
  await until(() => github.books.requests.length === 1, "the first request");
  await time.advance(5_000);
  await until(() => time.timersMs[0] === BACKOFF_MS, "the pause");
  await time.advance(BACKOFF_MS);
  await until(() => github.books.requests.length === 2, "the second request");
  await time.advance(10_000 - (time.monotonicMs() - startMs) - 1);
  expect(time.timersMs).toHaveLength(1);
  await time.advance(1);
  expect(await error).toMatchObject({ reason: "TIMEOUT", message: "GitHub does not answer within 10 s" });
  await pulls();
});

test("P19: a hang that does not come back is survived", async () => {
  const { github, time, pulls } = await startGatedGitHub();
  github.faults.add({ kind: "hang" });
  const answer = pulls();
  await until(() => github.books.requests.length === 1, "the first request");
  await time.advance(5_000);
  await until(() => time.timersMs[0] === BACKOFF_MS, "the pause");
  await time.advance(BACKOFF_MS);
  expect((await answer).pages).toHaveLength(1);
});

test("P19: a body that never ends is given up within 10 s", async () => {
  const raw = await startRawServer(Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n["));
  const { time, pulls } = await startGatedGitHub({ apiUrl: raw.url });
  const error = rejection(pulls());
  await until(() => raw.connections() === 1, "the first request");
  await time.advance(5_000);
  await until(() => time.timersMs[0] === BACKOFF_MS, "the pause");
  await time.advance(BACKOFF_MS);
  await until(() => raw.connections() === 2, "the second request");
  await time.advance(10_000 - 5_000 - BACKOFF_MS);
  expect(await error).toMatchObject({ reason: "TIMEOUT" });
});

const badAnswers: readonly [string, Fault][] = [
  ["HTML with status 200", HTML_PAGE],
  ["an empty body", { kind: "answer", status: 200, body: "" }],
  ["half a JSON", { kind: "answer", status: 200, body: '[{"number": 1' }],
  ["another JSON", { kind: "answer", status: 200, body: '{"ok":true}' }],
  ["null", { kind: "answer", status: 200, body: "null" }],
  ["a list of something else", { kind: "answer", status: 200, body: '[{"id":1}]' }],
  ["a list with null", { kind: "answer", status: 200, body: "[null]" }],
  ["a status that is no answer", { kind: "answer", status: 204 }],
  ["a 304 that nobody asked for", { kind: "answer", status: 304 }],
  ["a proxy that wants credentials", { kind: "answer", status: 407, body: "no" }],
];

test.each(badAnswers)("P19: %s is a bad answer, and never no pull request", async (_name, fault) => {
  const { github, pulls } = await startGatedGitHub();
  github.faults.add(fault);
  await expect(pulls()).rejects.toMatchObject({ reason: "BAD_ANSWER" });
  expect(github.books.requests).toHaveLength(1);
  expect((await pulls()).pages).toMatchObject([[{ number: 1 }]]);
});

test("P19: an answer without end is cut off, packed or not", async () => {
  const { github, pulls } = await startGatedGitHub({ transport: createTransport({ maxBodyBytes: 100_000 }) });
  const body = `[${" ".repeat(200_000)}]`;
  github.faults.add({ kind: "answer", status: 200, body });
  await expect(pulls()).rejects.toMatchObject({
    reason: "BAD_ANSWER",
    message: expect.stringContaining("longer"),
  });
  expect((await pulls()).pages).toHaveLength(1);

  const packed = gzipSync(body);
  const head = `HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${packed.length}\r\n\r\n`;
  const raw = await startRawServer(Buffer.concat([Buffer.from(head), packed]));
  const signal = AbortSignal.timeout(10_000);
  const url = new URL(raw.url);
  await expect(createTransport({ maxBodyBytes: 100_000 })(url, {}, signal)).rejects.toThrow(
    "longer than 100000",
  );
  expect((await createTransport()(url, {}, signal)).body).toBe(body);
});

test("P19: nobody listens", async () => {
  const { time, pulls } = await startGatedGitHub({ apiUrl: "http://127.0.0.1:1" });
  const error = rejection(pulls());
  await until(() => time.timersMs[0] === BACKOFF_MS, "the pause");
  await time.advance(BACKOFF_MS);
  expect(await error).toMatchObject({
    reason: "UNREACHABLE",
    message: "127.0.0.1:1 cannot be reached: ECONNREFUSED",
  });
});

test("P19: a name that is not known", async () => {
  const { time, pulls } = await startGatedGitHub({ apiUrl: "https://nowhere.invalid/api/v3" });
  const error = rejection(pulls());
  // A machine without a network takes its time to find out.
  await until(() => time.timersMs[0] === BACKOFF_MS, "the pause", 25_000);
  await time.advance(BACKOFF_MS);
  expect(await error).toMatchObject({
    reason: "UNREACHABLE",
    message: expect.stringContaining("nowhere.invalid"),
  });
});

test("an abort stays an abort, before, during and after the others' turn, and leaves nothing", async () => {
  const { github, time, pulls } = await startGatedGitHub();
  const reason = new Error("no longer wanted");
  await expect(pulls(AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(github.books.requests).toEqual([]);

  github.faults.add({ kind: "hang" });
  const [first, second] = [new AbortController(), new AbortController()];
  const errors = [rejection(pulls(first.signal)), rejection(pulls(second.signal))];
  const third = pulls();
  await until(() => github.books.requests.length === 1, "the request");
  second.abort(reason);
  expect(await errors[1]).toBe(reason);
  expect(github.books.requests).toHaveLength(1);
  first.abort(reason);
  expect(await errors[0]).toBe(reason);
  expect((await third).pages).toHaveLength(1);
  expect(time.timersMs).toEqual([]);

  github.faults.add({ kind: "reset" });
  const pausing = new AbortController();
  const error = rejection(pulls(pausing.signal));
  await until(() => time.timersMs[0] === BACKOFF_MS, "the pause");
  pausing.abort(reason);
  expect(await error).toBe(reason);
  expect(time.timersMs).toEqual([]);
});
