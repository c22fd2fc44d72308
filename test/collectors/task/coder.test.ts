// Coder's API over real HTTP: a stand-in with the answers that Coder documents, and worse.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { type CoderOptions, createCoder } from "../../../src/collectors/task/coder.ts";
import { fixedToken, tokenInFile } from "../../../src/collectors/task/coder-token.ts";
import { TaskSchema } from "../../../src/gen/fleet/metadata/v1/workspace_pb.ts";
import {
  type Answer,
  cutOff,
  endless,
  json,
  page,
  redirect,
  silence,
  startHttpService,
} from "../../helpers/http-service.ts";
import { until } from "../../helpers/wait.ts";

const TOKEN = "coder-secret-token";
const ID = "5b0d1a5e-0000-4000-8000-000000000000";
const TASK_ID = "6c1e2b6f-0000-4000-8000-000000000000";
const WORKSPACE = `/api/v2/workspaces/${ID}`;

const BUILT = "2026-01-01T10:00:00Z";
const REPORTED = "2026-01-01T12:00:00.5Z";

/** A workspace as `GET /api/v2/workspaces/{workspace}` has it, as far as it matters here and a little more. */
function workspace(status: object | null, more: object = {}): Answer {
  return json({
    id: ID,
    name: "login-fix",
    owner_name: "ann",
    latest_build: { id: ID, created_at: BUILT, resources: [], status: "running" },
    latest_app_status: status && {
      id: ID,
      app_id: ID,
      agent_id: ID,
      workspace_id: ID,
      created_at: REPORTED,
      icon: "",
      needs_user_attention: false,
      message: "",
      uri: "",
      ...status,
    },
    ...more,
  });
}

/** A task as `GET /api/v2/tasks/{user}/{task}` has it. */
const task = (more: object = {}): Answer =>
  json({
    id: TASK_ID,
    name: "mend-the-login-1234",
    display_name: "Mend the login",
    initial_prompt: "Please mend the login",
    status: "active",
    created_at: "2026-01-01T10:05:00Z",
    updated_at: REPORTED,
    current_state: null,
    ...more,
  });

async function ask(
  routes: Parameters<typeof startHttpService>[0],
  options: Partial<CoderOptions> & { deadlineMs?: number } = {},
) {
  const service = await startHttpService(routes);
  const { deadlineMs = 10_000, ...rest } = options;
  const coder = createCoder({ url: service.url, token: fixedToken(TOKEN), workspace: { id: ID }, ...rest });
  const finding = await coder.ask(AbortSignal.timeout(deadlineMs));
  expect(finding.problem?.message ?? "").not.toContain(TOKEN);
  return {
    service,
    problem: finding.problem,
    task: finding.task && toJson(TaskSchema, create(TaskSchema, finding.task)),
  };
}

