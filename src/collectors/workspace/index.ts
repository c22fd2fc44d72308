// Which workspace this is: the platform's own variables, else the host name and the directory. Touches nothing but the
// environment it is given and the host name.

import { hostname as systemHostname } from "node:os";
import { WorkspaceProvider } from "../../gen/fleet/metadata/v1/workspace_pb.ts";
import type { Collected, Collector } from "../collector.ts";

export interface WorkspaceCollectorOptions {
  /** Absolute path of the directory that is served. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Default: the system's host name. */
  readonly hostname?: () => string;
}

/** The host name is all that can change while the server runs. In milliseconds. */
const PERIOD_MS = 30_000;

/** Never fails and has no events: it costs a system call. An unchanged answer is the same object as before. */
export function createWorkspaceCollector(options: WorkspaceCollectorOptions): Collector {
  const { directory, env, hostname = systemHostname } = options;
  let last: { hostname: string; collected: Collected } | undefined;
  return {
    source: "workspace",
    periodMs: PERIOD_MS,
    collect: async () => {
      const name = hostname();
      if (last?.hostname !== name) {
        last = { hostname: name, collected: identify(directory, env, name) };
      }
      return last.collected;
    },
  };
}

/** Coder's agent sets these for every process that it starts in a workspace. */
function identify(
  directory: string,
  env: Readonly<Record<string, string | undefined>>,
  hostname: string,
): Collected {
  const workspace =
    env["CODER"] === "true" || nonEmpty(env["CODER_WORKSPACE_NAME"])
      ? {
          provider: WorkspaceProvider.CODER,
          ...optional("id", env["CODER_WORKSPACE_ID"]),
          ...optional("name", env["CODER_WORKSPACE_NAME"]),
          ...named("agent", env["CODER_WORKSPACE_AGENT_NAME"]),
          ...named("owner", env["CODER_WORKSPACE_OWNER_NAME"]),
        }
      : { provider: WorkspaceProvider.LOCAL, name: hostname };
  return { outcome: "data", metadata: { workspace: { ...workspace, hostname, directory } } };
}

function nonEmpty(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}

function optional<K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> {
  return nonEmpty(value) ? ({ [key]: value } as Record<K, string>) : {};
}

function named<K extends string>(key: K, name: string | undefined): Partial<Record<K, { name: string }>> {
  return nonEmpty(name) ? ({ [key]: { name } } as Record<K, { name: string }>) : {};
}
