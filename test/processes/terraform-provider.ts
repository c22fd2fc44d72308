// A provider for Terraform that knows schemas and nothing else: enough to validate a configuration, and to plan it with
// `mock_provider`, where no registry of providers can be reached. Started by Terraform: `node terraform-provider.ts NAME`.
// The protocol: https://developer.hashicorp.com/terraform/plugin/terraform-plugin-protocol, version 5, over go-plugin's handshake.

import { X509Certificate } from "node:crypto";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
} from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";
import { generate } from "selfsigned";
import { type Block, PROVIDERS } from "../helpers/terraform-schemas.ts";

const type = (fields: Readonly<Record<string, readonly [type: string, id: number, rule?: string]>>) => ({
  fields: Object.fromEntries(
    Object.entries(fields).map(([name, [kind, id, rule]]) => [
      name,
      { type: kind, id, ...(rule && { rule }) },
    ]),
  ),
});
const methods = (names: Readonly<Record<string, readonly [string, string]>>) => ({
  methods: Object.fromEntries(
    Object.entries(names).map(([name, [requestType, responseType]]) => [
      name,
      { requestType, responseType, comment: "" },
    ]),
  ),
});

/** What of the protocol is spoken. A response without diagnostics is empty. */
const PROTOCOL = fromJSON(
  {
    nested: {
      tfplugin5: {
        nested: {
          Empty: type({}),
          Config: type({ config: ["DynamicValue", 1] }),
          DynamicValue: type({ msgpack: ["bytes", 1] }),
          Attribute: type({
            name: ["string", 1],
            type: ["bytes", 2],
            required: ["bool", 4],
            optional: ["bool", 5],
            computed: ["bool", 6],
            sensitive: ["bool", 7],
          }),
          NestedBlock: type({
            typeName: ["string", 1],
            block: ["Block", 2],
            nesting: ["int32", 3],
            minItems: ["int64", 4],
            maxItems: ["int64", 5],
          }),
          Block: type({
            attributes: ["Attribute", 2, "repeated"],
            blockTypes: ["NestedBlock", 3, "repeated"],
          }),
          Schema: type({ version: ["int64", 1], block: ["Block", 2] }),
          // How a map is written.
          Entry: type({ key: ["string", 1], value: ["Schema", 2] }),
          Schemas: type({
            provider: ["Schema", 1],
            resourceSchemas: ["Entry", 2, "repeated"],
            dataSourceSchemas: ["Entry", 3, "repeated"],
          }),
          Provider: methods({
            GetSchema: ["Empty", "Schemas"],
            PrepareProviderConfig: ["Config", "Config"],
            ValidateResourceTypeConfig: ["Empty", "Empty"],
            ValidateDataSourceConfig: ["Empty", "Empty"],
            Stop: ["Empty", "Empty"],
          }),
        },
      },
      plugin: { nested: { Empty: type({}), GRPCController: methods({ Shutdown: ["Empty", "Empty"] }) } },
    },
  },
  { keepCase: true },
);

const NESTING = { list: 2, set: 3 } as const;

/** As the protocol has it. */
function wireBlock({ attributes, blocks = {} }: Block): object {
  return {
    attributes: Object.entries(attributes).map(([name, { kind, ...rest }]) => ({
      name,
      type: Buffer.from(JSON.stringify(kind)),
      ...rest,
    })),
    blockTypes: Object.entries(blocks).map(([typeName, { nesting, maxItems = 0, ...block }]) => ({
      typeName,
      block: wireBlock(block),
      nesting: NESTING[nesting],
      maxItems,
    })),
  };
}

const wireSchemas = (blocks: Readonly<Record<string, Block>>) =>
  Object.entries(blocks).map(([key, block]) => ({ key, value: { version: 0, block: wireBlock(block) } }));

const { resources, dataSources } = PROVIDERS[process.argv[2] ?? ""] ?? { resources: {}, dataSources: {} };
const schemas = {
  provider: { version: 0, block: { attributes: [], blockTypes: [] } },
  resourceSchemas: wireSchemas(resources),
  dataSourceSchemas: wireSchemas(dataSources),
};

type Reply = (error: null, answer: object) => void;
const empty = (_: unknown, reply: Reply): void => reply(null, {});

const server = new Server({ "grpc.max_receive_message_length": -1 });
const { tfplugin5, plugin } = loadPackageDefinition(PROTOCOL) as unknown as {
  readonly tfplugin5: { readonly Provider: ServiceClientConstructor };
  readonly plugin: { readonly GRPCController: ServiceClientConstructor };
};
server.addService(tfplugin5.Provider.service, {
  GetSchema: (_: unknown, reply: Reply) => reply(null, schemas),
  PrepareProviderConfig: ({ request }: { readonly request: object }, reply: Reply) => reply(null, request),
  ValidateResourceTypeConfig: empty,
  ValidateDataSourceConfig: empty,
  Stop: empty,
});
const socket = join(tmpdir(), `terraform-provider-${process.pid}.sock`);
server.addService(plugin.GRPCController.service, {
  Shutdown: (_: unknown, reply: Reply) => {
    reply(null, {});
    rmSync(socket, { force: true });
    setImmediate(() => process.exit(0));
  },
});

// Each side shows a certificate that was made for this one connection.
const { cert, private: key } = await generate([{ name: "commonName", value: "localhost" }], {
  algorithm: "sha256",
  extensions: [
    { name: "basicConstraints", cA: true },
    { name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] },
  ],
});
const identity = [{ private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }];
const client = process.env["PLUGIN_CLIENT_CERT"];
const credentials =
  client === undefined
    ? ServerCredentials.createInsecure()
    : ServerCredentials.createSsl(Buffer.from(client), identity, true);
server.bindAsync(`unix:${socket}`, credentials, (error) => {
  if (error) {
    throw error;
  }
  const shown = new X509Certificate(cert).raw.toString("base64").replaceAll("=", "");
  process.stdout.write(`1|5|unix|${socket}|grpc|${client === undefined ? "" : shown}\n`);
});
