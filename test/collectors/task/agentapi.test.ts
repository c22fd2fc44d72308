// AgentAPI over real HTTP: a stand-in that answers as the real one does, and worse.

import type { ServerResponse } from "node:http";
import { createServer } from "node:net";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { type AgentApiOptions, createAgentApi } from "../../../src/collectors/task/agentapi.ts";
import type { Finding } from "../../../src/collectors/task/finding.ts";
import { createEventReader } from "../../../src/collectors/task/server-events.ts";
import { TaskStatus } from "../../../src/gen/fleet/metadata/v1/workspace_pb.ts";
import {
  cutOff,
  endless,
  type HttpService,
  json,
  page,
  redirect,
  silence,
  startHttpService,
} from "../../helpers/http-service.ts";
import { until } from "../../helpers/wait.ts";

const stable = json({ status: "stable", agent_type: "claude" });
const running = json({ status: "running", agent_type: "claude" });

const ask = (url: string, deadlineMs = 10_000): Promise<Finding> =>
  createAgentApi({ url }).ask(AbortSignal.timeout(deadlineMs));

/** A stand-in whose stream of events a test writes. */
async function withEvents(routes: Parameters<typeof startHttpService>[0]) {
  const streams: ServerResponse[] = [];
  const service = await startHttpService({
    "/events": (_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.flushHeaders();
      streams.push(response);
    },
    ...routes,
  });
  const send = (event: string, data: unknown): void => {
    for (const stream of streams) {
      stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    }
  };
  return { service, streams, send };
}

/** Follows a service with the events that it tells of. */
function follow({ url }: HttpService, options: Partial<AgentApiOptions> = {}) {
  const source = createAgentApi({ url, ...options });
  const end = new AbortController();
  onTestFinished(() => end.abort());
  const told: Finding[] = [];
  const use = (): void => source.follow?.((finding) => told.push(finding), end.signal);
  const start = async (): Promise<Finding> => {
    const finding = await source.ask(AbortSignal.timeout(10_000));
    use();
    return finding;
  };
  return { source, end, told, use, start };
}

describe("AgentAPI", () => {
  it.each([
    ["running", TaskStatus.RUNNING],
    ["stable", TaskStatus.IDLE],
  ])("says %s", async (word, status) => {
    const service = await startHttpService({ "/status": json({ status: word, agent_type: "claude" }) });
    const { task, problem } = await ask(service.url);
    expect(problem).toBeUndefined();
    expect(task).toMatchObject({ status, agent: "claude-code" });
  });

  it.each([
    ["codex", "codex"],
    ["my-agent", "my-agent"],
    ["custom", undefined],
    ["", undefined],
  ])("calls its agent %j", async (type, agent) => {
    const service = await startHttpService({ "/status": json({ status: "stable", agent_type: type }) });
    expect((await ask(service.url)).task?.agent).toBe(agent);
  });

  it("may say more, and less: an older version says no type", async () => {
    const service = await startHttpService({ "/status": json({ status: "stable", backend: "pty" }) });
    expect((await ask(service.url)).task?.status).toBe(TaskStatus.IDLE);
  });

  it("may live below a path", async () => {
    const service = await startHttpService({ "/agent/status": running });
    expect((await ask(`${service.url}/agent`)).task?.status).toBe(TaskStatus.RUNNING);
    expect((await ask(`${service.url}/agent/`)).task?.status).toBe(TaskStatus.RUNNING);
  });

  it("has been so since it was first seen so", async () => {
    let nowMs = 1_000;
    const service = await startHttpService({ "/status": running });
    const source = createAgentApi({ url: service.url, now: () => nowMs });
    const first = await source.ask(AbortSignal.timeout(10_000));
    nowMs = 5_000;
    expect(await source.ask(AbortSignal.timeout(10_000))).toEqual(first);
    service.on("/status", stable);
    expect((await source.ask(AbortSignal.timeout(10_000))).task?.updatedAt).toMatchObject({ seconds: 5n });
  });

  it("is asked without credentials", async () => {
    const service = await startHttpService({ "/status": stable });
    await ask(service.url);
    expect(service.requests[0]?.headers).toEqual({
      accept: "application/json",
      connection: "close",
      host: expect.any(String),
    });
  });

  it("is not there: that is no problem, the agent may not have been started", async () => {
    const service = await startHttpService();
    await service.close();
    expect(await ask(service.url)).toEqual({});
  });
});