describe("Coder", () => {
  it.each([
    ["working", "RUNNING"],
    ["idle", "IDLE"],
    ["complete", "COMPLETED"],
    ["failure", "FAILED"],
  ])("says %s", async (state, status) => {
    const found = await ask({
      [WORKSPACE]: workspace({ state, message: "Running the tests", uri: "https://github.com/a/b/pull/1" }),
    });
    expect(found.problem).toBeUndefined();
    expect(found.task).toEqual({
      status: `TASK_STATUS_${status}`,
      description: "Running the tests",
      url: "https://github.com/a/b/pull/1",
      updatedAt: "2026-01-01T12:00:00.500Z",
    });
  });

  it("is asked with the token, and nothing else that is ours", async () => {
    const { service } = await ask({ [WORKSPACE]: workspace({ state: "idle" }) });
    expect(service.requests[0]?.headers).toEqual({
      accept: "application/json",
      "coder-session-token": TOKEN,
      connection: "close",
      host: expect.any(String),
    });
  });

  it("finds the workspace by its owner and name too", async () => {
    const { task: found } = await ask(
      { "/api/v2/users/a%2Fnn/workspace/login%20fix": workspace({ state: "working" }) },
      { workspace: { owner: "a/nn", name: "login fix" } },
    );
    expect(found).toMatchObject({ status: "TASK_STATUS_RUNNING" });
  });

  it.each(["", "file:///home/coder/notes.md", "javascript:alert(1)"])(
    "has no address to follow: %j",
    async (uri) => {
      const { task: found } = await ask({ [WORKSPACE]: workspace({ state: "idle", uri }) });
      expect(found).toEqual({ status: "TASK_STATUS_IDLE", updatedAt: expect.any(String) });
    },
  );

  it.each([
    ["null", workspace(null)],
    ["absent", json({ owner_name: "ann", latest_build: { created_at: BUILT } })],
  ])("says nothing when nothing was reported: %s", async (_, answer) => {
    expect(await ask({ [WORKSPACE]: answer })).toMatchObject({ task: undefined, problem: undefined });
  });

  it("says nothing of what was reported before the workspace was started anew", async () => {
    const found = await ask({
      [WORKSPACE]: workspace({ state: "working", created_at: "2026-01-01T09:59:59Z" }),
    });
    expect(found).toMatchObject({ task: undefined, problem: undefined });
  });

  it.each([
    ["a text", TASK_ID],
    ["an object", { uuid: TASK_ID, valid: true }],
  ])("says since when there is a task, whose identifier is %s", async (_, id) => {
    const { task: found } = await ask({
      [WORKSPACE]: workspace({ state: "working" }, { task_id: id }),
      [`/api/v2/tasks/ann/${TASK_ID}`]: task(),
    });
    expect(found).toEqual({
      status: "TASK_STATUS_RUNNING",
      description: "Mend the login",
      startedAt: "2026-01-01T10:05:00Z",
      updatedAt: "2026-01-01T12:00:00.500Z",
    });
  });

  it("has the task's own state where no app reports one", async () => {
    const { task: found } = await ask({
      [WORKSPACE]: workspace(null, { task_id: TASK_ID }),
      [`/api/v2/tasks/ann/${TASK_ID}`]: task({
        current_state: { state: "failed", message: "It gave up", uri: "", timestamp: REPORTED },
      }),
    });
    expect(found).toMatchObject({ status: "TASK_STATUS_FAILED", description: "It gave up" });
  });

  it.each([
    ["no task", null],
    ["none either", { uuid: "", valid: false }],
  ])("is not asked for a task where there is %s", async (_, id) => {
    const { service } = await ask({ [WORKSPACE]: workspace({ state: "idle" }, { task_id: id }) });
    expect(service.requests).toHaveLength(1);
  });

  it.each([
    ["not known by this version", json({}, 404)],
    ["nonsense", json([])],
    ["a page", page()],
  ])("S20: says what it can when the task is %s", async (_, answer) => {
    const { task: found } = await ask({
      [WORKSPACE]: workspace({ state: "working", message: "Busy" }, { task_id: TASK_ID }),
      [`/api/v2/tasks/ann/${TASK_ID}`]: answer,
    });
    expect(found).toMatchObject({ status: "TASK_STATUS_RUNNING", description: "Busy" });
  });

  it.each([
    ["500", json({}, 500), "REFUSED"],
    ["half an answer", cutOff(), "UNREACHABLE"],
    ["nonsense", json([]), "INVALID"],
  ])(
    "S20: does not say that nothing was reported when the task may say so and cannot be had: %s",
    async (_, answer, code) => {
      const { task: found, problem } = await ask({
        [WORKSPACE]: workspace(null, { task_id: TASK_ID }),
        [`/api/v2/tasks/ann/${TASK_ID}`]: answer,
      });
      expect(found).toBeUndefined();
      expect(problem).toMatchObject({ reason: `CODER_${code}` });
    },
  );

  it("S20: says nothing when nothing was reported, in a version that does not know tasks", async () => {
    const { task: found, problem } = await ask({
      [WORKSPACE]: workspace(null, { task_id: TASK_ID }),
      [`/api/v2/tasks/ann/${TASK_ID}`]: json({}, 404),
    });
    expect(found).toBeUndefined();
    expect(problem).toBeUndefined();
  });

  it("has a state that is not known: it says which", async () => {
    const { problem } = await ask({ [WORKSPACE]: workspace({ state: "dreaming" }) });
    expect(problem).toMatchObject({
      reason: "CODER_UNKNOWN_STATE",
      message: expect.stringContaining('"dreaming"'),
    });
  });
});

