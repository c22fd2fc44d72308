// The server that @grpc/grpc-js and @grpc/proto-loader make of the same proto files: answers every GetMetadata with one
// message, given as a file of its bytes.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Server, ServerCredentials, type ServiceDefinition, type sendUnaryData } from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";

const [messageFile = ""] = process.argv.slice(2);

const definitions: PackageDefinition = loadSync("fleet/metadata/v1/service.proto", {
  includeDirs: [join(import.meta.dirname, "../../proto")],
});
const service = serviceOf(definitions["fleet.metadata.v1.MetadataService"]);
const message: unknown = service["GetMetadata"]?.responseDeserialize(readFileSync(messageFile));

const server = new Server();
server.addService(service, {
  GetMetadata: (_call: unknown, answer: sendUnaryData<unknown>) => answer(null, message),
});
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) {
    throw error;
  }
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`);
});

function serviceOf(definition: PackageDefinition[string] | undefined): ServiceDefinition {
  if (definition === undefined || "format" in definition) {
    throw new Error("the proto files do not define the service");
  }
  return definition;
}
