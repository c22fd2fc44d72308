// The stand-in's tokens and their rate limits.

/** What a token may not read. */
export type Permission = "checks" | "statuses" | "pull_requests" | "metadata" | "contents";

export interface CredentialOptions {
  /** Points an hour. Default 5,000. */
  readonly limit?: number;
  /** What it has no permission for. Default: nothing. */
  readonly lacks?: readonly Permission[];
  /** Names of private repositories that it sees. Default: all. */
  readonly sees?: readonly string[];
  /** What a classic token may do. Default: it has permissions and no scopes. */
  readonly scopes?: readonly string[];
}

const WINDOW_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** GitHub's secondary limit: points a minute, a GET being one. https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api */
const SECONDARY_PER_MINUTE = 900;

/** Who asks: a token, or everybody without one. */
export class Credential {
  /** Points an hour. May be set. */
  limit: number;
  lacks: readonly Permission[];
  sees: readonly string[] | undefined;
  readonly scopes: readonly string[] | undefined;
  /** 401 from now on. */
  isRevoked = false;
  /** Points spent in the present window. May be set, as if others had spent them. */
  used = 0;
  #resetMs = 0;
  #minute = { startMs: 0, requests: 0 };
  readonly #nowMs: () => number;

  constructor(options: CredentialOptions, nowMs: () => number) {
    this.limit = options.limit ?? 5_000;
    this.lacks = options.lacks ?? [];
    this.sees = options.sees;
    this.scopes = options.scopes;
    this.#nowMs = nowMs;
  }

  get remaining(): number {
    this.#roll();
    return Math.max(0, this.limit - this.used);
  }

  /** When the window ends, in milliseconds since 1970, whole seconds. */
  get resetMs(): number {
    this.#roll();
    return this.#resetMs;
  }

  /** Others spend points of this token. */
  spend(points: number): void {
    this.#roll();
    this.used = Math.min(this.limit, this.used + points);
  }

  /** Notes a request. @returns whether the secondary limit holds. */
  exceedsSecondaryLimit(): boolean {
    const nowMs = this.#nowMs();
    if (nowMs - this.#minute.startMs >= MINUTE_MS) {
      this.#minute = { startMs: nowMs, requests: 0 };
    }
    this.#minute.requests += 1;
    return this.#minute.requests > SECONDARY_PER_MINUTE;
  }

  headers(): Record<string, string> {
    return {
      "x-ratelimit-limit": String(this.limit),
      "x-ratelimit-remaining": String(this.remaining),
      "x-ratelimit-used": String(this.used),
      "x-ratelimit-reset": String(this.resetMs / 1_000),
      "x-ratelimit-resource": "core",
      ...(this.scopes && { "x-oauth-scopes": this.scopes.join(", ") }),
    };
  }

  /** A window begins with the first request after the last one has ended. */
  #roll(): void {
    if (this.#nowMs() >= this.#resetMs) {
      this.#resetMs = Math.ceil(this.#nowMs() / 1_000) * 1_000 + WINDOW_MS;
      this.used = 0;
    }
  }
}
