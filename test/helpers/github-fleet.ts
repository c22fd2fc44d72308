// Many servers that share one token, in one process, against one stand-in: real sources, real HTTP in between, and an hour that passes as
// fast as all that happens in it.

import type { Checkout } from "../../src/collectors/checkout.ts";
import { type Clock, systemTimers, type Timers } from "../../src/collectors/clock.ts";
import { createGitHubCollector } from "../../src/collectors/github/collector.ts";
import { createGitHubApi } from "../../src/collectors/github/create-api.ts";
import { createTokenSource } from "../../src/collectors/github/token.ts";
import type { RemoteCollector } from "../../src/collectors/remote-collector.ts";
import { SourceState } from "../../src/gen/fleet/metadata/v1/envelope_pb.ts";
import type { GitHub as GitHubSection } from "../../src/gen/fleet/metadata/v1/github_pb.ts";
import type { WorkspaceMetadata } from "../../src/gen/fleet/metadata/v1/workspace_metadata_pb.ts";
import { createCatalogue } from "../../src/metadata/catalogue.ts";
import { RemoteSource } from "../../src/metadata/remote-source.ts";
import type { GitHub } from "./github.ts";
import { type CheckoutOptions, checkoutOf } from "./github-checkout.ts";

/** Numbers from 0 to 1, the same ones in each run. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Time that stands still while anybody waits for an answer. */
export class FleetTime implements Clock, Timers {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly action: () => void }>();
  readonly #startMs = Date.UTC(2026, 0, 1);
  #running = 0;
  #rested: (() => void) | undefined;

  wallMs(): number {
    return this.#startMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  start(delayMs: number, action: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), action };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Time stands still until this has ended. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.#running += 1;
    try {
      return await work;
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#rested?.();
    }
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await this.#rest();
    for (;;) {
      const next = this.#next();
      if (next === undefined || next.atMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#timers.delete(next);
      next.action();
      await this.#rest();
    }
    this.#nowMs = endMs;
  }

  #next() {
    let first: { readonly atMs: number; readonly action: () => void } | undefined;
    for (const timer of this.#timers) {
      if (first === undefined || timer.atMs < first.atMs) first = timer;
    }
    return first;
  }

  async #rest(): Promise<void> {
    do {
      if (this.#running > 0) {
        await new Promise<void>((resolve) => {
          this.#rested = resolve;
        });
      }
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    } while (this.#running > 0);
  }
}

/** One server of the fleet, with somebody who watches it. */
export interface FleetServer {
  /** What it shows of its pull request. Undefined: none. */
  readonly pull: GitHubSection["pr"] | undefined;
  readonly state: SourceState;
  /** Something else is checked out, or was committed or pushed. */
  checkOut(options: CheckoutOptions): void;
  /** Calls `seen` with the time that has gone by, in milliseconds, when `isVisible` holds. */
  await(
    isVisible: (pull: NonNullable<GitHubSection["pr"]>) => boolean,
    seen: (afterMs: number) => void,
  ): void;
}

export interface Fleet {
  readonly servers: readonly FleetServer[];
  close(): Promise<void>;
}

/** Starts servers one after the other within half a minute of the fleet's time. */
export function startFleet(options: {
  readonly github: GitHub;
  readonly time: FleetTime;
  readonly token: string;
  /** What each has checked out at first. */
  readonly checkouts: readonly CheckoutOptions[];
}): Fleet {
  const { github, time, token, checkouts } = options;
  const random = seededRandom(1);
  const started = checkouts.map((checkout, index) => {
    const server = startServer({ github, time, token, checkout, random: seededRandom(index + 2) });
    time.start(random() * 30_000, server.begin);
    return server;
  });
  return {
    servers: started.map(({ server }) => server),
    close: async () => {
      await Promise.all(started.map(({ close }) => close()));
    },
  };
}

function startServer(options: {
  readonly github: GitHub;
  readonly time: FleetTime;
  readonly token: string;
  readonly checkout: CheckoutOptions;
  readonly random: () => number;
}) {
  const { github, time, token, random } = options;
  const api = createGitHubApi({
    apiUrl: github.apiUrl,
    token: createTokenSource({ token }),
    userAgent: "fleet-metadata/test",
    clock: time,
    // How long HTTP takes is not part of the fleet's time.
    timers: systemTimers,
    random,
  });
  const collector = createGitHubCollector({ api, settings: { host: "github.com" }, clock: time, random });
  let checkout: Checkout = checkoutOf(options.checkout);
  const followed = {
    name: "git",
    get report() {
      return { state: SourceState.FRESH, reason: "", message: "", truncated: new Set<string>(), checkout };
    },
  };
  const awaited = new Set<{
    readonly isVisible: (pull: NonNullable<GitHubSection["pr"]>) => boolean;
    readonly seen: (afterMs: number) => void;
    readonly sinceMs: number;
  }>();
  const section = () => (source.report.metadata as WorkspaceMetadata | undefined)?.github;
  const look = (): void => {
    const pull = section()?.pr;
    for (const one of awaited) {
      if (pull !== undefined && one.isVisible(pull)) {
        awaited.delete(one);
        one.seen(time.monotonicMs() - one.sinceMs);
      }
    }
  };
  const source = new RemoteSource(
    {
      collector: standStill(collector, time),
      followed,
      catalogue: createCatalogue(),
      deadlineMs: 60_000,
      clock: time,
      timers: time,
    },
    look,
  );
  const server: FleetServer = {
    get pull() {
      return section()?.pr;
    },
    get state() {
      return source.report.state;
    },
    checkOut: (changed) => {
      checkout = checkoutOf(changed);
      source.follow();
    },
    await: (isVisible, seen) => {
      awaited.add({ isVisible, seen, sinceMs: time.monotonicMs() });
    },
  };
  const begin = (): void => {
    source.start();
    source.follow();
    source.begin();
  };
  return { server, begin, close: () => source.close() };
}

/** As it is, but that time stands still while it asks. */
function standStill(collector: RemoteCollector, time: FleetTime): RemoteCollector {
  return {
    source: collector.source,
    about: (checkout) => collector.about(checkout),
    known: (checkout) => collector.known(checkout),
    prepare: (checkout, context) => collector.prepare(checkout, context),
    refresh: (checkout, context) => time.during(collector.refresh(checkout, context)),
    dueAtMs: (checkout) => collector.dueAtMs(checkout),
    get rateLimit() {
      return collector.rateLimit;
    },
    get obstacle() {
      return collector.obstacle;
    },
    watch: (changed, signal) => collector.watch?.(changed, signal),
  };
}
