// From the address of a remote to the repository at GitHub. Pure.

/** One repository. Names as they were written: two names that differ in upper and lower case only are the same. */
export interface Repository {
  /** Lower case, without port and `www.`. */
  readonly host: string;
  readonly owner: string;
  readonly name: string;
}
