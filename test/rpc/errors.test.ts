// What clients can read of a failed call besides its code: google.rpc's error details, by every protocol.

import { Code, ConnectError } from "@connectrpc/connect";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../src/gen/google/rpc/error_details_pb.ts";
import { createTestClient, TRANSPORT_NAMES } from "../helpers/clients.ts";
import { startServer, useServer } from "../helpers/server.ts";

const server = useServer();

async function failure(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    expect(error).toBeInstanceOf(ConnectError);
    return ConnectError.from(error);
  }
  throw new Error("the call succeeded");
}

describe.each(TRANSPORT_NAMES)("%s", (name) => {
  test("a wrong field is named, with what is allowed", async () => {
    const call = createTestClient(name, server().url).getMetadata({ maxAge: { seconds: -1n, nanos: 0 } });
    const error = await failure(call);
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: "INVALID_FIELD", domain: "fleet-metadata", metadata: { field: "max_age" } },
    ]);
    expect(error.findDetails(BadRequestSchema)).toMatchObject([
      { fieldViolations: [{ field: "max_age", description: expect.stringContaining("zero or more") }] },
    ]);
  });

  test("the end of a stream says when to come back", async () => {
    const stopping = await startServer();
    const stream = createTestClient(name, stopping.url).watchMetadata({})[Symbol.asyncIterator]();
    await stream.next();
    const error = failure(stream.next());
    await stopping.close();
    expect((await error).code).toBe(Code.Unavailable);
    expect((await error).findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "STOPPING" }]);
    expect((await error).findDetails(RetryInfoSchema)).toMatchObject([{ retryDelay: { seconds: 1n } }]);
  });
});

test("another library finds them where gRPC puts them", async () => {
  const { host, port } = server();
  const client = new Client(`${host}:${port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  const error = await new Promise<ServiceError | null>((resolve) => {
    client.makeUnaryRequest(
      "/fleet.metadata.v1.MetadataService/GetMetadata",
      (request: Buffer) => request,
      (response: Buffer) => response,
      // Field 3, varint: a view that is none.
      Buffer.from([0x18, 99]),
      resolve,
    );
  });
  const [details] = error?.metadata.get("grpc-status-details-bin") ?? [];
  expect(String(details)).toContain("type.googleapis.com/google.rpc.BadRequest");
});
