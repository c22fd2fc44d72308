// What a soak runs on: our server from its bundle, a repository with its pull requests on a stand-in for GitHub, a task file, a git
// that hangs on demand, and a network that breaks on demand.

import { execFile, execFileSync } from "node:child_process";
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type FaultProxy, openFaultProxy } from "../../test/helpers/fault-proxy.ts";
import { type GitHub, openGitHub, type Pull, sha } from "../../test/helpers/github.ts";
import { seededRandom } from "../../test/helpers/github-fleet.ts";
import { temporaryDirectory } from "../cleanup.ts";
import { createRepository, type Repository } from "../repository.ts";
import { type RunningServer, serve } from "../servers.ts";
import { Ledger } from "./ledger.ts";
import { createPlainClient, type PlainClient } from "./plain-client.ts";
import { Trouble } from "./trouble.ts";

const FILES = 200;
const TOKEN = "ghp_soak";
/** Branches that the agent switches between, each with its pull request. */
export const BRANCHES = ["topic-0", "topic-1", "topic-2", "topic-3", "topic-4"] as const;

/** A git that stands still while it is told to. */
interface HangingGit {
  readonly directory: string;
  hang(): void;
  release(): void;
}

export interface Scene {
  readonly server: RunningServer;
  readonly port: number;
  readonly http: PlainClient;
  readonly repository: Repository;
  /** Runs git as the agent, which no fault concerns. @returns standard output without its last line break. */
  git(...args: string[]): Promise<string>;
  readonly hangingGit: HangingGit;
  readonly taskFile: string;
  readonly github: GitHub;
  readonly pulls: readonly Pull[];
  /** A network that breaks as it is told. */
  readonly proxy: FaultProxy;
  readonly ledger: Ledger;
  readonly trouble: Trouble;
  /** From 0 to 1, the same ones in each run. */
  readonly random: () => number;
  /** Ends everything but the server, which was stopped before. */
  close(): Promise<void>;
}

/** @param program the file of our server. */
export async function openScene(program: string): Promise<Scene> {
  const ledger = new Ledger();
  const repository = await createRepository(FILES);
  const { root, env, git } = repository;
  git("remote", "add", "origin", "https://github.com/octo/app.git");
  const github = await openGitHub();
  github.token(TOKEN, { limit: 100_000 });
  const repo = github.repo("octo/app");
  const head = git("rev-parse", "HEAD");
  const pulls = BRANCHES.map((branch) => {
    git("branch", branch);
    git("update-ref", `refs/remotes/origin/${branch}`, head);
    git("config", `branch.${branch}.remote`, "origin");
    git("config", `branch.${branch}.merge`, `refs/heads/${branch}`);
    return repo.pull({ head: branch, headSha: head });
  });
  repo.commit(sha("main"));
  const hangingGit = createHangingGit();
  const server = await serve({
    repository,
    program: [process.execPath, program],
    firstOnPath: hangingGit.directory,
    variables: { GITHUB_API_URL: github.apiUrl, GITHUB_TOKEN: TOKEN },
    onLine: (line) => noteLogLine(line, ledger),
  });
  const port = Number(new URL(server.url).port);
  const proxy = await openFaultProxy(port);
  const execute = promisify(execFile);
  return {
    server,
    port,
    http: createPlainClient(server.url),
    repository,
    git: async (...args) => (await execute("git", args, { cwd: root, env })).stdout.trim(),
    hangingGit,
    taskFile: join(dirname(root), "task.json"),
    github,
    pulls,
    proxy,
    ledger,
    trouble: new Trouble(),
    random: seededRandom(1),
    close: async () => {
      await proxy.close();
      await github.close();
    },
  };
}

/** The server logs as an error what it holds for a defect of its own. */
function noteLogLine(line: string, ledger: Ledger): void {
  const isDefect = !line.startsWith("{") || /"level":("error"|"fatal"|50|60)/.test(line);
  if (isDefect) {
    ledger.unexpected("requests", "log of the server", line);
  }
}

function createHangingGit(): HangingGit {
  const directory = temporaryDirectory();
  const mark = join(directory, "hang");
  const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
  // It has a child of its own, which has to end with it.
  writeFileSync(
    join(directory, "git"),
    `#!/bin/sh\nif [ -e '${mark}' ]; then sleep 600; fi\nexec '${real}' "$@"\n`,
  );
  chmodSync(join(directory, "git"), 0o755);
  return {
    directory,
    hang: () => writeFileSync(mark, ""),
    release: () => rmSync(mark, { force: true }),
  };
}
