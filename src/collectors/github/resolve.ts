// From a checkout to what has to be looked up for it. Pure: nothing is asked here.

import type { Checkout } from "../checkout.ts";
import type { Problem } from "../collector.ts";
import type { Head } from "./head.ts";
import type { Repository } from "./remote-url.ts";

/** What remotes are judged by. */
export interface ResolveSettings {
  /** Name of the GitHub server, lower case, without port: `github.com` unless told otherwise. Remotes elsewhere do not count. */
  readonly host: string;
  /** The host that an ssh host alias of the user stands for. Undefined: it is no alias. Default: there are none. */
  readonly hostOfAlias?: (alias: string) => string | undefined;
}

/** The question that a checkout raises. */
export interface Lookup {
  readonly outcome: "lookup";
  /** Equal for equal questions: what is known of one holds for the other. Does not depend on any commit. */
  readonly id: string;
  /** Candidates for the base repository, most likely first: the first one that can be seen counts. */
  readonly bases: readonly [Repository, ...Repository[]];
  /** Whether pull requests of a fork may belong to its parent: not when the user has said which repository is the base. */
  readonly mayBeFork: boolean;
  readonly head: Head;
  /** For a person: `pull requests of octo/app, head me/app:topic`. */
  readonly description: string;
}

/** There is nothing to look up. Reasons: NOT_GITHUB, DETACHED_HEAD, NO_COMMITS. */
export type NoLookup = { readonly outcome: "no_data" } & Problem;

/** What is to be looked up for this checkout. Cheap; never throws, whatever the configuration says. */
export declare function resolve(checkout: Checkout, settings: ResolveSettings): Lookup | NoLookup;
