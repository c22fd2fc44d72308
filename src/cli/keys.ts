// `fleet-metadata keys`: the catalogue of this program.

import { create, toJsonString } from "@bufbuild/protobuf";
import { MetadataKeySchema } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import { ListKeysResponseSchema } from "../gen/fleet/metadata/v1/service_pb.ts";
import { createCatalogue } from "../metadata/catalogue.ts";
import type { CliContext } from "./options.ts";
import { formatTable } from "./table.ts";

export function keys({ json }: { readonly json?: boolean }, { stdout }: CliContext): void {
  const { leaves } = createCatalogue();
  if (json || !stdout.isTTY) {
    const list = leaves.map(({ key, schema, source }) => create(MetadataKeySchema, { key, schema, source }));
    stdout.write(
      `${toJsonString(ListKeysResponseSchema, create(ListKeysResponseSchema, { keys: list }), { prettySpaces: 2 })}\n`,
    );
    return;
  }
  const rows = leaves.map(({ key, source, schema }) => [
    key,
    schema.type,
    source,
    schema.includeInList ? "yes" : "",
    schema.values.length > 0 ? `${schema.description}: ${schema.values.join(", ")}` : schema.description,
  ]);
  stdout.write(formatTable(["KEY", "TYPE", "SOURCE", "LIST", "DESCRIPTION"], rows));
}
