// The commits that the current branch is compared with: its upstream, and the default branch of its remote.

import type { Git, RunOptions } from "./git.ts";
import { failure } from "./reasons.ts";

/** One ref. */
export interface Ref {
  /** Full name. */
  readonly name: string;
  readonly oid: string;
  /** Full name of the ref that this one stands for, when it is a symbolic one. */
  readonly target?: string;
  /** Full name of the branch's upstream, when it has one. */
  readonly upstream?: string;
}

/** A branch that the current one is compared with. */
export interface ComparedBranch {
  /** Short name. */
  readonly branch: string;
  readonly oid: string;
}

/** What {@link readRefs} found. */
export interface ComparedRefs {
  /** Full hash of the upstream. Absent when there is none or it is gone. */
  readonly upstreamOid?: string;
  /** The remote's default branch. Absent when it is not known. */
  readonly base?: ComparedBranch;
}

/** Names that a default branch commonly has, for clones that do not know their remote's. */
const COMMON_DEFAULTS = ["main", "master"];

/**
 * Reads the refs in question, in one call, or two when the branch's upstream lies where it was not expected.
 *
 * @param branch - Short name of the current branch, absent when there is none.
 * @param remote - Name of the remote whose default branch is asked for, absent when there is none.
 * @param expectedUpstream - Full name of the ref that the upstream probably is.
 * @throws {CollectError}
 */
export async function readRefs(
  git: Git,
  branch: string | undefined,
  remote: string | undefined,
  expectedUpstream: string | undefined,
  options: RunOptions,
): Promise<ComparedRefs> {
  const names = [
    ...(branch === undefined ? [] : [`refs/heads/${branch}`]),
    ...(remote === undefined
      ? []
      : ["HEAD", ...COMMON_DEFAULTS].map((name) => `refs/remotes/${remote}/${name}`)),
    ...(expectedUpstream === undefined ? [] : [expectedUpstream]),
  ];
  if (names.length === 0) return {};
  const refs = await listRefs(git, names, options);
  const upstream = refs.find(({ name }) => name === `refs/heads/${branch}`)?.upstream;
  if (upstream !== undefined && upstream !== expectedUpstream) {
    refs.push(...(await listRefs(git, [upstream], options)));
  }
  const upstreamOid = refs.find(({ name }) => name === upstream)?.oid;
  const base = remote === undefined ? undefined : defaultBranch(refs, remote);
  return { ...(upstreamOid !== undefined && { upstreamOid }), ...(base !== undefined && { base }) };
}

async function listRefs(git: Git, names: readonly string[], options: RunOptions): Promise<Ref[]> {
  const format = "%(refname)%00%(objectname)%00%(symref)%00%(upstream)%00";
  const result = await git.run(["for-each-ref", `--format=${format}`, ...names], options);
  if (result.exitCode !== 0) throw failure(result, options.cwd);
  return parseRefs(result.stdout.toString("utf8"));
}

/** Parses the four fields of each ref, each ended by NUL, and the line break after them. */
export function parseRefs(output: string): Ref[] {
  const fields = output.split("\0");
  const refs: Ref[] = [];
  for (let index = 0; index + 4 < fields.length; index += 4) {
    const [name = "", oid = "", target = "", upstream = ""] = fields.slice(index, index + 4);
    refs.push({
      name: name.replace(/^\n/, ""),
      oid,
      ...(target && { target }),
      ...(upstream && { upstream }),
    });
  }
  return refs;
}

/** What the remote's HEAD stands for; where that is not known, an existing branch of a common name. */
export function defaultBranch(refs: readonly Ref[], remote: string): ComparedBranch | undefined {
  const start = `refs/remotes/${remote}/`;
  const head = refs.find(({ name }) => name === `${start}HEAD`);
  if (head?.target?.startsWith(start)) return { branch: head.target.slice(start.length), oid: head.oid };
  for (const branch of COMMON_DEFAULTS) {
    const ref = refs.find(({ name }) => name === start + branch);
    if (ref !== undefined) return { branch, oid: ref.oid };
  }
  return undefined;
}
