// What the user's ssh calls a host: `Host work` with `HostName github.com` makes `git@work:owner/name` an address of GitHub. gh asks
// `ssh -G`, which runs what the file says in `Match exec`; here the file is read, and nothing is run. Understood are Host, HostName,
// Include and `Match all`, `host`, `originalhost`; a block under any other condition is taken for one that does not apply.

import { dirname, join } from "node:path";

/** How files are read. Neither may throw or hang, whatever is there. */
export interface SshFiles {
  /** Text of a regular file of a sensible size. Undefined for anything else. */
  read(path: string): Promise<string | undefined>;
  /** Names of what is in a directory. Empty for anything else. */
  list(directory: string): Promise<readonly string[]>;
}

/** One file, in its order. */
export type SshConfig = readonly Directive[];

type Directive =
  /** Opens a block, which ends the one before it. Absent patterns: it never applies. */
  | { readonly kind: "block"; readonly patterns?: readonly string[] }
  | { readonly kind: "hostname"; readonly value: string }
  | { readonly kind: "include"; readonly files: readonly SshConfig[] };

/** ssh itself goes as deep. */
const MAX_DEPTH = 16;
/** Files that one configuration includes; the others are left out. */
const MAX_FILES = 64;

/**
 * Reads the user's configuration, or the system's, with all that it includes.
 *
 * @param path - Absolute path of the file, `~/.ssh/config` for a user's.
 * @param home - Home directory, for `~`.
 * @returns Empty when there is none.
 */
export async function readSshConfig(files: SshFiles, path: string, home: string): Promise<SshConfig> {
  let count = 0;
  const directory = dirname(path);

  async function readFile(file: string, depth: number): Promise<SshConfig> {
    count += 1;
    const text = depth > MAX_DEPTH || count > MAX_FILES ? undefined : await files.read(file);
    const directives: Directive[] = [];
    for (const [keyword, ...values] of parseSshConfig(text ?? "")) {
      const [value] = values;
      if (keyword === "host") directives.push({ kind: "block", patterns: values });
      else if (keyword === "match") directives.push(matchBlock(values));
      else if (keyword === "hostname" && value !== undefined) directives.push({ kind: "hostname", value });
      else if (keyword === "include") {
        const included: SshConfig[] = [];
        for (const each of values) {
          for (const found of await expand(each)) included.push(await readFile(found, depth + 1));
        }
        directives.push({ kind: "include", files: included });
      }
    }
    return directives;
  }

  /** Wildcards count in the last part of the path only, where everybody has them. */
  async function expand(value: string): Promise<string[]> {
    const full = value.startsWith("~/") ? join(home, value.slice(2)) : value;
    const absolute = full.startsWith("/") ? full : join(directory, full);
    const name = absolute.slice(absolute.lastIndexOf("/") + 1);
    if (!/[*?]/.test(name)) return [absolute];
    const folder = dirname(absolute);
    const names = (await files.list(folder)).filter((each) => !each.startsWith(".") && fits(name, each));
    return names.toSorted().map((each) => join(folder, each));
  }

  return await readFile(path, 0);
}

/** The lines that say something: the keyword in lower case, and its values. Pure; never throws. */
export function parseSshConfig(text: string): string[][] {
  return text.split(/\r?\n/).flatMap((line) => {
    const [, keyword, rest] = /^\s*([a-z]+)(?:\s*=\s*|\s+)(.*)$/i.exec(line) ?? [];
    if (keyword === undefined || rest === undefined) return [];
    const values = [...rest.matchAll(/"([^"]*)"|([^\s"]+)/g)].map(
      ([, quoted, plain]) => quoted ?? plain ?? "",
    );
    const comment = values.findIndex((value) => value.startsWith("#"));
    return [[keyword.toLowerCase(), ...(comment < 0 ? values : values.slice(0, comment))]];
  });
}

/**
 * The host that ssh connects to for a name. Pure.
 *
 * @param configs - In ssh's order: the user's, then the system's. The first HostName that applies counts.
 * @returns Undefined when nothing says so, or what is said depends on more than the name.
 */
export function hostOfAlias(configs: readonly SshConfig[], alias: string): string | undefined {
  for (const config of configs) {
    const found = findHostName(config, alias.toLowerCase());
    if (found !== undefined) {
      const host = found.replaceAll("%h", alias).replaceAll("%%", "%");
      return host.includes("%") ? undefined : host;
    }
  }
  return undefined;
}

/** What is included within a block counts while the block applies. */
function findHostName(config: SshConfig, alias: string): string | undefined {
  let applies = true;
  for (const directive of config) {
    if (directive.kind === "block") applies = appliesTo(directive.patterns, alias);
    else if (applies) {
      const found =
        directive.kind === "hostname"
          ? directive.value
          : directive.files.map((file) => findHostName(file, alias)).find((host) => host !== undefined);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** A pattern with "!" that fits takes the block away from the host, whatever else fits. */
function appliesTo(patterns: readonly string[] | undefined, alias: string): boolean {
  if (patterns === undefined) return false;
  const lower = patterns.map((pattern) => pattern.toLowerCase());
  const isExcluded = lower.some((pattern) => pattern.startsWith("!") && fits(pattern.slice(1), alias));
  return !isExcluded && lower.some((pattern) => fits(pattern, alias));
}

/** `Match host` is about the name that was found so far, which before the first HostName is the one that was given. */
function matchBlock(values: readonly string[]): Directive {
  const [criterion, patterns, ...rest] = values;
  const name = criterion?.toLowerCase();
  if (name === "all" && patterns === undefined) return { kind: "block", patterns: ["*"] };
  const isByName = (name === "host" || name === "originalhost") && rest.length === 0;
  return { kind: "block", ...(isByName && patterns !== undefined && { patterns: patterns.split(",") }) };
}

/** Whether a text is what a pattern with `*` and `?` says. Takes no longer than the product of their lengths, whatever they are. */
function fits(pattern: string, text: string): boolean {
  let reached = new Set([0]);
  for (const character of pattern) {
    const next = new Set<number>();
    if (character === "*") {
      for (let at = Math.min(...reached); at <= text.length; at += 1) next.add(at);
    } else {
      for (const at of reached)
        if (at < text.length && (character === "?" || text[at] === character)) next.add(at + 1);
    }
    if (next.size === 0) return false;
    reached = next;
  }
  return reached.has(text.length);
}
