// What can go wrong with the stand-in, on demand.

/** One way in which an answer fails. */
export type Fault =
  /** Never answered; the connection stays open until the stand-in closes. */
  | { readonly kind: "hang" }
  /** The connection is reset before any answer. */
  | { readonly kind: "reset" }
  /** The right answer, cut off in the middle of its body. */
  | { readonly kind: "cut" }
  /** The right answer, `delayMs` of real time later. */
  | { readonly kind: "slow"; readonly delayMs: number }
  /** Another answer, at no cost. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly body?: string;
      /** Default: JSON. */
      readonly headers?: Readonly<Record<string, string>>;
    };

/** A page of a hotel's network, with status 200. */
export const HTML_PAGE: Fault = {
  kind: "answer",
  status: 200,
  body: "<!doctype html><title>Welcome</title>",
  headers: { "content-type": "text/html; charset=utf-8" },
};

/** GitHub's own words when a secondary limit is exceeded, with or without the seconds to wait. */
export function secondaryLimit(retryAfterS?: number, status: 403 | 429 = 403): Fault {
  return {
    kind: "answer",
    status,
    body: JSON.stringify({
      message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
      documentation_url:
        "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
    }),
    headers: {
      "content-type": "application/json; charset=utf-8",
      ...(retryAfterS === undefined ? {} : { "retry-after": String(retryAfterS) }),
    },
  };
}

/** A server's error. */
export function failure(status: number): Fault {
  return { kind: "answer", status, body: JSON.stringify({ message: "Server Error" }) };
}

/** The faults that are waiting for requests. */
export class Faults {
  readonly #waiting: { fault: Fault; times: number; concerns: (url: string) => boolean }[] = [];

  /**
   * The next requests fail.
   *
   * @param times - How many. Default 1.
   * @param concerns - Which, by path and query. Default: all.
   */
  add(fault: Fault, times = 1, concerns: (url: string) => boolean = () => true): void {
    this.#waiting.push({ fault, times, concerns });
  }

  clear(): void {
    this.#waiting.length = 0;
  }

  /** The fault for this request, which is used up by it. */
  take(url: string): Fault | undefined {
    const found = this.#waiting.find(({ times, concerns }) => times > 0 && concerns(url));
    if (found !== undefined) {
      found.times -= 1;
    }
    return found?.fault;
  }
}
