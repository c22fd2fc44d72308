// Are there as many file watches as the workspace needs?

import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Problem } from "../../collectors/collector.ts";
import { type Check, type Finding, inWords, ok, warning } from "./check.ts";
import type { Subject } from "./subject.ts";

/** A hundred thousand directories are counted in a second or two. In milliseconds. */
const DEADLINE_MS = 8_000;

/** The kernel's own limits, of this machine and of this namespace of users: the smaller one counts. */
const KERNEL_FILES = {
  watches: ["sys/fs/inotify/max_user_watches", "sys/user/max_inotify_watches"],
  instances: ["sys/fs/inotify/max_user_instances", "sys/user/max_inotify_instances"],
} as const;

const CONSEQUENCE = "without events every read collects anew";

/** What file watching costs and may cost. */
interface Watches {
  readonly watches: number;
  readonly instances: number;
}

export function watchesCheck({ config, survey, proc }: Subject): Check {
  return {
    name: "file-events",
    deadlineMs: DEADLINE_MS,
    run: async (signal) => {
      if (config.noWatch) {
        return ok("not wanted (--no-watch): every read collects anew");
      }
      const limits = await readLimits(proc);
      const used = await usedBy(proc, process.getuid?.(), signal);
      const needs = await need(survey, signal);
      if (needs === undefined) {
        return ok("not counted: there is nothing to watch while the workspace cannot be read");
      }
      const { needed, isAll, why } = needs;
      if (why !== undefined) {
        return warning(inWords(why));
      }
      return judge({ needed, isAll, limits, used });
    },
  };
}

/** What would be watched. Undefined: the workspace cannot be read, which another check says. */
async function need(
  survey: Subject["survey"],
  signal: AbortSignal,
): Promise<{ readonly needed: number; readonly isAll: boolean; readonly why?: Problem } | undefined> {
  // A second before the deadline, so that there is something to say.
  const { promise: enough, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), DEADLINE_MS - 1_000);
  try {
    const covered = await Promise.race([survey.covered, enough]);
    const isAll = covered !== undefined;
    return { needed: survey.directories, isAll, ...(isAll && covered !== "complete" && { why: covered }) };
  } catch {
    signal.throwIfAborted();
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

function judge({
  needed,
  isAll,
  limits,
  used,
}: {
  readonly needed: number;
  readonly isAll: boolean;
  readonly limits: Partial<Watches>;
  readonly used: Watches;
}): Finding {
  const needs = `${isAll ? "" : "more than "}${plural(needed, "directory", "directories")} to watch`;
  const { watches, instances } = limits;
  if (watches === undefined) {
    return ok(`${needs}; this system names no limit`);
  }
  const state = `${needs}; this user has ${used.watches} of ${watches} watches in use`;
  if (needed > watches) {
    return warning(`${state}: too few, and ${CONSEQUENCE}`, raise("watches", needed * 2));
  }
  if (used.watches + needed > watches) {
    return warning(
      `${state}: too few for one more server, and ${CONSEQUENCE}`,
      raise("watches", (used.watches + needed) * 2),
    );
  }
  if (instances !== undefined && used.instances >= instances) {
    return warning(
      `${state}, but ${used.instances} of ${instances} inotify instances: none is left, and ${CONSEQUENCE}`,
      raise("instances", instances * 2),
    );
  }
  return isAll ? ok(state) : warning(`${state}; counting took too long`);
}

function raise(what: keyof Watches, to: number): string {
  const enough = Math.max(to, what === "watches" ? 524_288 : 512);
  return `raise the limit: sudo sysctl fs.inotify.max_user_${what}=${enough} (and in /etc/sysctl.d/ to keep it), or save watches: ignore directories that tools fill`;
}

async function readLimits(proc: string): Promise<Partial<Watches>> {
  const [watches, instances] = await Promise.all([
    smallest(proc, KERNEL_FILES.watches),
    smallest(proc, KERNEL_FILES.instances),
  ]);
  return { ...(watches !== undefined && { watches }), ...(instances !== undefined && { instances }) };
}

async function smallest(proc: string, files: readonly string[]): Promise<number | undefined> {
  const texts = await Promise.all(files.map((file) => readFile(join(proc, file), "utf8").catch(() => "")));
  const numbers = texts.map((text) => Number.parseInt(text, 10)).filter((limit) => limit > 0);
  return numbers.length === 0 ? undefined : Math.min(...numbers);
}

/** What the processes of a user that can be seen here have in use. A process that cannot be looked into counts as none. */
async function usedBy(proc: string, uid: number | undefined, signal: AbortSignal): Promise<Watches> {
  const total = { watches: 0, instances: 0 };
  const processes = (await readdir(proc).catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of processes) {
    signal.throwIfAborted();
    const directory = join(proc, pid);
    const owner = await stat(directory).catch(() => undefined);
    if (owner === undefined || owner.uid !== uid) {
      continue;
    }
    for (const fd of await readdir(join(directory, "fd")).catch(() => [])) {
      const target = await readlink(join(directory, "fd", fd)).catch(() => "");
      if (target !== "anon_inode:inotify") {
        continue;
      }
      const text = await readFile(join(directory, "fdinfo", fd), "utf8").catch(() => "");
      total.instances += 1;
      total.watches += text.match(/^inotify /gm)?.length ?? 0;
    }
  }
  return total;
}

function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
