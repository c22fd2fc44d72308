// Is the workspace there, and can its repositories be read?

import type { Collected } from "../../collectors/collector.ts";
import { CollectError } from "../../collectors/collector.ts";
import { type Check, type Finding, inWords, ok, problem, warning } from "./check.ts";
import { type Subject, wrongAbout } from "./subject.ts";

/** A collection by itself ends at its own deadline; what comes after that hangs elsewhere. In milliseconds. */
const BEYOND_GIT_MS = 2_000;

/** What to do about what the collector says, by its reason. */
const ADVICE: Readonly<Record<string, string>> = {
  PERMISSION_DENIED: "let the user that the server runs as read it, or serve another directory (--workspace)",
  WORKSPACE_NOT_FOUND: "name a directory that exists with --workspace",
  REPOSITORY_GONE: "name a directory that exists with --workspace",
  BARE_REPOSITORY: "serve a work tree of it: --workspace",
  EMBEDDED_BARE_REPOSITORY: "serve the work tree around it, or a work tree of its own: --workspace",
  FOREIGN_GIT_DIRECTORY:
    "such a repository is refused: clone it anew, or serve the place where it really lies",
  FOREIGN_WORK_TREE: "such a repository is refused: unset core.worktree, or serve that work tree",
  UNSAFE_CONFIG: "such a repository is refused: look at its .git/config",
  INVALID_CONFIG: "look at what `git config --list` complains of there",
  UNSUPPORTED_REPOSITORY: "install the newest git",
  GIT_TOO_OLD: "install a newer git",
  OBJECTS_MISSING: "`git fsck` there tells more; nothing is ever fetched",
  CHANGED_WHILE_READING:
    "ask again when that has ended; a .git/index.lock that stays was left by a git that crashed",
  OUT_OF_RESOURCES: "raise the limit of open files (ulimit -n), or give the machine more memory",
};

export function workspaceCheck(subject: Subject): Check {
  const { config, survey } = subject;
  return {
    name: "workspace",
    deadlineMs: config.gitDeadlineMs + BEYOND_GIT_MS,
    run: async (signal) => {
      const wrong = wrongAbout(subject, "workspace");
      if (wrong !== undefined) {
        return problem(wrong, "name a directory that exists with --workspace");
      }
      try {
        return describe(await survey.collected, config.workspace);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof CollectError) {
          const judge = error.reason === "CHANGED_WHILE_READING" ? warning : problem;
          return judge(inWords(error), adviceFor(error, config.workspace));
        }
        if (error instanceof DOMException && error.name === "TimeoutError") {
          return problem(
            `git took longer than ${config.gitDeadlineMs} ms in ${config.workspace}`,
            "raise --git-deadline; or something there makes git hang: a FIFO, a file system that does not answer",
          );
        }
        throw error;
      }
    },
  };
}

function describe(collected: Collected, workspace: string): Finding {
  if (collected.outcome === "no_data") {
    return warning(
      `${collected.message} Keys of git and github stay absent.`,
      "start in a repository, or name one with --workspace",
    );
  }
  const { git } = collected.metadata;
  const count = git?.repositoryCount ?? 1;
  const root = git?.directory ?? workspace;
  const where = root === workspace ? workspace : `${workspace}, repository ${root}`;
  const branch = git?.detached ? "detached" : `branch ${git?.branch ?? "not known"}`;
  const several = count > 1 ? `, ${count} repositories, of which this is the primary one` : "";
  const found = `${where}, ${branch}${several}`;
  const { warning: said } = collected;
  return said === undefined ? ok(found) : warning(`${found}; ${inWords(said)}`, ADVICE[said.reason]);
}

function adviceFor({ reason, message }: CollectError, workspace: string): string {
  if (reason !== "DUBIOUS_OWNERSHIP") {
    return ADVICE[reason] ?? "the server says the same in sources.git of every answer";
  }
  const [, root = workspace] = /^(.+) belongs to another user /.exec(message) ?? [];
  return `run the server as its owner, or trust it: git config --global --add safe.directory ${quote(root)}`;
}

/** For a shell. */
function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
