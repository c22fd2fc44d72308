// From what was read to the section `git` of the metadata tree. Pure.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type GitSchema, GitStatus } from "../../gen/fleet/metadata/v1/git_pb.ts";
import type { Commit } from "./commit.ts";
import type { Divergence } from "./divergence.ts";
import type { RepositoryLocation } from "./location.ts";
import type { Reading } from "./read-repository.ts";
import type { Status } from "./status.ts";

/** Everything that the section is made of. What is absent here is absent there. */
export interface Findings {
  readonly location: RepositoryLocation;
  readonly reading: Reading;
  readonly commit?: Commit;
  readonly upstream?: Divergence;
  readonly base?: Divergence;
  readonly shallow: boolean;
  readonly stashes: number;
  /** In milliseconds since 1970. */
  readonly lastFetchMs?: number;
  readonly repositoryCount: number;
}

/** The section `git`. */
export function toMetadata(findings: Findings): MessageInitShape<typeof GitSchema> {
  const { location, reading, commit, upstream, base, lastFetchMs } = findings;
  const { status, moment, branch, shownBranch, remote, diff, refs } = reading;
  return {
    ...(shownBranch !== undefined && { branch: shownBranch }),
    detached: branch === undefined,
    ...(commit !== undefined && { commit: commitFields(commit) }),
    status: inOneWord(status),
    stagedFiles: status.staged,
    modifiedFiles: status.modified,
    untrackedFiles: status.untracked,
    conflictedFiles: status.conflicted,
    stashes: findings.stashes,
    ...(diff !== undefined && { diff: { insertions: diff.insertions, deletions: diff.deletions } }),
    ...(status.upstream !== undefined && { upstream: status.upstream }),
    ...(upstream !== undefined && upstream),
    ...(refs.base !== undefined && { base: { branch: refs.base.branch, ...base } }),
    operation: moment.operation.operation,
    ...(remote !== undefined && { remote: { ...remote } }),
    directory: location.root,
    worktree: location.gitDir !== location.commonDir,
    shallow: findings.shallow,
    ...(lastFetchMs !== undefined && { lastFetchTime: timestampFromMs(Math.trunc(lastFetchMs)) }),
    repositoryCount: findings.repositoryCount,
  };
}

function commitFields({ hash, sha, message, author, timeSeconds }: Commit) {
  const time = timeSeconds === undefined ? {} : { time: timestampFromMs(timeSeconds * 1000) };
  return { hash, sha, message, author, ...time };
}

/** The first that applies. */
function inOneWord(status: Status): GitStatus {
  if (status.conflicted > 0) return GitStatus.CONFLICTED;
  if (status.staged > 0) return GitStatus.STAGED;
  if (status.modified > 0) return GitStatus.MODIFIED;
  if (status.untracked > 0) return GitStatus.UNTRACKED;
  return GitStatus.CLEAN;
}
