import { describe, expect, it } from "vitest";
import { coderAccess } from "../../../src/collectors/task/coder-access.ts";

const NOT_SET = { url: undefined, tokenFile: undefined };
const ENV = {
  CODER: "true",
  CODER_AGENT_URL: "https://coder.example.com/",
  CODER_SESSION_TOKEN: "session",
  CODER_WORKSPACE_NAME: "login-fix",
  CODER_WORKSPACE_OWNER_NAME: "ann",
};
const BY_NAME = { owner: "ann", name: "login-fix" };

describe("access to Coder", () => {
  it.each<[string, typeof NOT_SET | object, Record<string, string>, object | undefined]>([
    [
      "by Coder's variables",
      NOT_SET,
      ENV,
      { url: "https://coder.example.com/", token: "session", workspace: BY_NAME },
    ],
    [
      "by the address of its command-line program first",
      NOT_SET,
      { ...ENV, CODER_URL: "https://b.example" },
      { url: "https://b.example", token: "session", workspace: BY_NAME },
    ],
    [
      "by settings before variables",
      { url: "https://c.example", tokenFile: "/dev/null" },
      { ...ENV, CODER_URL: "https://b.example" },
      { url: "https://c.example", token: "the token file /dev/null is empty", workspace: BY_NAME },
    ],
    [
      "by the workspace's identifier",
      NOT_SET,
      { ...ENV, CODER_WORKSPACE_ID: "5b0d" },
      { url: "https://coder.example.com/", token: "session", workspace: { id: "5b0d" } },
    ],
    [
      "as the token's user's own workspace",
      NOT_SET,
      { ...ENV, CODER_WORKSPACE_OWNER_NAME: "" },
      { url: "https://coder.example.com/", token: "session", workspace: { owner: "me", name: "login-fix" } },
    ],
    ["not without a token", NOT_SET, { ...ENV, CODER_SESSION_TOKEN: "" }, undefined],
    [
      "not with the token of the workspace agent, which may not read",
      NOT_SET,
      { ...ENV, CODER_SESSION_TOKEN: "", CODER_AGENT_TOKEN: "agent" },
      undefined,
    ],
    [
      "S20: but no token that would break the request",
      NOT_SET,
      { ...ENV, CODER_SESSION_TOKEN: "a\r\nb" },
      {
        url: "https://coder.example.com/",
        token: "the token holds characters that no token has",
        workspace: BY_NAME,
      },
    ],
    ["not without an address", NOT_SET, { ...ENV, CODER_AGENT_URL: "" }, undefined],
    ["S20: not at an address that is none", NOT_SET, { ...ENV, CODER_AGENT_URL: "ftp://coder" }, undefined],
    ["not without a workspace", NOT_SET, { ...ENV, CODER_WORKSPACE_NAME: "" }, undefined],
    ["not outside Coder", NOT_SET, {}, undefined],
  ])("is had %s", async (_, settings, env, access) => {
    const found = coderAccess({ ...NOT_SET, ...settings }, env);
    const token = await found?.token.read().catch((error: Error) => error.message);
    expect(found && { ...found, token }).toEqual(access);
  });
});
