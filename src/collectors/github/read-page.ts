// One page of an answer: asked conditionally, followed to where a repository has moved, checked.

import { attempt } from "../../attempt.ts";
import type { Clock } from "../clock.ts";
import { CollectError } from "../collector.ts";
import type { Route } from "./api.ts";
import type { Gate } from "./gate.ts";
import { type Asked, refusal } from "./refusals.ts";
import type { RetryPolicy } from "./retry-policy.ts";
import { hasShape } from "./shape.ts";
import type { Reply } from "./transport.ts";
import { createValidators, type Kept } from "./validators.ts";

/** One page, from GitHub or as it was before. */
export interface Page extends Omit<Kept, "etag"> {
  readonly isUnchanged: boolean;
}

export type ReadPage = (
  route: Route,
  url: URL,
  headers: Readonly<Record<string, string>>,
  policy: RetryPolicy,
) => Promise<Page>;

/** As many elements as GitHub sends in one page. */
export const PER_PAGE = 100;

/** The longest chain of redirects that is followed. */
const MAX_REDIRECTS = 3;

/** A former name may be given to another repository: where it led is asked again after this long. In milliseconds. */
const MOVED_FOR_MS = 3_600_000;
/** Former names that are remembered. A fleet of forks has fewer. */
const MAX_MOVED = 100;

export function createReadPage({ gate, clock }: { readonly gate: Gate; readonly clock: Clock }): ReadPage {
  const validators = createValidators();
  const moved = new Map<string, { readonly to: URL; readonly untilMs: number }>();

  const movedTo = (from: URL): URL | undefined => {
    const known = moved.get(from.href);
    return known !== undefined && known.untilMs > clock.monotonicMs() ? known.to : undefined;
  };

  const rememberMove = (from: URL, to: URL): void => {
    moved.delete(from.href);
    moved.set(from.href, { to, untilMs: clock.monotonicMs() + MOVED_FOR_MS });
    const [oldest] = moved.keys();
    if (moved.size > MAX_MOVED && oldest !== undefined) {
      moved.delete(oldest);
    }
  };

  /** @returns the first answer that is no redirect, and where it came from. */
  const follow = async (
    from: URL,
    send: (url: URL) => Promise<Reply>,
  ): Promise<{ reply: Reply; url: URL }> => {
    const remembered = movedTo(from);
    let url = remembered ?? from;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const reply = await send(url);
      if (reply.status === 404 && url === remembered) {
        // It is gone from there, and its former name may be another one's now.
        moved.delete(from.href);
        url = from;
        continue;
      }
      if (![301, 302, 307, 308].includes(reply.status)) {
        return { reply, url };
      }
      url = redirectTarget(reply, url, gate.asked(url));
      if (reply.status === 301 || reply.status === 308) {
        rememberMove(from, url);
      }
    }
    throw new CollectError("BAD_ANSWER", `GitHub redirects ${gate.asked(from).path} in circles`);
  };

  return async (route, from, headers, policy) => {
    const { reply, url } = await follow(from, (address) => {
      const etag = validators.get(address.href)?.etag;
      return gate.send(
        route,
        address,
        etag === undefined ? headers : { ...headers, "if-none-match": etag },
        policy,
      );
    });
    const kept = validators.get(url.href);
    if (reply.status === 304 && kept !== undefined) {
      return { ...kept, isUnchanged: true };
    }
    if (reply.status !== 200) {
      throw refusal(reply, gate.asked(url));
    }
    const body: unknown = attempt(() => JSON.parse(reply.body));
    if (!hasShape(route, body)) {
      throw new CollectError("BAD_ANSWER", `the answer to ${gate.asked(url).path} is not one of GitHub's`);
    }
    const next = nextPage(reply, url);
    const page = { body, bytes: Buffer.byteLength(reply.body), ...(next === undefined ? {} : { next }) };
    // The validator of a full last page says nothing of the page that may come to follow it.
    const isFullLast = next === undefined && Array.isArray(body) && body.length >= PER_PAGE;
    const { etag } = reply.headers;
    if (etag !== undefined && !isFullLast) {
      validators.set(url.href, { ...page, etag });
    }
    return { ...page, isUnchanged: false };
  };
}

/** The token goes to no other place than the one that it is meant for. */
function redirectTarget({ headers }: Reply, from: URL, { path, apiUrl }: Asked): URL {
  const { location = "" } = headers;
  const target = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (target?.origin !== apiUrl.origin || target.username !== "" || target.password !== "") {
    throw new CollectError("BAD_ANSWER", `GitHub redirects ${path} to another place, which is not followed`);
  }
  return target;
}

/** Counted by ourselves: that there is a next page is all that is believed of the header `Link`. */
function nextPage({ headers }: Reply, url: URL): URL | undefined {
  const relations = (headers["link"] ?? "").replaceAll(/<[^<>]*>/g, "");
  if (!/;\s*rel="?next\b/.test(relations)) {
    return undefined;
  }
  const next = new URL(url);
  next.searchParams.set("page", String(Number(url.searchParams.get("page") ?? 1) + 1));
  return next;
}
