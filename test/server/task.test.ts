// What the agent is doing, through a whole server: with a real file, and AgentAPI and Coder over real HTTP.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openEvents } from "../helpers/event-source.ts";
import { endless, json, redirect, silence, startHttpService } from "../helpers/http-service.ts";
import { startServer } from "../helpers/server.ts";
import { until } from "../helpers/wait.ts";

const CODER = {
  CODER: "true",
  CODER_SESSION_TOKEN: "session-secret",
  CODER_WORKSPACE_NAME: "login-fix",
  CODER_WORKSPACE_OWNER_NAME: "ann",
};
const CODER_PATH = "/api/v2/users/ann/workspace/login-fix";
const KEYS = "keys=workspace_task_status,workspace_task_source,workspace_task_agent";

interface Answer {
  /** Absent while nothing is known. */
  readonly data?: Readonly<Record<string, { readonly value: unknown; readonly error?: string }>>;
  readonly sources: {
    readonly task: { readonly state: string; readonly reason?: string; readonly message?: string };
  };
}

async function setUp(urls: { readonly agentapi?: string; readonly coder?: string }) {
  const directory = mkdtempSync(join(tmpdir(), "fleet-server-task-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "task.json");
  const { agentapi = "none", coder } = urls;
  const server = await startServer({
    collectors: "real",
    flags: { workspace: directory, taskFile: file, agentapiUrl: agentapi },
    env: coder === undefined ? {} : { ...CODER, CODER_URL: coder },
  });
  return {
    server,
    /** Writes the file as its writers do: whole. */
    write: (content: object): void => {
      writeFileSync(`${file}.new`, JSON.stringify(content));
      renameSync(`${file}.new`, file);
    },
    read: async (more = ""): Promise<Answer> =>
      (await (await fetch(`${server.url}/metadata?${KEYS}${more}`)).json()) as Answer,
  };
}

describe("a slow service", () => {
  it("S20: AgentAPI and Coder that never answer delay no read of the file", async () => {
    const agentapi = await startHttpService({ "/status": silence() });
    const coder = await startHttpService({ [CODER_PATH]: silence() });
    const { read, write, server } = await setUp({ agentapi: agentapi.url, coder: coder.url });
    write({ status: "running" });
    await read();
    const startedMs = performance.now();
    for (const status of ["waiting", "running", "completed", "idle"]) {
      write({ status });
      const { data, sources } = await read("&max_age=0s");
      expect(data?.["workspace_task_status"]?.value).toBe(status);
      expect(data?.["workspace_task_source"]?.value).toBe("file");
      expect(sources.task.state).toBe("SOURCE_STATE_FRESH");
    }
    // Waiting for either of them would take half a second each time.
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    await server.close();
    await until(() => agentapi.connections() + coder.connections() === 0, "nothing is left open");
  });

  it("S20: without a file a read waits for a moment, and the source never hangs", async () => {
    const agentapi = await startHttpService({ "/status": silence() });
    const coder = await startHttpService({ [CODER_PATH]: json({}, 500) });
    const { read } = await setUp({ agentapi: agentapi.url, coder: coder.url });
    const { sources } = await read();
    expect(sources.task.state).not.toBe("SOURCE_STATE_PENDING");
    const startedMs = performance.now();
    for (let index = 0; index < 10; index += 1) {
      await read();
    }
    expect(performance.now() - startedMs).toBeLessThan(4_000);
  });

  it("S20: Coder's token is in no answer and goes nowhere else, whatever Coder answers", async () => {
    const elsewhere = await startHttpService();
    const coder = await startHttpService({ [CODER_PATH]: redirect(`${elsewhere.url}${CODER_PATH}`) });
    const { read, write } = await setUp({ coder: coder.url });
    write({ status: "idle" });
    await read();
    await until(() => coder.requests.length > 0, "Coder is asked");
    const deadline = performance.now() + 10_000;
    let answer = await read("&max_age=0s");
    while (answer.sources.task.reason !== "CODER_REDIRECTED" && performance.now() < deadline) {
      answer = await read("&max_age=0s");
    }
    expect(answer.sources.task).toMatchObject({
      state: "SOURCE_STATE_FRESH",
      reason: "CODER_REDIRECTED",
      message: expect.stringContaining(coder.url),
    });
    expect(JSON.stringify(answer)).not.toContain("session-secret");
    expect(elsewhere.requests).toEqual([]);
  });

  it("S20: an answer without end costs only that evidence", async () => {
    const agentapi = await startHttpService({ "/status": endless() });
    const { read, write } = await setUp({ agentapi: agentapi.url });
    write({ status: "waiting" });
    expect((await read()).data?.["workspace_task_status"]?.value).toBe("waiting");
    await until(() => agentapi.connections() === 0, "it is cut off");
  });
});

describe("evidence in a stream", () => {
  it("is sent as AgentAPI tells of it, until the file says more", async () => {
    const streams: ServerResponse[] = [];
    const agentapi = await startHttpService({
      "/status": json({ status: "stable", agent_type: "codex" }),
      "/events": (_, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
        streams.push(response);
      },
    });
    const { server, write } = await setUp({ agentapi: agentapi.url });
    const events = await openEvents(`${server.url}/metadata/events?${KEYS}`);
    /** The next state that has this status. */
    const status = async (wanted: string): Promise<Answer> => {
      for (;;) {
        const answer = JSON.parse((await events.next())?.["data"] ?? "{}") as Answer;
        if (answer.data?.["workspace_task_status"]?.value === wanted) {
          return answer;
        }
      }
    };
    expect((await status("idle")).data).toMatchObject({
      workspace_task_source: { value: "agentapi" },
      workspace_task_agent: { value: "codex" },
    });
    await until(() => streams.length > 0, "its events are followed");
    streams.at(-1)?.write('event: status_change\ndata: {"status": "running", "agent_type": "codex"}\n\n');
    expect((await status("running")).data?.["workspace_task_source"]?.value).toBe("agentapi");
    write({ status: "waiting", agent: "claude-code" });
    const { data } = await status("waiting");
    expect(data).toMatchObject({
      workspace_task_source: { value: "file" },
      workspace_task_agent: { value: "claude-code" },
    });
    events.leave();
  });
});
