// Which keys a client asks for.

import type { Catalogue, Leaf } from "./catalogue.ts";
import { InvalidRequestError } from "./invalid-request-error.ts";
import { REQUEST_LIMITS } from "./limits.ts";

/** What part of the metadata is wanted. Immutable. */
export interface Selection {
  /** Stands for the selection in caches and validators: equal for equal selections. Empty for everything. */
  readonly id: string;
  /** The wanted leaves, in the order of the catalogue. */
  readonly leaves: readonly Leaf[];
  /** Sources that the wanted leaves come from: a read waits for no other. */
  readonly sources: ReadonlySet<string>;
  /** Names that no key matches, in the order they were asked for, each once. */
  readonly unknown: readonly string[];
}

/**
 * Selects keys by name; a name that ends in "*" selects all keys that begin with what stands before it.
 *
 * @param names empty for all keys; empty strings among them are passed over.
 * @throws {InvalidRequestError} when there are more than {@link REQUEST_LIMITS.keyNames} names.
 */
export function selectKeys(catalogue: Catalogue, names: readonly string[] = []): Selection {
  const wanted = new Set(names.map((name) => name.trim()).filter((name) => name !== ""));
  if (wanted.size === 0) {
    return createSelection(catalogue.leaves, "", []);
  }
  if (wanted.size > REQUEST_LIMITS.keyNames) {
    throw new InvalidRequestError(
      "keys",
      `${wanted.size} names, allowed are at most ${REQUEST_LIMITS.keyNames}`,
    );
  }
  const keys = new Set<string>();
  const unknown: string[] = [];
  for (const name of wanted) {
    const matches = matchingKeys(catalogue, name);
    if (matches.length === 0) {
      unknown.push(name);
    }
    for (const key of matches) {
      keys.add(key);
    }
  }
  const leaves = catalogue.leaves.filter(({ key }) => keys.has(key));
  const isEverything = leaves.length === catalogue.leaves.length && unknown.length === 0;
  const id = isEverything ? "" : JSON.stringify([leaves.map(({ key }) => key), unknown]);
  return createSelection(leaves, id, unknown);
}

function matchingKeys(catalogue: Catalogue, name: string): string[] {
  if (name.endsWith("*")) {
    const prefix = name.slice(0, -1);
    return catalogue.leaves.map(({ key }) => key).filter((key) => key.startsWith(prefix));
  }
  return catalogue.byKey.has(name) ? [name] : [];
}

function createSelection(leaves: readonly Leaf[], id: string, unknown: readonly string[]): Selection {
  const sources = new Set(leaves.map(({ source }) => source));
  return { id, leaves, sources, unknown };
}
