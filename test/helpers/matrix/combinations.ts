// Every combination of client, protocol and transport: which of them can be, and why the others cannot.

export const CLIENTS = [
  "Connect for Node",
  "Connect for web",
  "grpc-js",
  "buf curl",
  "curl",
  "Chromium",
] as const;
export const PROTOCOLS = ["gRPC", "gRPC-web", "Connect POST", "Connect GET", "plain JSON"] as const;
export const TRANSPORTS = [
  "HTTP/1.1",
  "HTTP/2",
  "HTTP/1.1 TLS",
  "HTTP/2 TLS",
  "HTTP/1.1 Unix",
  "HTTP/2 Unix",
] as const;

export type ClientName = (typeof CLIENTS)[number];
export type Protocol = (typeof PROTOCOLS)[number];
export type TransportName = (typeof TRANSPORTS)[number];

export interface Combination {
  readonly client: ClientName;
  readonly protocol: Protocol;
  readonly transport: TransportName;
}

/** Why there is no such call, by the letter that stands for it in the table. */
export const REASONS = {
  a: "gRPC is defined for HTTP/2 alone",
  b: "`fetch` gives nobody the trailers that gRPC ends with, so Connect for web has no gRPC",
  c: "grpc-js speaks gRPC alone",
  d: "Connect's clients and buf curl call RPCs, and plain JSON is none",
  e: "buf curl sends Connect by POST alone",
  f: "buf curl takes HTTP/2 wherever TLS offers it",
  g: "Node's `fetch` speaks HTTP/2 over TLS alone",
  h: "browsers speak HTTP/2 over TLS alone",
  i: "browsers open no Unix sockets",
} as const;

export type Reason = keyof typeof REASONS;

/** @returns undefined when the combination can be, and so must work. */
export function whyNot({ client, protocol, transport }: Combination): Reason | undefined {
  const isHttp2 = transport.startsWith("HTTP/2");
  const isWeb = client === "Connect for web" || client === "Chromium";
  if (client === "grpc-js" && protocol !== "gRPC") {
    return "c";
  }
  if (protocol === "plain JSON" && client !== "curl" && client !== "Chromium") {
    return "d";
  }
  if (protocol === "gRPC" && isWeb) {
    return "b";
  }
  if (protocol === "Connect GET" && client === "buf curl") {
    return "e";
  }
  if (protocol === "gRPC" && !isHttp2) {
    return "a";
  }
  if (client === "buf curl" && transport === "HTTP/1.1 TLS") {
    return "f";
  }
  if (client === "Chromium" && transport.endsWith("Unix")) {
    return "i";
  }
  if (isWeb && isHttp2 && transport !== "HTTP/2 TLS") {
    return client === "Chromium" ? "h" : "g";
  }
  return undefined;
}

/** A stream of Connect is a POST; all other protocols have streams, plain JSON its events. */
export function canWatch({ protocol }: Combination): boolean {
  return protocol !== "Connect GET";
}

export const COMBINATIONS: readonly Combination[] = CLIENTS.flatMap((client) =>
  PROTOCOLS.flatMap((protocol) => TRANSPORTS.map((transport) => ({ client, protocol, transport }))),
);

export function nameOf({ client, protocol, transport }: Combination): string {
  return `${client}, ${protocol}, ${transport}`;
}

/** @param cell what stands in the table for a combination. */
export function renderTable(cell: (combination: Combination) => string): string {
  const rows = CLIENTS.flatMap((client) =>
    PROTOCOLS.map((protocol) => [
      client,
      protocol,
      ...TRANSPORTS.map((transport) => cell({ client, protocol, transport })),
    ]),
  );
  const head = ["client", "protocol", ...TRANSPORTS];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[], fill = " "): string =>
    `| ${cells.map((text, column) => text.padEnd(widths[column] ?? 0, fill)).join(" | ")} |`;
  return [
    line(head),
    line(
      head.map(() => ""),
      "-",
    ),
    ...rows.map((row) => line(row)),
  ].join("\n");
}
