// Reads what is sent to an OpenTelemetry collector, from the wire: field numbers are those of
// opentelemetry/proto/trace/v1/trace.proto, and nothing of what is tested takes part.

import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** A span as it arrived. Ids in hexadecimal. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly traceState: string;
  readonly name: string;
  readonly kind: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly isError: boolean;
  readonly statusMessage: string;
  /** Whether the parent is in another process. */
  readonly hasRemoteParent: boolean;
  /** What is said of the program that sent it. */
  readonly resource: Readonly<Record<string, unknown>>;
}

const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"];
const STATUS_ERROR = 2n;
const IS_REMOTE = 0x200n;

/** The spans of an ExportTraceServiceRequest. @throws when it is not one. */
export function readSpans(request: Uint8Array): ReceivedSpan[] {
  return messages(request, 1).flatMap((resourceSpans) => {
    const resource = Object.assign({}, ...messages(resourceSpans, 1).map((part) => attributes(part, 1)));
    return messages(resourceSpans, 2)
      .flatMap((scopeSpans) => messages(scopeSpans, 2))
      .map((span) => readSpan(span, resource));
  });
}

function readSpan(span: Uint8Array, resource: Readonly<Record<string, unknown>>): ReceivedSpan {
  const [status = new Uint8Array()] = messages(span, 15);
  return {
    traceId: hex(span, 1),
    spanId: hex(span, 2),
    parentSpanId: hex(span, 4) || undefined,
    traceState: text(span, 3),
    name: text(span, 5),
    kind: KINDS[Number(number(span, 6))] ?? "unknown",
    startNs: number(span, 7),
    endNs: number(span, 8),
    attributes: attributes(span, 9),
    links: messages(span, 13).map((link) => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
    isError: number(status, 3) === STATUS_ERROR,
    statusMessage: text(status, 2),
    hasRemoteParent: (number(span, 16) & IS_REMOTE) !== 0n,
    resource,
  };
}

/** Repeated KeyValue messages. */
function attributes(message: Uint8Array, fieldNo: number): Record<string, unknown> {
  return Object.fromEntries(
    messages(message, fieldNo).map((pair) => {
      const [value = new Uint8Array()] = messages(pair, 2);
      const [first] = fields(value);
      const isText = first?.[0] === 1;
      return [text(pair, 1), isText ? text(value, 1) : Number(first?.[1])];
    }),
  );
}

function messages(message: Uint8Array, fieldNo: number): Uint8Array[] {
  return fields(message)
    .filter(([no]) => no === fieldNo)
    .map(([, value]) => {
      if (!(value instanceof Uint8Array)) {
        throw new Error(`field ${fieldNo} is not a message`);
      }
      return value;
    });
}

function hex(message: Uint8Array, fieldNo: number): string {
  return Buffer.from(messages(message, fieldNo)[0] ?? []).toString("hex");
}

function text(message: Uint8Array, fieldNo: number): string {
  return Buffer.from(messages(message, fieldNo)[0] ?? []).toString("utf8");
}

function number(message: Uint8Array, fieldNo: number): bigint {
  const [, value] = fields(message).find(([no]) => no === fieldNo) ?? [];
  return typeof value === "bigint" ? value : 0n;
}

/** All fields in their order. */
function fields(message: Uint8Array): (readonly [no: number, value: bigint | Uint8Array])[] {
  const reader = new BinaryReader(message);
  const found: (readonly [number, bigint | Uint8Array])[] = [];
  while (reader.pos < reader.len) {
    const [no, wireType] = reader.tag();
    switch (wireType) {
      case WireType.Varint:
        found.push([no, BigInt(reader.uint64())]);
        break;
      case WireType.Bit64:
        found.push([no, BigInt(reader.fixed64())]);
        break;
      case WireType.Bit32:
        found.push([no, BigInt(reader.fixed32())]);
        break;
      default:
        found.push([no, reader.bytes()]);
    }
  }
  return found;
}
