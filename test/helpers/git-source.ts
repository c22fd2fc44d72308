// The git source as the server makes it, and what it answers.

import { create } from "@bufbuild/protobuf";
import { CollectError, type Collected } from "../../src/collectors/collector.ts";
import { createGit, createGitCollector, type Git as GitRunner } from "../../src/collectors/git/index.ts";
import type { Git } from "../../src/gen/fleet/metadata/v1/git_pb.ts";
import { WorkspaceMetadataSchema } from "../../src/gen/fleet/metadata/v1/workspace_metadata_pb.ts";
import { type TestRepository, temporaryHome } from "./repository.ts";

/** Ends what hangs; no test waits for it. */
export function deadline(): AbortSignal {
  return AbortSignal.timeout(20_000);
}

/** The hardened runner with this home directory. */
export function hardenedGit(home: string, binary?: string): GitRunner {
  const path = process.env["PATH"] ?? "";
  return createGit({ path, home, ...(binary !== undefined && { binary }) });
}

/** Collects once in the workspace. */
export async function collectIn(workspace: string, home = temporaryHome()): Promise<Collected> {
  return await createGitCollector({ git: hardenedGit(home), workspace }).collect({ signal: deadline() });
}

/** The section `git` of one collection; fails when there are no data. */
export function section(collected: Collected): Git {
  if (collected.outcome !== "data") throw new Error(`no data: ${collected.reason}`);
  const { git } = create(WorkspaceMetadataSchema, collected.metadata);
  if (git === undefined) throw new Error("no section git");
  return git;
}

/** The section `git` as the repository is now. */
export async function gitOf(repository: TestRepository): Promise<Git> {
  return section(await collectIn(repository.root, repository.home));
}

/** The reason that a collection fails with; fails when it succeeds. */
export async function reasonOf(collection: Promise<Collected>): Promise<string> {
  try {
    const collected = await collection;
    throw new Error(`it succeeded: ${collected.outcome}`);
  } catch (error) {
    if (error instanceof CollectError) return error.reason;
    throw error;
  }
}

/** The same, noting which paths each `git status` is asked about: none for all. */
export function statusNotingGit(home: string): { readonly git: GitRunner; readonly statuses: string[][] } {
  const real = hardenedGit(home);
  const statuses: string[][] = [];
  const git: GitRunner = {
    run(args, options) {
      if (args[0] === "status") statuses.push(args.slice(args.indexOf("--") + 1));
      return real.run(args, options);
    },
  };
  return { git, statuses };
}
