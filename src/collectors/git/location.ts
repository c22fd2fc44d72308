// Where one repository lies. Facts only: who finds them and who trusts them is said elsewhere.

/** One work tree and its git directories. All three are absolute, real paths (no symbolic link left in them). */
export interface RepositoryLocation {
  /** Root of the work tree. */
  readonly root: string;
  /** Git directory of this work tree: HEAD, index and the state of operations. */
  readonly gitDir: string;
  /** Git directory shared by all work trees of the repository: refs, objects and config. Equals `gitDir` in a main work tree. */
  readonly commonDir: string;
}
