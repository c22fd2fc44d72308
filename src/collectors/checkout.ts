// What the source `git` hands to those that follow it: all that decides which pull request belongs to the current branch.

/** The primary repository's checkout as of one collection. Immutable: another state of the repository is another object. */
export interface Checkout {
  /** Absolute path of the repository's common git directory: tells one repository from another. */
  readonly repository: string;
  /** Short name of the current branch; during a rebase the one being rebased. Absent: detached. */
  readonly branch?: string;
  /** Full hash of HEAD. Absent: nothing is committed yet. */
  readonly head?: string;
  /** In the order of the configuration. */
  readonly remotes: readonly CheckoutRemote[];
  /**
   * `branch.<name>.*` of the current branch, each the last one that is set. What is no remote's name is an address, treated like
   * theirs.
   */
  readonly branchConfig: {
    readonly remote?: string;
    readonly merge?: string;
    readonly pushRemote?: string;
  };
  /** `remote.pushDefault`: a name or an address, as above. */
  readonly remotePushDefault?: string;
  /** `push.default`, as it is written. Absent: git's own default, `simple`. */
  readonly pushDefault?: string;
  /**
   * Where git itself says that the branch is pushed to (like `<branch>@{push}`, but told when that ref is gone too). Absent where
   * it cannot tell.
   */
  readonly push?: {
    /** Name of the remote. */
    readonly remote: string;
    /** Full name of the ref in the remote repository, `refs/heads/...`. */
    readonly ref: string;
    /** Hash of the tracking ref: another one after a push or a fetch. Absent when that ref is gone. */
    readonly oid?: string;
  };
  /**
   * Remotes that have a branch of the same name, as far as this clone knows, in the order of `remotes`: somebody has pushed it there
   * or fetched it. Absent: none.
   */
  readonly counterparts?: readonly {
    /** Name of the remote. */
    readonly remote: string;
    /** Hash of the tracking ref: another one after a push or a fetch. */
    readonly oid: string;
  }[];
  /** Hash of the branch's upstream: another one after a push or a fetch. Absent when there is none or it is gone. */
  readonly upstreamOid?: string;
  /** Short name of the default branch of the branch's remote, as the clone knows it. Absent when it does not. */
  readonly defaultBranch?: string;
  /**
   * Whether `oid` is HEAD or an ancestor of it. Undefined when that cannot be told (the history is cut off, nothing is
   * committed). Asked again for the same two commits, it answers from memory.
   *
   * @param oid - Full hash; need not exist in the repository, and then is no ancestor unless the history is cut off.
   * @throws {CollectError} when git fails.
   */
  isAncestor(oid: string, signal: AbortSignal): Promise<boolean | undefined>;
}

/** One remote. Addresses have `insteadOf` and `pushInsteadOf` applied, and credentials removed. */
export interface CheckoutRemote {
  readonly name: string;
  /** Where it is fetched from. Absent when none is configured. */
  readonly url?: string;
  /** Where it is pushed to, when that is another address. */
  readonly pushUrl?: string;
  /** `remote.<name>.gh-resolved`: `base`, or `owner/name`. */
  readonly ghResolved?: string;
}
