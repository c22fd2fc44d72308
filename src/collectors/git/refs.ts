// The refs that the current branch has to do with: its upstream, where it is pushed to, and the default branch of its remote.

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
  /** Full name of the ref that follows where the branch is pushed to, when git can tell; it need not exist. */
  readonly push?: string;
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
  /** Full name of the ref that follows where the branch is pushed to. Absent when git cannot tell. */
  readonly push?: string;
  /** Full hashes by the full names of the refs that exist, of all that were asked for. */
  readonly oids: ReadonlyMap<string, string>;
}

/** What {@link readRefs} is asked. */
export interface RefsQuestion {
  /** Short name of the current branch, absent when there is none. */
  readonly branch: string | undefined;
  /** Name of the remote whose default branch is asked for, absent when there is none. */
  readonly remote: string | undefined;
  /** Full names of other refs, such as those that upstream and push destination probably are. What is no such name does not count. */
  readonly expected: readonly string[];
}

/** What may be asked for: no option, and no pattern that stands for many refs. */
const REF_NAME = /^refs\/[^*?[\\]+$/;

/** Names that a default branch commonly has, for clones that do not know their remote's. */
const COMMON_DEFAULTS = ["main", "master"];

/**
 * Reads the refs in question, in one call, or two when the branch's upstream or its push destination lies where it was not expected.
 *
 * @throws {CollectError}
 */
export async function readRefs(
  git: Git,
  { branch, remote, expected }: RefsQuestion,
  options: RunOptions,
): Promise<ComparedRefs> {
  const defaults = remote === undefined ? [] : ["HEAD", ...COMMON_DEFAULTS];
  const names = refNames([
    branch === undefined ? undefined : `refs/heads/${branch}`,
    ...defaults.map((name) => `refs/remotes/${remote}/${name}`),
    ...expected,
  ]);
  if (names.length === 0) return { oids: new Map() };
  const refs = await listRefs(git, names, options);
  const { upstream, push } = refs.find(({ name }) => name === `refs/heads/${branch}`) ?? {};
  const unexpected = refNames([upstream, push].filter((name) => !names.includes(name ?? "")));
  if (unexpected.length > 0) refs.push(...(await listRefs(git, unexpected, options)));
  const oids = new Map(refs.map(({ name, oid }) => [name, oid]));
  const upstreamOid = upstream === undefined ? undefined : oids.get(upstream);
  const base = remote === undefined ? undefined : defaultBranch(refs, remote);
  return {
    ...(upstreamOid !== undefined && { upstreamOid }),
    ...(base !== undefined && { base }),
    ...(push !== undefined && { push }),
    oids,
  };
}

/** git itself takes from the configuration what it calls an upstream. */
function refNames(names: readonly (string | undefined)[]): string[] {
  return [...new Set(names.filter((name) => name !== undefined))].filter((name) => REF_NAME.test(name));
}

async function listRefs(git: Git, names: readonly string[], options: RunOptions): Promise<Ref[]> {
  const format = "%(refname)%00%(objectname)%00%(symref)%00%(upstream)%00%(push)%00";
  const result = await git.run(["for-each-ref", `--format=${format}`, ...names], options);
  if (result.exitCode !== 0) throw failure(result, options.cwd);
  return parseRefs(result.stdout.toString("utf8"));
}

/** Parses the five fields of each ref, each ended by NUL, and the line break after them. */
export function parseRefs(output: string): Ref[] {
  const fields = output.split("\0");
  const refs: Ref[] = [];
  for (let index = 0; index + 5 < fields.length; index += 5) {
    const [name = "", oid = "", target = "", upstream = "", push = ""] = fields.slice(index, index + 5);
    refs.push({
      name: name.replace(/^\n/, ""),
      oid,
      ...(target && { target }),
      ...(upstream && { upstream }),
      ...(push && { push }),
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
