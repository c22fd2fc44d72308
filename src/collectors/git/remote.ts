// The remotes of a repository, their addresses, and the one that the current branch belongs to. Pure.

import type { CheckoutRemote } from "../checkout.ts";
import { type Config, subsections, values } from "./config.ts";
import { redactUrl } from "./redact-url.ts";

/** One remote. */
export interface Remote {
  readonly name: string;
  /** Address to fetch from, `insteadOf` applied, credentials removed. Absent when none is configured. */
  readonly url?: string;
}

/** More than any honest repository has; the others do not count. */
const MAX_REMOTES = 64;

/**
 * The remote of the branch, else `origin`, else the first one. Absent when the repository has none.
 *
 * @param branch - Short name of the current branch, absent when there is none.
 */
export function chooseRemote(config: Config, branch: string | undefined): Remote | undefined {
  const names = subsections(config, "remote", "url");
  const ofBranch = branch === undefined ? undefined : values(config, `branch.${branch}.remote`).at(-1);
  const name = [ofBranch, "origin", ...names].find(
    (candidate) => candidate !== undefined && names.includes(candidate),
  );
  if (name === undefined) return undefined;
  const url = firstAddress(config, `remote.${name}.url`);
  return { name, ...(url !== undefined && { url: fetchAddress(config, url) }) };
}

/** Names of all remotes that have an address, up to 64 of them. */
export function remoteNames(config: Config): string[] {
  const names = new Set([
    ...subsections(config, "remote", "url"),
    ...subsections(config, "remote", "pushurl"),
  ]);
  return [...names].slice(0, MAX_REMOTES);
}

/** The remotes of these names. */
export function listRemotes(config: Config, names: readonly string[]): CheckoutRemote[] {
  const rewrites = readRewrites(config);
  return names.map((name) => {
    const fetch = firstAddress(config, `remote.${name}.url`);
    const url = fetch === undefined ? undefined : redactUrl(rewrite(rewrites.all, fetch));
    const pushUrl = pushUrlOf(firstAddress(config, `remote.${name}.pushurl`), fetch, rewrites);
    const ghResolved = values(config, `remote.${name}.gh-resolved`).at(-1);
    return {
      name,
      ...(url !== undefined && { url }),
      ...(pushUrl !== undefined && pushUrl !== url && { pushUrl }),
      ...(ghResolved !== undefined && { ghResolved }),
    };
  });
}

/** An address as git fetches from it, without credentials. */
export function fetchAddress(config: Config, url: string): string {
  return redactUrl(rewrite(readRewrites(config).all, url));
}

/** An address as git pushes to it where no remote of its own is configured for it, without credentials. */
export function pushAddress(config: Config, url: string): string {
  return pushUrlOf(undefined, url, readRewrites(config)) ?? url;
}

/** What is configured to be pushed to is not subject to `pushInsteadOf`. */
function pushUrlOf(
  push: string | undefined,
  fetch: string | undefined,
  { all, push: ofPushes }: Rewrites,
): string | undefined {
  if (push !== undefined) return redactUrl(rewrite(all, push));
  if (fetch === undefined) return undefined;
  const rewritten = rewrite(ofPushes, fetch);
  return redactUrl(rewritten === fetch ? rewrite(all, fetch) : rewritten);
}

/** git takes the first address; an empty one discards those before it. */
function firstAddress(config: Config, key: string): string | undefined {
  const all = values(config, key);
  return all.slice(all.lastIndexOf("") + 1)[0];
}

interface Rewrites {
  /** `insteadOf`. */
  readonly all: readonly Rewrite[];
  /** `pushInsteadOf`. */
  readonly push: readonly Rewrite[];
}

interface Rewrite {
  readonly prefix: string;
  readonly base: string;
}

function readRewrites(config: Config): Rewrites {
  const rules = (name: string) =>
    config
      .filter(({ key }) => key.startsWith("url.") && key.endsWith(name) && key.length > 4 + name.length)
      .map(({ key, value }) => ({ prefix: value, base: key.slice(4, -name.length) }));
  return { all: rules(".insteadof"), push: rules(".pushinsteadof") };
}

/** As git does it: of all prefixes that fit, the longest is replaced. */
function rewrite(rules: readonly Rewrite[], url: string): string {
  let longest: Rewrite | undefined;
  for (const rule of rules) {
    if (
      rule.prefix !== "" &&
      url.startsWith(rule.prefix) &&
      rule.prefix.length > (longest?.prefix.length ?? 0)
    )
      longest = rule;
  }
  return longest === undefined ? url : longest.base + url.slice(longest.prefix.length);
}