describe("AgentAPI that is not as it should be", () => {
  it("S20: that is silent is given up at the deadline", async () => {
    const service = await startHttpService({ "/status": silence() });
    expect((await ask(service.url, 50)).problem).toMatchObject({ reason: "AGENTAPI_TIMEOUT" });
    await until(() => service.connections() === 0, "the connection is closed");
  });

  it("S20: that sends a byte at a time is given up at the deadline", async () => {
    const service = await startHttpService({
      "/status": (_, response) => {
        const timer = setInterval(() => response.write(" "), 5);
        response.on("close", () => clearInterval(timer));
      },
    });
    expect((await ask(service.url, 100)).problem).toMatchObject({ reason: "AGENTAPI_TIMEOUT" });
    await until(() => service.connections() === 0, "the connection is closed");
  });

  it("S20: that answers without end is cut off", async () => {
    const service = await startHttpService({ "/status": endless() });
    expect((await ask(service.url)).problem).toMatchObject({ reason: "AGENTAPI_TOO_LARGE" });
    await until(() => service.connections() === 0, "the connection is closed");
  });

  it.each([301, 302, 303, 307, 308])("S20: that redirects elsewhere (%d) is not followed", async (status) => {
    const elsewhere = await startHttpService();
    const service = await startHttpService({ "/status": redirect(`${elsewhere.url}/status`, status) });
    expect((await ask(service.url)).problem).toMatchObject({ reason: "AGENTAPI_REDIRECTED" });
    expect(elsewhere.requests).toEqual([]);
  });

  it.each([
    ["HTML", page(), "INVALID"],
    ["HTML with status 502", page(502), "REFUSED"],
    ["status 404", json({}, 404), "NOT_FOUND"],
    ["status 401", json({}, 401), "UNAUTHENTICATED"],
    ["status 204", json({}, 204), "REFUSED"],
    ["a status that is none of its own", json({ status: "sleeping" }), "INVALID"],
    ["a number", json(1), "INVALID"],
    ["null", json(null), "INVALID"],
    ["a status that is no text", json({ status: {} }), "INVALID"],
    ["an agent that is no text", json({ status: "stable", agent_type: [] }), "INVALID"],
    ["half an answer", cutOff(), "UNREACHABLE"],
  ])("S20: that answers with %s says nothing", async (_, answer, code) => {
    const service = await startHttpService({ "/status": answer });
    const { task, problem } = await ask(service.url);
    expect(task).toBeUndefined();
    expect(problem?.reason).toBe(`AGENTAPI_${code}`);
    expect(problem?.message).toContain(service.url);
  });

  it("S20, S25: that answers with any JSON is understood or not, and that is all", async () => {
    let answer: unknown;
    const service = await startHttpService({ "/status": (_, response) => json(answer)(_, response) });
    const status = fc.record(
      { status: fc.oneof(fc.constantFrom("running", "stable"), fc.jsonValue()), agent_type: fc.jsonValue() },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(status, fc.jsonValue()), async (value) => {
        answer = value;
        const { task, problem } = await ask(service.url);
        expect(task === undefined).toBe(problem !== undefined);
      }),
      { numRuns: 50 },
    );
  });

  it("S20: that does not speak HTTP says nothing", async () => {
    const server = createServer((socket) => void socket.end("220 mail.example ESMTP\r\n"));
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    expect((await ask(`http://127.0.0.1:${port}`)).problem).toMatchObject({ reason: "AGENTAPI_INVALID" });
  });
});

