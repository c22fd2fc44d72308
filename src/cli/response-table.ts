// An answer as tables for a terminal. Pure.

import type { GetMetadataResponse } from "../gen/fleet/metadata/v1/service_pb.ts";
import type { Catalogue } from "../metadata/catalogue.ts";
import { cleanText } from "../metadata/clean-text.ts";
import { METADATA_LIMITS } from "../metadata/limits.ts";
import { stateName } from "../metadata/state-name.ts";
import { formatTable } from "./table.ts";

/** Keys and values in the order of the catalogue, then what is wrong with sources. */
export function formatResponse(catalogue: Catalogue, { data, sources }: GetMetadataResponse): string {
  const keys = [...catalogue.byKey.keys(), ...Object.keys(data).filter((key) => !catalogue.byKey.has(key))];
  const rows = keys.flatMap((key) => {
    const entry = data[key];
    const error = entry?.error === undefined ? "" : ` (${entry.error})`;
    return entry === undefined ? [] : [[key, `${formatValue(entry.value?.kind.value)}${error}`]];
  });
  const conditions = Object.entries(sources).map(([name, { state, reason, message }]) => [
    name,
    stateName(state),
    reason === "" ? "" : `${reason}: ${message}`,
  ]);
  return `${formatTable(["KEY", "VALUE"], rows)}\n${formatTable(["SOURCE", "STATE", ""], conditions)}`;
}

/** What a server sends is cleaned once more before it reaches a terminal: it need not be one of ours. */
function formatValue(value: unknown): string {
  const isPlain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return isPlain ? cleanText(String(value), METADATA_LIMITS.valueBytes).text : "-";
}
