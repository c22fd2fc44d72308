// A real repository whose remotes are at GitHub, as far as its configuration and refs say, and the checkout that is read of it.

import { onTestFinished } from "vitest";
import type { Checkout } from "../../src/collectors/checkout.ts";
import type { Collector, WatchListener } from "../../src/collectors/collector.ts";
import { createGitCollector } from "../../src/collectors/git/index.ts";
import { deadline, hardenedGit } from "./git-source.ts";
import { createRepository, type TestRepository } from "./repository.ts";
import { until } from "./wait.ts";

/** A repository on branch `topic`, made from `main`, with one commit; remotes by name, with their addresses. */
export function repositoryWith(remotes: Readonly<Record<string, string>>): TestRepository {
  const repository = createRepository();
  repository.commit({ "a.txt": "a\n" });
  for (const [name, url] of Object.entries(remotes)) {
    repository.git("remote", "add", name, url);
    track(repository, name, "main");
  }
  repository.git("checkout", "--quiet", "-b", "topic");
  return repository;
}

/** Makes the clone know that a remote has HEAD as this branch, as after a push or a fetch. */
export function track(repository: TestRepository, remote: string, branch: string): void {
  repository.git("update-ref", `refs/remotes/${remote}/${branch}`, "HEAD");
}

/** Sets `key = value` pairs of the repository's configuration. */
export function configure(repository: TestRepository, settings: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(settings)) repository.git("config", "--add", key, value);
}

/** The checkout as the repository is now. */
export async function checkoutOf(repository: TestRepository): Promise<Checkout> {
  return await checkouts(repository)();
}

/** Reads it again and again with one collector, as the server does. */
export function checkouts(
  repository: TestRepository,
  git = hardenedGit(repository.home),
): () => Promise<Checkout> {
  return reader(createGitCollector({ git, workspace: repository.root }));
}

/** The same, while events tell of every change; `told` counts how often they did. */
export async function watchedCheckouts(
  repository: TestRepository,
): Promise<{ read: () => Promise<Checkout>; told: () => number }> {
  const git = hardenedGit(repository.home);
  const xdgConfigHome = `${repository.home}/.config`;
  const collector = createGitCollector({ git, workspace: repository.root, xdgConfigHome });
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  let count = 0;
  let isComplete = false;
  const listener: WatchListener = {
    changed: () => {
      count += 1;
    },
    coverage: (state) => {
      isComplete = state === "complete";
    },
  };
  collector.watch?.(listener, ended.signal);
  const read = reader(collector);
  await read();
  await until(() => isComplete, "events tell of every change");
  return { read, told: () => count };
}

function reader(collector: Collector): () => Promise<Checkout> {
  return async () => {
    const collected = await collector.collect({ signal: deadline() });
    if (collected.outcome !== "data" || collected.checkout === undefined) throw new Error("no checkout");
    return collected.checkout;
  };
}
