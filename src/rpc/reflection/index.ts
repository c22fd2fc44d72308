// gRPC server reflection, v1 and v1alpha: how grpcurl, buf curl and others learn the schema from the server itself. Takes
// descriptors, needs nothing of this project, touches nothing.

import {
  create,
  type DescFile,
  type DescService,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import {
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
  ServerReflection as ServerReflectionV1,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import {
  ServerReflectionRequestSchema as RequestSchemaV1Alpha,
  ServerReflectionResponseSchema as ResponseSchemaV1Alpha,
  ServerReflection as ServerReflectionV1Alpha,
} from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { Descriptors, withImports } from "./descriptors.ts";

/** What reflection is made of. */
export interface ReflectionOptions {
  /** The services that are listed, and with them all that their files define and import. The reflection services are listed too. */
  readonly services: readonly DescService[];
}

type Result = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

/**
 * Adds `grpc.reflection.v1.ServerReflection` and its older twin `v1alpha` to a router. What a client asks for and is not there is
 * answered by an `error_response` of code NOT_FOUND, and the stream goes on.
 */
export function addReflection(router: ConnectRouter, options: ReflectionOptions): void {
  const services = [...options.services, ServerReflectionV1, ServerReflectionV1Alpha];
  const descriptors = new Descriptors(services.map(({ file }) => file));
  const names = [...new Set(services.map(({ typeName }) => typeName))].sort();

  async function* answer(
    requests: AsyncIterable<ServerReflectionRequest>,
  ): AsyncGenerator<ServerReflectionResponse> {
    const sent = new Set<DescFile>();
    for await (const request of requests) {
      yield create(ServerReflectionResponseSchema, {
        validHost: request.host,
        originalRequest: request,
        messageResponse: respond(descriptors, names, request, sent),
      });
    }
  }

  router.service(ServerReflectionV1, { serverReflectionInfo: answer });
  router.service(ServerReflectionV1Alpha, {
    // The two versions differ in nothing but the names of their messages.
    async *serverReflectionInfo(requests) {
      for await (const response of answer(asV1(requests))) {
        yield fromBinary(ResponseSchemaV1Alpha, toBinary(ServerReflectionResponseSchema, response));
      }
    },
  });
}

async function* asV1(
  requests: AsyncIterable<MessageInitShape<typeof RequestSchemaV1Alpha>>,
): AsyncGenerator<ServerReflectionRequest> {
  for await (const request of requests) {
    const bytes = toBinary(RequestSchemaV1Alpha, create(RequestSchemaV1Alpha, request));
    yield fromBinary(ServerReflectionRequestSchema, bytes);
  }
}

/** @param sent - The files that this stream already sent. Added to. */
function respond(
  descriptors: Descriptors,
  services: readonly string[],
  { messageRequest }: ServerReflectionRequest,
  sent: Set<DescFile>,
): Result {
  const files = (file: DescFile | undefined, what: string): Result =>
    file === undefined ? notFound(what) : fileResponse(descriptors, file, sent);
  switch (messageRequest.case) {
    case "listServices":
      return {
        case: "listServicesResponse",
        value: { service: services.map((name) => ({ name })) },
      };
    case "fileByFilename":
      return files(descriptors.fileByName(messageRequest.value), `file "${messageRequest.value}"`);
    case "fileContainingSymbol":
      return files(descriptors.fileContaining(messageRequest.value), `symbol "${messageRequest.value}"`);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = messageRequest.value;
      const file = descriptors.fileWithExtension(containingType, extensionNumber);
      return files(file, `extension ${extensionNumber} of "${containingType}"`);
    }
    case "allExtensionNumbersOfType": {
      const baseTypeName = messageRequest.value;
      const numbers = descriptors.extensionNumbers(baseTypeName);
      return numbers === undefined
        ? notFound(`message "${baseTypeName}"`)
        : {
            case: "allExtensionNumbersResponse",
            value: { baseTypeName, extensionNumber: [...numbers] },
          };
    }
    default:
      return failure(Code.InvalidArgument, "the request asks for nothing that this server knows");
  }
}

/** The file first, then what it imports; of these, what this stream has sent before is left out. */
function fileResponse(descriptors: Descriptors, file: DescFile, sent: Set<DescFile>): Result {
  const fresh = [...withImports([file])].filter((one) => one === file || !sent.has(one));
  for (const one of fresh) sent.add(one);
  return {
    case: "fileDescriptorResponse",
    value: { fileDescriptorProto: fresh.map((one) => descriptors.encode(one)) },
  };
}

function notFound(what: string): Result {
  return failure(Code.NotFound, `there is no ${what}`);
}

function failure(code: Code, message: string): Result {
  return { case: "errorResponse", value: { errorCode: code, errorMessage: message } };
}
