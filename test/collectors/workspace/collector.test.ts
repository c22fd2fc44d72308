import { create, toJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { createWorkspaceCollector } from "../../../src/collectors/workspace/index.ts";
import { WorkspaceMetadataSchema } from "../../../src/gen/fleet/metadata/v1/workspace_metadata_pb.ts";

const CODER = {
  CODER: "true",
  CODER_WORKSPACE_ID: "5b0d1a5e-0000-4000-8000-000000000000",
  CODER_WORKSPACE_NAME: "login-fix",
  CODER_WORKSPACE_AGENT_NAME: "main",
  CODER_WORKSPACE_OWNER_NAME: "ann",
};

async function identify(env: Record<string, string | undefined>, hostname = () => "machine") {
  const collector = createWorkspaceCollector({ directory: "/work/project", env, hostname });
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
