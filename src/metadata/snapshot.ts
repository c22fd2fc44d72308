// All sources put together at one moment: entries, typed tree, revision.

import { createHash } from "node:crypto";
import { create, type Message, toJsonString } from "@bufbuild/protobuf";
import {
  type MetadataEntry,
  MetadataEntrySchema,
  SourceState,
} from "../gen/fleet/metadata/v1/envelope_pb.ts";
import {
  type WorkspaceMetadata,
  WorkspaceMetadataSchema,
} from "../gen/fleet/metadata/v1/workspace_metadata_pb.ts";
import type { Catalogue, Leaf } from "./catalogue.ts";
import { copyLeaf, entryBytes, flatten, nullEntry } from "./flatten.ts";
import type { MetadataLimits } from "./limits.ts";
import type { Selection } from "./selection.ts";
import type { SourceReport } from "./source-report.ts";

/** One state of all metadata. Immutable; its messages are shared by all answers. */
export interface Snapshot {
  /** See `ResponseMeta.revision`. */
  readonly revision: string;
  /** In the order of the catalogue. */
  readonly entries: ReadonlyMap<string, MetadataEntry>;
  /** What the limit on the sum left out, by source: how many keys. */
  readonly dropped: ReadonlyMap<string, number>;
  /** The typed tree with the leaves of a selection of keys that have a value. */
  tree(leaves: readonly Leaf[]): WorkspaceMetadata;
  /**
   * Stands for what a reader of the selection sees, but for ages and times: equal for equal states, also of different
   * snapshots. Made once for all readers of one selection.
   */
  fingerprint(selection: Selection): string;
}

/** Fingerprints of one snapshot that are kept: clients ask for few different sets of keys. */
const KEPT_FINGERPRINTS = 64;

/** Puts the reports of all sources together. */
export function createSnapshot(
  catalogue: Catalogue,
  reports: ReadonlyMap<string, SourceReport>,
  revision: string,
  limits: MetadataLimits,
): Snapshot {
  const bySource = new Map<string, ReadonlyMap<string, MetadataEntry>>();
  for (const [source, report] of reports) {
    bySource.set(source, entriesOf(catalogue, source, report));
  }
  const entries = new Map<string, MetadataEntry>();
  for (const { key, source } of catalogue.leaves) {
    const entry = bySource.get(source)?.get(key);
    if (entry) {
      entries.set(key, entry);
    }
  }
  const dropped = dropOverLimit(catalogue, entries, limits);
  const tree = (leaves: readonly Leaf[]): WorkspaceMetadata => {
    const target = create(WorkspaceMetadataSchema);
    for (const leaf of leaves) {
      const metadata: Message | undefined = reports.get(leaf.source)?.metadata;
      if (metadata && entries.has(leaf.key)) {
        copyLeaf(catalogue, leaf, metadata, target);
      }
    }
    return target;
  };
  const fingerprints = new Map<string, string>();
  const fingerprint = (selection: Selection): string => {
    const known = fingerprints.get(selection.id);
    if (known !== undefined) {
      return known;
    }
    const made = createFingerprint(entries, reports, selection);
    if (fingerprints.size < KEPT_FINGERPRINTS) {
      fingerprints.set(selection.id, made);
    }
    return made;
  };
  return { revision, entries, dropped, tree, fingerprint };
}

function createFingerprint(
  entries: ReadonlyMap<string, MetadataEntry>,
  reports: ReadonlyMap<string, SourceReport>,
  selection: Selection,
): string {
  const hash = createHash("sha256");
  for (const [name, { state, reason }] of reports) {
    if (selection.sources.has(name)) {
      hash.update(`${name} ${state} ${reason}\n`);
    }
  }
  for (const { key } of selection.leaves) {
    const entry = entries.get(key);
    if (entry) {
      hash.update(`${key} ${toJsonString(MetadataEntrySchema, entry)}\n`);
    }
  }
  return hash.digest("base64url");
}

/** What one source contributes to the flat map, by its state. */
function entriesOf(
  catalogue: Catalogue,
  source: string,
  report: SourceReport,
): ReadonlyMap<string, MetadataEntry> {
  const { state, metadata, truncated, message } = report;
  const listed = (catalogue.bySource.get(source) ?? []).filter(({ schema }) => schema.includeInList);
  if (state === SourceState.FAILED) {
    return new Map(listed.map((leaf) => [leaf.key, nullEntry(leaf, message)]));
  }
  const entries = metadata
    ? flatten(catalogue, source, metadata, truncated)
    : new Map<string, MetadataEntry>();
  if (state === SourceState.STALE) {
    for (const { key } of listed) {
      const entry = entries.get(key);
      if (entry) {
        entries.set(key, create(MetadataEntrySchema, { ...entry, error: message }));
      }
    }
  }
  return entries;
}

/** Removes what exceeds the limit on the sum: from the end of the catalogue, entries without include_in_list first. */
function dropOverLimit(
  catalogue: Catalogue,
  entries: Map<string, MetadataEntry>,
  limits: MetadataLimits,
): ReadonlyMap<string, number> {
  const dropped = new Map<string, number>();
  const sizes = new Map([...entries].map(([key, entry]) => [key, entryBytes(key, entry)]));
  // Every entry is counted with a comma; the last one has none, but the map has two braces.
  let excess =
    [...sizes.values()].reduce((sum, size) => sum + size, "{}".length - ",".length) - limits.totalBytes;
  const order = catalogue.leaves
    .toReversed()
    .sort((a, b) => Number(a.schema.includeInList) - Number(b.schema.includeInList));
  for (const { key, source } of order) {
    if (excess <= 0) {
      break;
    }
    if (entries.delete(key)) {
      excess -= sizes.get(key) ?? 0;
      dropped.set(source, (dropped.get(source) ?? 0) + 1);
    }
  }
  return dropped;
}
