// What the examples of the documents are about: a clone of octo/app on a branch with a pull request, whose one check has passed,
// served by the program.

import { execFileSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NO_GITHUB } from "./closed-port.ts";
import { openGitHub } from "./github.ts";
import { startServing } from "./serving.ts";

const TOKEN = `ghp_${"a".repeat(36)}`;

export interface Pictured {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts it, and waits until the pull request is known. The caller closes it. */
export async function startPictured(): Promise<Pictured> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "fleet-pictured-")));
  const github = await openGitHub();
  github.token(TOKEN);
  const headSha = clone(folder);
  const app = github.repo("octo/app");
  app.pull({ head: "feature", title: "A feature", headSha });
  app.check(headSha, { name: "build", conclusion: "success" });
  const env = {
    ...process.env,
    ...NO_GITHUB,
    GITHUB_API_URL: github.apiUrl,
    GITHUB_TOKEN: TOKEN,
    FLEET_METADATA_TASK_FILE: join(folder, ".git/task.json"),
  };
  const server = await startServing(["--listen", "127.0.0.1:0", "--workspace", folder], { folder, env });
  // The first answer of GitHub may take longer than a read waits for it.
  let value: unknown;
  while (value === undefined || value === null) {
    const response = await fetch(`${server.url}/metadata/github_pr_number`);
    ({ value } = (await response.json()) as { value: unknown });
  }
  return {
    url: server.url,
    close: async () => {
      await server.close();
      await github.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Makes the clone. Returns its commit. */
function clone(folder: string): string {
  const env = { PATH: process.env["PATH"], HOME: folder, GIT_CONFIG_NOSYSTEM: "1" };
  const git = (...args: string[]) => execFileSync("git", args, { cwd: folder, env, encoding: "utf8" });
  git("init", "--quiet", "--initial-branch=main");
  git("remote", "add", "origin", "https://github.com/octo/app.git");
  git("-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "--allow-empty", "-m", "a");
  git("checkout", "--quiet", "-b", "feature");
  git("update-ref", "refs/remotes/origin/feature", "HEAD");
  return git("rev-parse", "HEAD").trim();
}
