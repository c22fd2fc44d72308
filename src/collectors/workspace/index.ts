// Which workspace this is: the platform's own variables, else the host name and the directory. Touches nothing but the
// environment it is given, the host name, and the namespace that Kubernetes tells a pod in a file.

import { readFileSync } from "node:fs";
import { hostname as systemHostname } from "node:os";
import { attempt } from "../../attempt.ts";
import type { Collected, Collector } from "../collector.ts";
import { type Environment, identityOf } from "./platforms.ts";

export { isCoderWorkspace } from "./platforms.ts";

export interface WorkspaceCollectorOptions {
  /** Absolute path of the directory that is served. */
  readonly directory: string;
  readonly env: Environment;
  /** Default: the system's host name. */
  readonly hostname?: () => string;
  /** File that holds the namespace of this pod. Default: where Kubernetes mounts it. */
  readonly namespaceFile?: string;
}

/** The host name is all that can change while the server runs. In milliseconds. */
const PERIOD_MS = 30_000;

/** https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
const NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/** Never fails and has no events: it costs a system call. An unchanged answer is the same object as before. */
export function createWorkspaceCollector(options: WorkspaceCollectorOptions): Collector {
  const { directory, env, hostname = systemHostname, namespaceFile = NAMESPACE_FILE } = options;
  let last: { hostname: string; collected: Collected } | undefined;
  return {
    source: "workspace",
    periodMs: PERIOD_MS,
    collect: async () => {
      const name = hostname();
      if (last?.hostname !== name) {
        last = { hostname: name, collected: describe(directory, env, name, readNamespace(namespaceFile)) };
      }
      return last.collected;
    },
  };
}

function describe(
  directory: string,
  env: Environment,
  hostname: string,
  namespace: string | undefined,
): Collected {
  const { provider, id, name, agent, owner } = identityOf(env, { hostname, namespace });
  const workspace = {
    provider,
    hostname,
    directory,
    ...(id === undefined ? {} : { id }),
    ...(name === undefined ? {} : { name }),
    ...(agent === undefined ? {} : { agent: { name: agent } }),
    ...(owner === undefined ? {} : { owner: { name: owner } }),
  };
  return { outcome: "data", metadata: { workspace } };
}

/** Undefined outside a pod, and in one without a service account. */
function readNamespace(file: string): string | undefined {
  return attempt(() => readFileSync(file, "utf8").trim()) || undefined;
}