describe("AgentAPI's events", () => {
  it("tell of changes at once", async () => {
    const { service, streams, send } = await withEvents({ "/status": stable });
    const { start, told, source } = follow(service);
    expect((await start()).task?.status).toBe(TaskStatus.IDLE);
    await until(() => source.periodMs() === 30_000, "the stream is open");
    expect(streams).toHaveLength(1);
    send("message_update", { id: 1, role: "agent", message: "status_change", time: "2026-01-01T00:00:00Z" });
    send("status_change", { status: "running", agent_type: "claude" });
    send("status_change", { status: "stable" });
    await until(() => told.length === 2, "both changes are told");
    expect(told.map(({ task }) => task?.status)).toEqual([TaskStatus.RUNNING, TaskStatus.IDLE]);
    expect(told[1]?.task?.agent).toBe("claude-code");
  });

  it("are listened to once, however often it is used", async () => {
    const { service, streams } = await withEvents({ "/status": stable });
    const { start, use } = follow(service);
    await start();
    await until(() => streams.length === 1, "the stream is open");
    for (let index = 0; index < 10; index += 1) {
      use();
    }
    expect(service.requests.filter(({ url }) => url === "/events")).toHaveLength(1);
  });

  it("are not listened to before it has answered", async () => {
    const service = await startHttpService({ "/status": page() });
    const { start, source } = follow(service);
    await start();
    expect(service.requests).toHaveLength(1);
    expect(source.periodMs()).toBe(2_000);
  });

  it("end when nobody uses it any more, and begin again", async () => {
    const { service, streams } = await withEvents({ "/status": stable });
    let nowMs = 0;
    const { start, use, source } = follow(service, { restAfterMs: 100, now: () => nowMs });
    await start();
    await until(() => streams.length === 1, "the stream is open");
    await until(() => service.connections() === 0, "the stream is closed");
    await until(() => source.periodMs() === 2_000, "it is asked more often again");
    nowMs += 60_000;
    use();
    await until(() => streams.length === 2, "another stream is open");
  });

  it("end with the server", async () => {
    const { service, streams } = await withEvents({ "/status": stable });
    const { start, end, told } = follow(service);
    await start();
    await until(() => streams.length === 1, "the stream is open");
    end.abort();
    await until(() => service.connections() === 0, "the stream is closed");
    expect(told).toEqual([]);
  });

  it("are newer than an answer that was under way when they came", async () => {
    const { service, streams, send } = await withEvents({ "/status": running });
    const { start, told, source } = follow(service);
    await start();
    await until(() => streams.length === 1, "the stream is open");
    let answer = (): void => undefined;
    service.on("/status", (request, response) => {
      answer = () => running(request, response);
    });
    const asked = service.requests.length;
    const finding = source.ask(AbortSignal.timeout(10_000));
    await until(() => service.requests.length > asked, "it is asked");
    send("status_change", { status: "stable" });
    await until(() => told.length === 1, "the change is told");
    answer();
    expect((await finding).task?.status).toBe(TaskStatus.IDLE);
  });

  it("that break off are reason to ask: the agent may have ended", async () => {
    const { service, streams } = await withEvents({ "/status": stable });
    const { start, told, source } = follow(service);
    await start();
    await until(() => source.periodMs() === 30_000, "the stream is open");
    expect(streams).toHaveLength(1);
    await service.close();
    await until(() => told.length === 1, "the end is told");
    expect(told).toEqual([{}]);
  });

  it.each([
    ["a page", page()],
    ["a redirect", redirect("http://127.0.0.1:1/events")],
    ["an error", json({}, 503)],
  ])("S20: that are %s are done without, and not asked for again at once", async (_, answer) => {
    const service = await startHttpService({ "/status": stable, "/events": answer });
    const { start, use, told, source } = follow(service);
    await start();
    await until(() => service.requests.length === 2, "they are asked for");
    await until(() => service.connections() === 0, "they are refused");
    await source.ask(AbortSignal.timeout(10_000));
    use();
    await source.ask(AbortSignal.timeout(10_000));
    expect(service.requests.map(({ url }) => url)).toEqual(["/status", "/events", "/status", "/status"]);
    expect(source.periodMs()).toBe(2_000);
    expect(told).toEqual([]);
  });

  it("S20: that never begin are given up, and it is asked as often as without", async () => {
    const service = await startHttpService({ "/status": stable, "/events": silence() });
    const { start, source } = follow(service);
    await start();
    await until(() => service.requests.length === 2, "they are asked for");
    expect(source.periodMs()).toBe(2_000);
    await until(() => service.connections() === 0, "they are given up");
  });

  it("S20: that are huge or nonsense change nothing", async () => {
    const { service, streams, send } = await withEvents({ "/status": stable });
    const { start, told } = follow(service);
    await start();
    await until(() => streams.length === 1, "the stream is open");
    send("message_update", { message: "x".repeat(4 * 1024 * 1024) });
    send("status_change", { status: "running", padding: "x".repeat(1024 * 1024) });
    send("status_change", "running");
    streams[0]?.write("event: status_change\ndata: {\n\n:\n\n\n\n");
    send("status_change", { status: "running" });
    await until(() => told.length === 3, "what can be read is told");
    expect(told.map(({ task, problem }) => task?.status ?? problem?.reason)).toEqual([
      "AGENTAPI_INVALID",
      "AGENTAPI_INVALID",
      TaskStatus.RUNNING,
    ]);
  });
});

describe("a reader of server-sent events", () => {
  const read = (...pieces: readonly string[]): [string, string][] => {
    const events: [string, string][] = [];
    const reader = createEventReader((name, data) => events.push([name, data]));
    for (const piece of pieces) {
      reader(piece);
    }
    return events;
  };

  it("knows every form of a stream", () => {
    expect(
      read("event: a\ndata: 1\n\ndata:2\ndata: 3\r\n\r\n: comment\nid: 1\n\nevent: b\rdata\r\r"),
    ).toEqual([
      ["a", "1"],
      ["message", "2\n3"],
      ["b", ""],
    ]);
    expect(read("data: unfinished\n")).toEqual([]);
  });

  it("does not mind where a stream is cut", () => {
    const stream = "event: a\r\ndata: 1\r\n\r\nevent: b\ndata: 2\n\ndata: 3\r\r";
    const whole = read(stream);
    expect(whole).toHaveLength(3);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
        const pieces = places.slice(1).map((end, index) => stream.slice(places[index], end));
        expect(read(...pieces)).toEqual(whole);
      }),
    );
  });

  it("S20, S25: takes anything", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), (pieces) => {
        read(...pieces);
      }),
    );
  });
});