describe("Coder that is not as it should be", () => {
  it("S20: that is silent is given up at the deadline", async () => {
    const { problem, service } = await ask({ [WORKSPACE]: silence() }, { deadlineMs: 50 });
    expect(problem).toMatchObject({ reason: "CODER_TIMEOUT" });
    await until(() => service.connections() === 0, "the connection is closed");
  });

  it("S20: that answers without end is cut off", async () => {
    const { problem, service } = await ask({ [WORKSPACE]: endless() });
    expect(problem).toMatchObject({ reason: "CODER_TOO_LARGE" });
    await until(() => service.connections() === 0, "the connection is closed");
  });

  it.each([301, 302, 303, 307, 308])(
    "S20: that redirects elsewhere (%d) is not followed: the token stays here",
    async (status) => {
      const elsewhere = await startHttpService();
      const { problem } = await ask({ [WORKSPACE]: redirect(`${elsewhere.url}${WORKSPACE}`, status) });
      expect(problem).toMatchObject({ reason: "CODER_REDIRECTED" });
      expect(elsewhere.requests).toEqual([]);
      expect(elsewhere.connections()).toBe(0);
    },
  );

  it("S20: that names a task elsewhere is asked for it itself", async () => {
    const elsewhere = await startHttpService();
    const id = `${elsewhere.url}/x`;
    const { service } = await ask({
      [WORKSPACE]: workspace({ state: "idle" }, { task_id: id, owner_name: "../../.." }),
      [`/api/v2/tasks/${encodeURIComponent("../../..")}/${encodeURIComponent(id)}`]: json({}, 404),
    });
    expect(service.requests).toHaveLength(2);
    expect(elsewhere.requests).toEqual([]);
  });

  it.each([
    ["401", json({ message: "You are signed out" }, 401), "UNAUTHENTICATED"],
    ["403", json({}, 403), "UNAUTHENTICATED"],
    ["404", json({ message: "Resource not found" }, 404), "NOT_FOUND"],
    ["500", json({}, 500), "REFUSED"],
    ["a page", page(), "INVALID"],
    ["a page with status 502", page(502), "REFUSED"],
    ["a list", json([]), "INVALID"],
    ["null", json(null), "INVALID"],
    ["a status that is no object", json({ owner_name: "a", latest_app_status: "working" }), "INVALID"],
    ["a time that is none", workspace({ state: "idle", created_at: "yesterday" }), "INVALID"],
    ["half an answer", cutOff(), "UNREACHABLE"],
  ])("S20: that answers with %s says nothing, and why", async (_, answer, code) => {
    const { task: found, problem } = await ask({ [WORKSPACE]: answer });
    expect(found).toBeUndefined();
    expect(problem).toMatchObject({ reason: `CODER_${code}` });
  });

  it("S20, S25: that answers with any JSON is understood or not, and that is all", async () => {
    let answer: unknown;
    const service = await startHttpService({ [WORKSPACE]: (_, response) => json(answer)(_, response) });
    const coder = createCoder({ url: service.url, token: fixedToken(TOKEN), workspace: { id: ID } });
    const text = fc.oneof(fc.string(), fc.constantFrom("working", "idle", BUILT, REPORTED), fc.jsonValue());
    const shape = fc.record(
      {
        owner_name: text,
        latest_build: fc.record({ created_at: text }),
        latest_app_status: fc.record({ state: text, message: text, uri: text, created_at: text }),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(shape, fc.jsonValue()), async (value) => {
        answer = value;
        const { task: found, problem } = await coder.ask(AbortSignal.timeout(10_000));
        expect(found === undefined || problem === undefined).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it("is asked with the token that its file holds by now", async () => {
    const directory = mkdtempSync(join(tmpdir(), "fleet-coder-"));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const file = join(directory, "token");
    const service = await startHttpService({ [WORKSPACE]: workspace({ state: "working" }) });
    const coder = createCoder({ url: service.url, token: tokenInFile(file), workspace: { id: ID } });
    const askAgain = () => coder.ask(AbortSignal.timeout(10_000));
    const reason = "CODER_UNAUTHENTICATED";
    const refused = (message: string) => ({ problem: { reason, message: expect.stringContaining(message) } });
    expect(await askAgain()).toEqual(refused(`the token file ${file} cannot be read: ENOENT`));
    for (const token of ["first", "other"]) {
      writeFileSync(file, `${token}\n`);
      expect(await askAgain()).toHaveProperty("task");
      expect(service.requests.at(-1)?.headers["coder-session-token"]).toBe(token);
    }
    writeFileSync(file, "");
    expect(await askAgain()).toEqual(refused("is empty"));
    writeFileSync(file, "a\r\nx-injected: b");
    expect(await askAgain()).toEqual(refused("holds characters that no token has"));
    rmSync(file);
    execFileSync("mkfifo", [file]);
    expect(await askAgain()).toEqual(refused("cannot be read: a pipe"));
    expect(service.requests).toHaveLength(2);
  });

  it("S20: that is not there is said", async () => {
    const gone = await startHttpService();
    await gone.close();
    const { problem } = await ask({}, { url: gone.url });
    expect(problem).toMatchObject({
      reason: "CODER_UNREACHABLE",
      message: expect.stringContaining(gone.url),
    });
  });

  it("S20: that answers strangely has a status all the same", async () => {
    const { task: found } = await ask({
      [WORKSPACE]: workspace({ state: "working", message: null, uri: null }),
    });
    expect(found).toMatchObject({ status: "TASK_STATUS_RUNNING" });
  });
});
