import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toJson } from "@bufbuild/protobuf";
import { describe, expect, it, onTestFinished } from "vitest";
import { createWorkspaceCollector } from "../../../src/collectors/workspace/index.ts";
import { WorkspaceMetadataSchema } from "../../../src/gen/fleet/metadata/v1/workspace_metadata_pb.ts";

const CODER = {
  CODER: "true",
  CODER_WORKSPACE_ID: "5b0d1a5e-0000-4000-8000-000000000000",
  CODER_WORKSPACE_NAME: "login-fix",
  CODER_WORKSPACE_AGENT_NAME: "main",
  CODER_WORKSPACE_OWNER_NAME: "ann",
};

async function identify(
  env: Record<string, string | undefined>,
  hostname = () => "machine",
  namespaceFile = "/does/not/exist",
) {
  const collector = createWorkspaceCollector({ directory: "/work/project", env, hostname, namespaceFile });
  const collected = await collector.collect({ signal: new AbortController().signal });
  if (collected.outcome !== "data") {
    throw new Error(collected.reason);
  }
  const tree = toJson(WorkspaceMetadataSchema, create(WorkspaceMetadataSchema, collected.metadata));
  return (tree as { workspace: unknown }).workspace;
}

const LOCAL = {
  provider: "WORKSPACE_PROVIDER_LOCAL",
  name: "machine",
  hostname: "machine",
  directory: "/work/project",
};

