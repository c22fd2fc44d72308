// What a git process may know: an environment built from nothing, and configuration that outranks the repository's own.

import { realpathSync } from "node:fs";
import { delimiter, dirname, isAbsolute } from "node:path";
import { isWithin } from "./files.ts";

/** What of the server's own surroundings git needs. Everything else, secrets above all, stays out. */
export interface Surroundings {
  /**
   * Where programs are looked for. Relative entries are dropped, which would be looked for in the repository, and so is
   * what lies in the repository or the workspace (npm puts a workspace's own programs first).
   */
  readonly path: string;
  /** Absolute path of the workspace. Absent: only the repository counts as untrusted. */
  readonly workspace?: string;
  /** Home directory, for the user's own git config (`safe.directory`, global ignores). Absent: no user config. */
  readonly home?: string;
  /** Where the user's config lies, when not in `$HOME/.config`. */
  readonly xdgConfigHome?: string;
}

/** A key of git's configuration and its value. */
export type Setting = readonly [key: string, value: string];

/** Programs that git is told to use for what it must never do here. */
const FAILING_PROGRAM = "false";

/** Outranks system, user and repository config. Each entry closes a way to run a program or to change the output. */
const HARDENING: readonly Setting[] = [
  ["core.fsmonitor", "false"],
  ["core.hooksPath", "/dev/null"],
  ["core.sshCommand", FAILING_PROGRAM],
  ["core.gitProxy", ""],
  ["core.alternateRefsCommand", FAILING_PROGRAM],
  ["core.pager", "cat"],
  ["credential.helper", ""],
  ["gpg.program", FAILING_PROGRAM],
  ["gpg.ssh.program", FAILING_PROGRAM],
  ["gpg.x509.program", FAILING_PROGRAM],
  ["log.showSignature", "false"],
  ["diff.external", ""],
  // `git diff` refreshes the index when this is true, and takes its lock for that, optional locks or not.
  ["diff.autoRefreshIndex", "false"],
  ["diff.submodule", "short"],
  ["submodule.recurse", "false"],
  ["status.submoduleSummary", "false"],
  ["safe.bareRepository", "explicit"],
  ["color.ui", "false"],
  ["core.quotePath", "true"],
];

/**
 * The whole environment of one git process.
 *
 * @param settings - Configuration on top of {@link HARDENING}; a later entry wins. They go through the environment and not
 * through `-c`, which cannot carry a key with `=` in it.
 * @param cwd - Where git runs: it does not look for a repository above it.
 * @param workTree - Root of the work tree, whatever the repository's config says.
 */
export function buildEnvironment(
  surroundings: Surroundings,
  settings: readonly Setting[],
  cwd: string,
  workTree?: string,
): Record<string, string> {
  const environment: Record<string, string> = {
    PATH: trustedPath(surroundings, cwd),
    LC_ALL: "C",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: FAILING_PROGRAM,
    SSH_ASKPASS: FAILING_PROGRAM,
    GIT_SSH_COMMAND: FAILING_PROGRAM,
    // A repository's `protocol.ext.allow=always` outranks `protocol.allow=never`; this it cannot outrank.
    GIT_ALLOW_PROTOCOL: "none",
    // Known to git 2.45 and later; before that, GIT_ALLOW_PROTOCOL alone makes a lazy fetch fail.
    GIT_NO_LAZY_FETCH: "1",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_PAGER: "cat",
    GIT_LITERAL_PATHSPECS: "1",
    GIT_CEILING_DIRECTORIES: dirname(cwd),
  };
  if (surroundings.home !== undefined) environment["HOME"] = surroundings.home;
  if (surroundings.xdgConfigHome !== undefined) environment["XDG_CONFIG_HOME"] = surroundings.xdgConfigHome;
  if (workTree !== undefined) environment["GIT_WORK_TREE"] = workTree;
  const all = [...HARDENING, ...settings];
  environment["GIT_CONFIG_COUNT"] = String(all.length);
  for (const [index, [key, value]] of all.entries()) {
    environment[`GIT_CONFIG_KEY_${index}`] = key;
    environment[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return environment;
}

/**
 * Where programs are looked for, as {@link Surroundings.path} says. A directory that holds the user's home is no mere workspace:
 * what lies in it is the user's own.
 */
export function trustedPath({ path, workspace, home }: Surroundings, cwd: string): string {
  const untrusted = [cwd, ...(workspace === undefined ? [] : [workspace])]
    .map(real)
    .filter((directory) => home === undefined || !isWithin(real(home), directory));
  return path
    .split(delimiter)
    .filter((entry) => isAbsolute(entry) && !untrusted.some((directory) => isWithin(real(entry), directory)))
    .join(delimiter);
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
