// The files outside of the work tree that decide what git answers: configuration, and ignore rules and attributes named there.

import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { MAX_CONFIG_BYTES } from "./config.ts";
import type { Git } from "./git.ts";

export interface Configuration {
  /** Files with configuration, present or not: a change may change any answer. */
  readonly configFiles: ReadonlySet<string>;
  /** Files with ignore rules, present or not: a change may change which directories are ignored. */
  readonly ignoreFiles: ReadonlySet<string>;
  /** Other files that answers depend on, present or not. */
  readonly otherFiles: ReadonlySet<string>;
  /** Whether all of it may be another on another branch. */
  readonly isOfBranch: boolean;
  /** Differs when the meaning of the above, or of ignore rules, does. */
  readonly fingerprint: string;
}

interface ConfigEntry {
  /** Path of the file as git names it: may be relative to the directory that git ran in. */
  readonly file: string;
  /** Lower case but for its middle part. */
  readonly key: string;
  readonly value: string;
}

export interface ConfigOptions {
  readonly git: Git;
  readonly root: string;
  readonly signal: AbortSignal;
  /** Where the user's settings would be that do not exist yet: git does not tell. Default: `~/.config`. */
  readonly xdgConfigHome?: string;
}

/** Rejects only when aborted. When git does not answer, what is known without it: the usual places. */
export async function readConfiguration(options: ConfigOptions): Promise<Configuration> {
  const { root, xdgConfigHome } = options;
  const listed = await ask(options, ["config", "--list", "--show-origin", "-z"]);
  const home = await readHome(options);
  const xdg = xdgConfigHome ?? (home === undefined ? undefined : resolve(home, ".config"));
  return await withTargets(configurationOf(parseConfig(listed ?? ""), root, home, xdg));
}

/** git itself says what "~" means to it: its environment is not ours. Absent when it has none. Rejects only when aborted. */
export async function readHome(options: ConfigOptions): Promise<string | undefined> {
  return (await ask(options, ["config", "--type=path", "--get", "watch.home"]))?.trimEnd();
}

async function ask(
  { git, root, signal }: ConfigOptions,
  args: readonly string[],
): Promise<string | undefined> {
  try {
    const { exitCode, stdout } = await git.run(args, {
      cwd: root,
      signal,
      config: [["watch.home", "~/"]],
      maxBytes: MAX_CONFIG_BYTES,
    });
    return exitCode === 0 ? stdout.toString() : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** From the output of `git config --list --show-origin -z`. */
function parseConfig(output: string): ConfigEntry[] {
  const fields = output.split("\0");
  const entries: ConfigEntry[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const origin = fields[index] ?? "";
    const [key = "", ...value] = (fields[index + 1] ?? "").split("\n");
    if (origin.startsWith("file:")) entries.push({ file: origin.slice(5), key, value: value.join("\n") });
  }
  return entries;
}

/** @param entries - Everything that git is configured with, in any order. */
export function configurationOf(
  entries: readonly ConfigEntry[],
  root: string,
  home: string | undefined,
  xdg: string | undefined,
): Configuration {
  const configFiles = new Set(["/etc/gitconfig"]);
  const ignoreFiles = new Set<string>();
  const otherFiles = new Set(["/etc/gitattributes"]);
  if (home !== undefined) configFiles.add(resolve(home, ".gitconfig"));
  if (xdg !== undefined) {
    configFiles.add(resolve(xdg, "git/config"));
    ignoreFiles.add(resolve(xdg, "git/ignore"));
    otherFiles.add(resolve(xdg, "git/attributes"));
  }
  const expand = (value: string, base: string) =>
    value.startsWith("~/") && home !== undefined ? resolve(home, value.slice(2)) : resolve(base, value);
  for (const { file, key, value } of entries) {
    const path = resolve(root, file);
    configFiles.add(path);
    if (value === "") continue;
    if (key === "core.excludesfile") ignoreFiles.add(expand(value, root));
    if (key === "core.attributesfile") otherFiles.add(expand(value, root));
    if (/^include(if\..*)?\.path$/s.test(key)) configFiles.add(expand(value, resolve(path, "..")));
  }
  const meaning = entries.filter(({ key }) => key.startsWith("core."));
  const files = [...configFiles, ...ignoreFiles, ...otherFiles];
  const isOfBranch = entries.some(({ key }) => key.startsWith("includeif.onbranch:"));
  return {
    configFiles,
    ignoreFiles,
    otherFiles,
    isOfBranch,
    fingerprint: JSON.stringify([files, meaning, isOfBranch]),
  };
}

/** A symbolic link is followed twice: as the link, and where it leads to. */
async function withTargets(configuration: Configuration): Promise<Configuration> {
  const resolved = async (paths: ReadonlySet<string>) => {
    const targets = await Promise.all([...paths].map((path) => realpath(path).catch(() => path)));
    return new Set([...paths, ...targets]);
  };
  return {
    ...configuration,
    configFiles: await resolved(configuration.configFiles),
    ignoreFiles: await resolved(configuration.ignoreFiles),
    otherFiles: await resolved(configuration.otherFiles),
  };
}