describe("the workspace", () => {
  it("is Coder's, by its variables", async () => {
    expect(await identify(CODER)).toEqual({
      provider: "WORKSPACE_PROVIDER_CODER",
      id: "5b0d1a5e-0000-4000-8000-000000000000",
      name: "login-fix",
      agent: { name: "main" },
      owner: { name: "ann" },
      hostname: "machine",
      directory: "/work/project",
    });
  });

  it("is Coder's with some of them: what is not said is absent", async () => {
    const base = { provider: "WORKSPACE_PROVIDER_CODER", hostname: "machine", directory: "/work/project" };
    expect(await identify({ CODER: "true" })).toEqual(base);
    expect(await identify({ CODER_WORKSPACE_NAME: "w" })).toEqual({ ...base, name: "w" });
    expect(await identify({ ...CODER, CODER_WORKSPACE_ID: "", CODER_WORKSPACE_AGENT_NAME: "" })).toEqual({
      ...base,
      name: "login-fix",
      owner: { name: "ann" },
    });
  });

  it("is this machine's without them: no identifier, the host's name", async () => {
    expect(await identify({})).toEqual(LOCAL);
    expect(await identify({ CODER: "false", CODER_WORKSPACE_NAME: "", CODER_URL: "https://x" })).toEqual(
      LOCAL,
    );
  });

  const base = { hostname: "machine", directory: "/work/project" };

  it.each<[string, Record<string, string>, object]>([
    [
      "GitHub Codespaces",
      { CODESPACES: "true", CODESPACE_NAME: "octocat-literate-space-parakeet-mld5", GITHUB_USER: "octocat" },
      {
        provider: "WORKSPACE_PROVIDER_CODESPACES",
        id: "octocat-literate-space-parakeet-mld5",
        name: "octocat-literate-space-parakeet-mld5",
        owner: { name: "octocat" },
      },
    ],
    ["GitHub Codespaces, barely", { CODESPACES: "true" }, { provider: "WORKSPACE_PROVIDER_CODESPACES" }],
    [
      "Gitpod (Ona)",
      { GITPOD_ENVIRONMENT_ID: "01960000-aaaa", GITPOD_REGION: "us-east-1" },
      { provider: "WORKSPACE_PROVIDER_GITPOD", id: "01960000-aaaa", name: "01960000-aaaa" },
    ],
    [
      "Gitpod Classic",
      {
        GITPOD_WORKSPACE_ID: "ann-login-x1y2z3",
        GITPOD_OWNER_ID: "c0ffee",
        KUBERNETES_SERVICE_HOST: "10.0.0.1",
      },
      { provider: "WORKSPACE_PROVIDER_GITPOD", id: "ann-login-x1y2z3", name: "ann-login-x1y2z3" },
    ],
    [
      "Daytona",
      { DAYTONA_SANDBOX_ID: "sandbox-1", DAYTONA_SANDBOX_USER: "daytona", DAYTONA_WS_ID: "old" },
      { provider: "WORKSPACE_PROVIDER_DAYTONA", id: "sandbox-1", name: "sandbox-1" },
    ],
    [
      "an older Daytona",
      { DAYTONA_WS_ID: "ws-1", DAYTONA_WS_USER: "daytona" },
      { provider: "WORKSPACE_PROVIDER_DAYTONA", id: "ws-1", name: "ws-1" },
    ],
    [
      "Kubernetes, with its downward API",
      { KUBERNETES_SERVICE_HOST: "10.0.0.1", POD_NAME: "agent-0", POD_NAMESPACE: "fleet", POD_UID: "u-1" },
      { provider: "WORKSPACE_PROVIDER_KUBERNETES", id: "u-1", name: "agent-0" },
    ],
    [
      "Kubernetes, with the names of its documentation",
      { KUBERNETES_SERVICE_HOST: "10.0.0.1", MY_POD_NAME: "agent-0", MY_POD_NAMESPACE: "fleet" },
      { provider: "WORKSPACE_PROVIDER_KUBERNETES", id: "fleet/agent-0", name: "agent-0" },
    ],
    [
      "Kubernetes, without its downward API",
      { KUBERNETES_SERVICE_HOST: "10.0.0.1" },
      { provider: "WORKSPACE_PROVIDER_KUBERNETES", name: "machine" },
    ],
    [
      "Coder's, though it runs on Kubernetes",
      { ...CODER, KUBERNETES_SERVICE_HOST: "10.0.0.1", POD_NAME: "coder-ann-login-fix" },
      {
        provider: "WORKSPACE_PROVIDER_CODER",
        id: CODER.CODER_WORKSPACE_ID,
        name: "login-fix",
        agent: { name: "main" },
        owner: { name: "ann" },
      },
    ],
    [
      "this machine's: empty variables are none",
      { CODESPACES: "", GITPOD_WORKSPACE_ID: "", DAYTONA_SANDBOX_ID: "", KUBERNETES_SERVICE_HOST: "" },
      { provider: "WORKSPACE_PROVIDER_LOCAL", name: "machine" },
    ],
    [
      "this machine's, where the GitHub command-line program or an action runs",
      { GITHUB_USER: "octocat", GITHUB_ACTIONS: "true", CODESPACES: "false" },
      { provider: "WORKSPACE_PROVIDER_LOCAL", name: "machine" },
    ],
  ])("is %s", async (_, env, identity) => {
    expect(await identify(env)).toEqual({ ...base, ...identity });
  });

  it("is a pod by the service account that Kubernetes mounts", async () => {
    const directory = mkdtempSync(join(tmpdir(), "fleet-pod-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const namespaceFile = join(directory, "namespace");
    writeFileSync(namespaceFile, "fleet\n");
    expect(await identify({}, () => "agent-0", namespaceFile)).toEqual({
      provider: "WORKSPACE_PROVIDER_KUBERNETES",
      id: "fleet/agent-0",
      name: "agent-0",
      hostname: "agent-0",
      directory: "/work/project",
    });
    expect(await identify({ POD_NAMESPACE: "other" }, () => "a", namespaceFile)).toMatchObject({
      id: "other/a",
    });
  });

  it("is the same object until the host has another name", async () => {
    let hostname = "a";
    const collector = createWorkspaceCollector({ directory: "/", env: {}, hostname: () => hostname });
    const context = { signal: new AbortController().signal };
    const first = await collector.collect(context);
    expect(await collector.collect(context)).toBe(first);
    hostname = "b";
    expect(await collector.collect(context)).toMatchObject({
      metadata: { workspace: { name: "b", hostname: "b" } },
    });
  });

  it("has the system's host name when no other is given", async () => {
    const collector = createWorkspaceCollector({ directory: "/", env: {} });
    const collected = await collector.collect({ signal: new AbortController().signal });
    expect(collected).toMatchObject({ metadata: { workspace: { hostname: expect.stringMatching(/./) } } });
  });
});
