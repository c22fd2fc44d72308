// The collector of the section `github` over the stand-in, on a clock that the test moves.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Checkout } from "../../src/collectors/checkout.ts";
import { createGitHubCollector } from "../../src/collectors/github/collector.ts";
import { createGitHubApi } from "../../src/collectors/github/create-api.ts";
import { createTokenSource } from "../../src/collectors/github/token.ts";
import type { Known, RemoteCollector } from "../../src/collectors/remote-collector.ts";
import type { GitHubPullRequestSchema } from "../../src/gen/fleet/metadata/v1/github_pb.ts";
import type { Credential } from "./github/credentials.ts";
import { type GitHub, startGitHub } from "./github.ts";
import { ManualTime } from "./manual-time.ts";

export const TOKEN = "ghp_standin";

export interface Scene {
  readonly github: GitHub;
  readonly credential: Credential;
  readonly time: ManualTime;
  readonly collector: RemoteCollector;
  /** Asks once, now. @throws what the collector throws. */
  refresh(checkout: Checkout): Promise<void>;
  /** Does what a source does that is in use for so long: asks whenever it is due. Failures are passed over. */
  use(checkout: Checkout, ms: number): Promise<void>;
  /** Paths and queries of the requests since the last call. */
  asked(): string[];
}

/** Closed after the test. */
export async function startScene(options: { readonly random?: () => number } = {}): Promise<Scene> {
  const time = new ManualTime();
  const { random = () => 0 } = options;
  const github = await startGitHub({ clock: time });
  const credential = github.token(TOKEN);
  const api = createGitHubApi({
    apiUrl: github.apiUrl,
    token: createTokenSource({ token: TOKEN }),
    userAgent: "fleet-metadata/test",
    clock: time,
    random,
  });
  const collector = createGitHubCollector({ api, settings: { host: "github.com" }, clock: time, random });
  const refresh = (checkout: Checkout) =>
    collector.refresh(checkout, { signal: AbortSignal.timeout(20_000) });
  const use = async (checkout: Checkout, ms: number): Promise<void> => {
    const endMs = time.monotonicMs() + ms;
    for (;;) {
      const dueMs = collector.dueAtMs(checkout) ?? Number.POSITIVE_INFINITY;
      if (dueMs > endMs) break;
      await time.advance(Math.max(0, dueMs - time.monotonicMs()));
      await refresh(checkout).catch(() => undefined);
    }
    await time.advance(endMs - time.monotonicMs());
  };
  const asked = (): string[] => {
    const urls = github.books.requests.map(({ url }) => url);
    github.books.clear();
    return urls;
  };
  return { github, credential, time, collector, refresh, use, asked };
}

/** The pull request that is told. Undefined: there is none. */
export function pullIn(
  known: Known | undefined,
): MessageInitShape<typeof GitHubPullRequestSchema> | undefined {
  return known?.outcome === "data" ? (known.metadata.github?.pr ?? undefined) : undefined;
}
