// The gate to GitHub in front of the stand-in, with time in the test's hand.

import { onTestFinished } from "vitest";
import type { Answer, Body, Parameters, Route } from "../../src/collectors/github/api.ts";
import {
  createGitHubApi,
  type GatedGitHubApi,
  type GitHubApiOptions,
} from "../../src/collectors/github/create-api.ts";
import type { AnsweredRequest } from "../../src/collectors/github/gate.ts";
import { createTokenSource } from "../../src/collectors/github/token.ts";
import { type GitHub, startGitHub } from "./github.ts";
import { ManualTime } from "./manual-time.ts";

export const TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";

export interface GatedGitHub {
  readonly github: GitHub;
  readonly api: GatedGitHubApi;
  readonly time: ManualTime;
  /** What the log would hold. */
  readonly logged: AnsweredRequest[];
  /** Asks for the pull requests of `o/n` from the branch `me:work`. */
  pulls(signal?: AbortSignal): Promise<Answer<Body<"GET /repos/{owner}/{repo}/pulls">>>;
  get<R extends Route>(route: R, parameters: Parameters<R>): Promise<Answer<Body<R>>>;
}

/** The repository `o/n` with a pull request from `me:work`, and a gate with a valid token; or as the options say. */
export async function startGatedGitHub(options: Partial<GitHubApiOptions> = {}): Promise<GatedGitHub> {
  const time = new ManualTime();
  const github = await startGitHub({ clock: time });
  github.token(TOKEN);
  github.repo("o/n").pull({ head: "me:work" });
  const logged: AnsweredRequest[] = [];
  const api = createGitHubApi({
    apiUrl: github.apiUrl,
    token: createTokenSource({ token: TOKEN }),
    userAgent: "fleet-metadata/test",
    clock: time,
    timers: time,
    random: () => 0.5,
    onRequest: (request) => logged.push(request),
    ...options,
  });
  onTestFinished(() => {
    if (time.timersMs.length > 0) {
      throw new Error(`timers are left: ${time.timersMs}`);
    }
  });
  const get: GatedGitHub["get"] = (route, parameters) =>
    api.get(route, parameters, new AbortController().signal);
  const pulls = (signal = new AbortController().signal) =>
    api.get(
      "GET /repos/{owner}/{repo}/pulls",
      { owner: "o", repo: "n", head: "me:work", state: "all" },
      signal,
    );
  return { github, api, time, logged, pulls, get };
}

/** What a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error("it was fulfilled");
    },
    (error: unknown) => error,
  );
}
