// The platforms that run workspaces, each known by the variables that it documents. Pure.

import { WorkspaceProvider } from "../../gen/fleet/metadata/v1/workspace_pb.ts";

/** Variables as a process gets them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a platform tells a workspace about itself. What it does not tell is absent. */
export interface Identity {
  readonly provider: WorkspaceProvider;
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  /** Name of the platform's agent in the workspace. */
  readonly agent?: string | undefined;
  /** User name of the owner. */
  readonly owner?: string | undefined;
}

/** What is known of the machine besides variables. */
export interface Machine {
  readonly hostname: string;
  /** Namespace of the pod, from the service account that Kubernetes mounts. Absent elsewhere. */
  readonly namespace: string | undefined;
}

/** Whether this is a Coder workspace: its agent sets these for every process that it starts. */
export function isCoderWorkspace(env: Environment): boolean {
  return env["CODER"] === "true" || given(env, "CODER_WORKSPACE_NAME") !== undefined;
}

/** Which workspace this is. A platform that runs on another one, as Coder does on Kubernetes, is the one that counts. */
export function identityOf(env: Environment, { hostname, namespace }: Machine): Identity {
  const first = (...names: readonly string[]): string | undefined => given(env, ...names);
  if (isCoderWorkspace(env)) {
    return {
      provider: WorkspaceProvider.CODER,
      id: first("CODER_WORKSPACE_ID"),
      name: first("CODER_WORKSPACE_NAME"),
      agent: first("CODER_WORKSPACE_AGENT_NAME"),
      owner: first("CODER_WORKSPACE_OWNER_NAME"),
    };
  }
  // https://docs.github.com/en/codespaces: a codespace is identified by its name.
  if (env["CODESPACES"] === "true") {
    const name = first("CODESPACE_NAME");
    return { provider: WorkspaceProvider.CODESPACES, id: name, name, owner: first("GITHUB_USER") };
  }
  // An environment of Gitpod (Ona), else a workspace of Gitpod Classic. Neither has a name, and the owner is an identifier.
  const gitpod = first("GITPOD_ENVIRONMENT_ID", "GITPOD_WORKSPACE_ID");
  if (gitpod !== undefined) {
    return { provider: WorkspaceProvider.GITPOD, id: gitpod, name: gitpod };
  }
  // The second is what Daytona called it before its workspaces became sandboxes.
  const daytona = first("DAYTONA_SANDBOX_ID", "DAYTONA_WS_ID");
  if (daytona !== undefined) {
    return { provider: WorkspaceProvider.DAYTONA, id: daytona, name: daytona };
  }
  if (first("KUBERNETES_SERVICE_HOST") !== undefined || namespace !== undefined) {
    return podIdentity(first, { hostname, namespace });
  }
  return { provider: WorkspaceProvider.LOCAL, name: hostname };
}

/**
 * A pod. What is it called, is told by the downward API in variables that the pod's author names; these are the names that
 * Kubernetes' own documentation and common charts use. Without them the host name is the pod's.
 */
function podIdentity(first: (...names: readonly string[]) => string | undefined, machine: Machine): Identity {
  const name = first("POD_NAME", "MY_POD_NAME", "K8S_POD_NAME", "KUBERNETES_POD_NAME") ?? machine.hostname;
  const namespace =
    first("POD_NAMESPACE", "MY_POD_NAMESPACE", "K8S_NAMESPACE", "KUBERNETES_NAMESPACE") ?? machine.namespace;
  const uid = first("POD_UID", "MY_POD_UID", "K8S_POD_UID", "KUBERNETES_POD_UID");
  const id = uid ?? (namespace === undefined ? undefined : `${namespace}/${name}`);
  return { provider: WorkspaceProvider.KUBERNETES, id, name };
}

/** The first of these variables that is set and not empty. */
function given(env: Environment, ...names: readonly string[]): string | undefined {
  return names.map((name) => env[name]).find((value) => value !== undefined && value !== "");
}
