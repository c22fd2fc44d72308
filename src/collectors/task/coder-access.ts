// Whether Coder can be asked about this workspace, and how. Pure.

import type { CoderOptions } from "./coder.ts";
import { fixedToken, tokenInFile } from "./coder-token.ts";

/** Variables as a process gets them. */
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * How to ask Coder, from settings and else from the variables that Coder and its command-line program use: the address from
 * CODER_URL or CODER_AGENT_URL, the token from CODER_SESSION_TOKEN. Undefined when something is missing. The token of the
 * workspace agent (CODER_AGENT_TOKEN) does not do: Coder lets it report a status, but read neither workspaces nor tasks.
 */
export function coderAccess(
  settings: {
    readonly url: string | undefined;
    readonly tokenFile: string | undefined;
    /** Is told of what is read from the file. */
    readonly onToken?: ((token: string) => void) | undefined;
  },
  env: Environment,
): CoderOptions | undefined {
  const url = settings.url ?? webAddress(env["CODER_URL"]) ?? webAddress(env["CODER_AGENT_URL"]);
  const token = tokenOf(settings, env["CODER_SESSION_TOKEN"]);
  const workspace = workspaceOf(env);
  return url && token && workspace ? { url, token, workspace } : undefined;
}

function tokenOf(
  { tokenFile, onToken }: Pick<Parameters<typeof coderAccess>[0], "tokenFile" | "onToken">,
  token: string | undefined,
): CoderOptions["token"] | undefined {
  if (tokenFile !== undefined) {
    return tokenInFile(tokenFile, onToken);
  }
  return token ? fixedToken(token) : undefined;
}

function workspaceOf(env: Environment): CoderOptions["workspace"] | undefined {
  const id = env["CODER_WORKSPACE_ID"];
  const name = env["CODER_WORKSPACE_NAME"];
  if (id) {
    return { id };
  }
  return name ? { owner: env["CODER_WORKSPACE_OWNER_NAME"] || "me", name } : undefined;
}

function webAddress(text: string | undefined): string | undefined {
  return text !== undefined && URL.canParse(text) && /^https?:/i.test(text) ? text : undefined;
}
