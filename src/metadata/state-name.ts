// The states of sources in words.

import { SourceState } from "../gen/fleet/metadata/v1/envelope_pb.ts";

/** The state's word as a person reads it: `SOURCE_STATE_NO_DATA` is "no data". */
export function stateName(state: SourceState): string {
  const [name] = Object.entries(SourceState).find(([, value]) => value === state) ?? ["unknown"];
  return name.toLowerCase().replaceAll("_", " ");
}
