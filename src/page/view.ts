// The whole page, from the last message and the time since: header, cards, footer, and the sentences that are read out.

import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { GetMetadataResponse } from "../gen/fleet/metadata/v1/service_pb.ts";
import { type Workspace, WorkspaceProvider } from "../gen/fleet/metadata/v1/workspace_pb.ts";
import { type Moment, stateOf } from "./card.ts";
import { type Content, element } from "./elements.ts";
import { branchOf, gitCard } from "./git-card.ts";
import { checksOf, pullRequestCard } from "./pull-request-card.ts";
import { sourcesCard } from "./sources-card.ts";
import { statusOf, taskCard } from "./task-card.ts";
import { listed, UNKNOWN } from "./words.ts";

/** What the page shows of one message at one moment. */
export interface View {
  /** The workspace's name. */
  readonly name: string;
  /** Whose it is, and where it runs. */
  readonly place: string;
  readonly cards: readonly Content[];
  readonly foot: string;
  /** The title of the document: first what a glance at many tabs looks for. */
  readonly title: string;
  /** What is worth being read out when it changes, each a sentence. */
  readonly sentences: readonly string[];
}

const PROVIDERS: Readonly<Record<WorkspaceProvider, string | undefined>> = {
  [WorkspaceProvider.UNSPECIFIED]: undefined,
  [WorkspaceProvider.CODER]: "Coder",
  [WorkspaceProvider.CODESPACES]: "Codespaces",
  [WorkspaceProvider.GITPOD]: "Gitpod",
  [WorkspaceProvider.DAYTONA]: "Daytona",
  [WorkspaceProvider.KUBERNETES]: "Kubernetes",
  [WorkspaceProvider.LOCAL]: undefined,
};

/** @param elapsedMs since the message arrived. */
export function viewOf(message: GetMetadataResponse, elapsedMs: number): View {
  const { workspace: { git, github, workspace } = {}, sources, meta } = message;
  const writtenMs = meta?.generatedAt === undefined ? 0 : timestampMs(meta.generatedAt);
  const moment: Moment = { nowMs: writtenMs + elapsedMs, elapsedMs };
  const name = workspace?.name ?? "Workspace";
  return {
    name,
    place: placeOf(workspace),
    cards: [
      taskCard(workspace?.task, sources["task"], moment),
      element(
        "div",
        { class: "pair" },
        gitCard(git, sources["git"], moment),
        pullRequestCard(github, sources["github"], moment),
      ),
      sourcesCard(sources, moment),
    ],
    foot: listed(workspace?.directory, meta?.serverVersion && `fleet-metadata ${meta.serverVersion}`),
    title: listed(workspace?.task && statusOf(workspace.task)[0], name),
    sentences: sentencesOf(message),
  };
}

function placeOf(workspace: Workspace | undefined): string {
  const { name, owner, agent, provider = WorkspaceProvider.UNSPECIFIED, hostname } = workspace ?? {};
  const host = hostname === name ? undefined : hostname;
  return listed(
    PROVIDERS[provider],
    owner?.name && `owner ${owner.name}`,
    agent?.name && `agent ${agent.name}`,
    host && `host ${host}`,
  );
}

function sentencesOf({ workspace: tree, sources }: GetMetadataResponse): readonly string[] {
  const { git, github, workspace } = tree ?? {};
  return [
    workspace?.task && `Task: ${statusOf(workspace.task)[0]}.`,
    git && `Branch: ${branchOf(git) ?? UNKNOWN}.`,
    github?.pr && `Checks: ${checksOf(github.pr)[0]}.`,
    ...Object.entries(sources).map(([name, source]) => `Source ${name}: ${stateOf(source)[0]}.`),
  ].filter((sentence) => sentence !== undefined);
}
