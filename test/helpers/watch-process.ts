// A process that watches the repository named on the command line, ends the watch, and then has to end by itself. Prints
// what was active while the watch was idle, and after its end.

import { execFileSync } from "node:child_process";
import { setImmediate } from "node:timers/promises";
import { watchRepositories } from "../../src/collectors/git/watch.ts";

const root = process.argv[2] ?? "";
const ended = new AbortController();
const completed = Promise.withResolvers<unknown>();
const watch = watchRepositories({
  git: {
    async run(args, { cwd, config = [] }) {
      const settings = config.flatMap(([key, value]) => ["-c", `${key}=${value}`]);
      const stdout = execFileSync("git", ["--no-optional-locks", ...settings, ...args], {
        cwd,
        stdio: ["ignore", "pipe", "ignore"],
      });
      return { exitCode: 0, stdout, stderr: "", truncated: false };
    },
  },
  workspace: root,
  locations: [{ root, gitDir: `${root}/.git`, commonDir: `${root}/.git` }],
  listener: { changed: () => undefined, coverage: completed.resolve },
  signal: ended.signal,
});

/** What keeps this process running, its own output aside. */
async function active(): Promise<string[]> {
  await watch.settled();
  await setImmediate();
  return [...new Set(process.getActiveResourcesInfo())].filter(
    (name) => name !== "PipeWrap" && name !== "Immediate",
  );
}

await completed.promise;
const idle = await active();
ended.abort();
process.stdout.write(JSON.stringify({ idle, ended: await active() }));
