// What the refs of a remote are called here, as `remote.<name>.fetch` says. Pure.

import { type Config, values } from "./config.ts";

interface Refspec {
  readonly source: string;
  readonly target: string;
}

/**
 * Full name of the ref that follows a ref of the remote. Absent when none does.
 *
 * @param ref - Full name in the remote repository.
 */
export function trackingRef(config: Config, remote: string, ref: string): string | undefined {
  const { fetched, excluded } = refspecs(config, remote);
  if (excluded.some((pattern) => matched(pattern, ref) !== undefined)) return undefined;
  return translated(fetched, ref);
}

/** The other way round: full name, in the remote repository, of the ref that this one follows. Absent when it follows none. */
export function followedRef(config: Config, remote: string, tracking: string): string | undefined {
  const { fetched, excluded } = refspecs(config, remote);
  const ref = translated(
    fetched.map(({ source, target }) => ({ source: target, target: source })),
    tracking,
  );
  return ref !== undefined && excluded.some((pattern) => matched(pattern, ref) !== undefined)
    ? undefined
    : ref;
}

function refspecs(config: Config, remote: string): { fetched: Refspec[]; excluded: string[] } {
  const fetched: Refspec[] = [];
  const excluded: string[] = [];
  for (const text of values(config, `remote.${remote}.fetch`)) {
    const [source = "", target] = text.replace(/^\+/, "").split(":", 2);
    if (source.startsWith("^")) excluded.push(source.slice(1));
    else if (target) fetched.push({ source, target });
  }
  return { fetched, excluded };
}

/** The first refspec that fits counts. */
function translated(all: readonly Refspec[], ref: string): string | undefined {
  for (const { source, target } of all) {
    const part = matched(source, ref);
    // By a function: in a replacement text, "$" has a meaning.
    if (part !== undefined) return target.replace("*", () => part);
  }
  return undefined;
}

/** What the one "*" of a pattern stands for, empty when it has none. Absent when the pattern does not fit. */
function matched(pattern: string, ref: string): string | undefined {
  const star = pattern.indexOf("*");
  if (star < 0) return pattern === ref ? "" : undefined;
  const start = pattern.slice(0, star);
  const end = pattern.slice(star + 1);
  if (ref.length < start.length + end.length || !ref.startsWith(start) || !ref.endsWith(end))
    return undefined;
  return ref.slice(start.length, ref.length - end.length);
}
