// Calls by the generated client of Connect, whatever its transport.

import { createClient, type Transport } from "@connectrpc/connect";
import { MetadataService } from "../../../src/gen/fleet/metadata/v1/service_pb.ts";

export async function read(transport: Transport, key: string): Promise<unknown> {
  const { data } = await createClient(MetadataService, transport).getMetadata({ keys: [key] });
  return data[key]?.value?.kind.value;
}

export async function watch(
  transport: Transport,
  key: string,
  onValue: (value: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  const client = createClient(MetadataService, transport);
  for await (const { metadata } of client.watchMetadata({ keys: [key] }, { signal })) {
    onValue(metadata?.data[key]?.value?.kind.value);
  }
}
