// Which remote the current branch belongs to, and its address. Pure.

import { type Config, subsections, values } from "./config.ts";
import { redactUrl } from "./redact-url.ts";

/** One remote. */
export interface Remote {
  readonly name: string;
  /** Address to fetch from, `insteadOf` applied, credentials removed. Absent when none is configured. */
  readonly url?: string;
}

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
  const url = fetchUrl(config, name);
  return { name, ...(url !== undefined && { url: redactUrl(applyInsteadOf(config, url)) }) };
}

/** git fetches from the first address; an empty one discards those before it. */
function fetchUrl(config: Config, remote: string): string | undefined {
  const all = values(config, `remote.${remote}.url`);
  return all.slice(all.lastIndexOf("") + 1)[0];
}

/** As git does it: of all prefixes that fit, the longest is replaced. */
function applyInsteadOf(config: Config, url: string): string {
  let longest = "";
  let replacement = "";
  for (const base of subsections(config, "url", "insteadof")) {
    for (const prefix of values(config, `url.${base}.insteadof`)) {
      if (url.startsWith(prefix) && prefix.length > longest.length) [longest, replacement] = [prefix, base];
    }
  }
  return replacement === "" ? url : replacement + url.slice(longest.length);
}
