// A clone of a repository at GitHub with a branch that has a pull request there: real git, and the stand-in for GitHub.

import { type GitHub, startGitHub } from "./github.ts";
import { createRepository, type TestRepository } from "./repository.ts";
import type { TestServerOptions } from "./server.ts";

/** A token that no answer, log or metric may show. */
export const TOKEN = `ghp_${"s3cr3t".repeat(6)}`;

/** A clone of octo/app with one commit on main. */
export function cloneOfApp(url = "https://github.com/octo/app.git"): TestRepository {
  const repository = createRepository();
  repository.commit({ "a.txt": "a\n" }, "first");
  repository.git("remote", "add", "origin", url);
  return repository;
}

/** What a push of the current branch leaves behind in the clone. Returns the hash that was pushed. */
export function push(repository: TestRepository, branch: string): string {
  repository.git("update-ref", `refs/remotes/origin/${branch}`, "HEAD");
  repository.git("config", `branch.${branch}.remote`, "origin");
  repository.git("config", `branch.${branch}.merge`, `refs/heads/${branch}`);
  return repository.git("rev-parse", "HEAD").trim();
}

/** A server of a clone, with this environment besides git's. */
export function optionsFor(repository: TestRepository, env: Record<string, string>): TestServerOptions {
  return {
    collectors: "real",
    flags: { workspace: repository.root, taskFile: repository.path("no-task.json") },
    env: { PATH: process.env["PATH"], HOME: repository.home, ...env },
  };
}

/** A GitHub that knows {@link TOKEN}, and a clone of octo/app on a branch that was pushed and has a pull request. */
export async function openPull(
  branch: string,
  title = "A feature",
): Promise<{
  readonly github: GitHub;
  readonly repository: TestRepository;
  /** Of a server that reads both. */
  readonly options: TestServerOptions;
}> {
  const github = await startGitHub();
  github.token(TOKEN);
  const repository = cloneOfApp();
  repository.git("checkout", "-qb", branch);
  github.repo("octo/app").pull({ head: branch, headSha: push(repository, branch), title });
  const options = optionsFor(repository, { GITHUB_TOKEN: TOKEN, GITHUB_API_URL: github.apiUrl });
  return { github, repository, options };
}
