// Which branch of which repository the current branch is the head of a pull request as. Pure.

import type { Repository } from "./remote-url.ts";

/** What a pull request is looked up by. */
export type Head =
  | { readonly kind: "branch"; readonly repository: Repository; readonly branch: string }
  /** The branch was checked out from `refs/pull/<number>/head` of the base repository, which is then the only candidate. */
  | { readonly kind: "number"; readonly number: number };
