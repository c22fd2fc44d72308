// The caller's timeout on the wire, by each protocol's own header.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limitTimeout } from "../../src/rpc/deadline.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { http2Request, openSession } from "../helpers/http2-client.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import { until } from "../helpers/wait.ts";

const SERVICE = "/fleet.metadata.v1.MetadataService";

/** How a call says its timeout. */
const PROTOCOLS = {
  gRPC: { type: "application/grpc", stream: "application/grpc", header: "grpc-timeout", unit: "m" },
  "gRPC-web": {
    type: "application/grpc-web",
    stream: "application/grpc-web",
    header: "grpc-timeout",
    unit: "m",
  },
  Connect: {
    type: "application/json",
    stream: "application/connect+json",
    header: "connect-timeout-ms",
    unit: "",
  },
} as const;
type Protocol = keyof typeof PROTOCOLS;

const GRPC_CODES: Readonly<Record<string, string>> = {
  "0": "ok",
  "3": "invalid_argument",
  "4": "deadline_exceeded",
};

interface Outcome {
  readonly code: string;
  readonly message: string;
}

/** Calls GetMetadata or WatchMetadata and waits for the end. */
async function call(
  server: TestServer,
  protocol: Protocol,
  timeout: string,
  method: "GetMetadata" | "WatchMetadata" = "GetMetadata",
): Promise<Outcome> {
  const isStream = method === "WatchMetadata";
  const { type, stream, header } = PROTOCOLS[protocol];
  const headers = {
    ":method": "POST",
    ":path": `${SERVICE}/${method}`,
    "content-type": isStream ? stream : type,
    [header]: timeout,
  };
  const request = protocol === "Connect" ? Buffer.from("{}") : Buffer.alloc(0);
  const body = protocol === "Connect" && !isStream ? request : Buffer.concat([frameHead(request), request]);
  const answer = await http2Request(await openSession(server.url), headers, body);
  const text = answer.body.toString("latin1");
  if (protocol === "Connect") {
    // Of a stream the last message is its end, with the error in it.
    const end = isStream ? text.slice(text.lastIndexOf('{"error"')) : text;
    const json = JSON.parse(end) as Outcome & { error?: Outcome };
    return { ...{ code: "ok", message: "" }, ...json, ...json.error };
  }
  const trailer = (name: string): string =>
    String(answer.trailers[name] ?? new RegExp(`${name}: (.*)\r\n`).exec(text)?.[1] ?? "");
  const status = trailer("grpc-status");
  return { code: GRPC_CODES[status] ?? status, message: decodeURIComponent(trailer("grpc-message")) };
}

function frameHead(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return head;
}

describe.each(Object.keys(PROTOCOLS) as Protocol[])("%s", (protocol) => {
  const { unit } = PROTOCOLS[protocol];

  test("S13: ends the call, and nothing else", async () => {
    const git = new ControlledCollector("git", "hang");
    const server = await startServer({ collectors: [git.scheduled()] });
    expect(await call(server, protocol, `50${unit}`)).toMatchObject({ code: "deadline_exceeded" });
    expect(git.running).toBe(1);
  });

  test("S13: ends a stream", async () => {
    const git = new ControlledCollector("git", data({ git: { branch: "main" } }));
    const server = await startServer({ collectors: [git.scheduled()] });
    expect(await call(server, protocol, `200${unit}`, "WatchMetadata")).toMatchObject({
      code: "deadline_exceeded",
    });
    await until(() => server.subscribers() === 0, "nobody watches any more");
  });

  test.each(protocol === "Connect" ? ["-1", "1s", "", "99999999999"] : ["-1S", "1", "1x", "", "999999999S"])(
    "S13: %j is refused",
    async (timeout) => {
      const server = await startServer();
      expect(await call(server, protocol, timeout)).toMatchObject({
        code: "invalid_argument",
        message: expect.stringMatching(new RegExp(`invalid .*timeout value: ${timeout}$`)),
      });
    },
  );

  test.each(protocol === "Connect" ? ["9999999999"] : ["99999999H", "99999999M", "99999999S"])(
    "S13: %j, longer than a timer can be, is not cut short",
    async (timeout) => {
      const git = new ControlledCollector("git", "hang");
      const server = await startServer({ collectors: [git.scheduled()] });
      const outcome = call(server, protocol, timeout);
      await until(() => git.running === 1, "the collection runs");
      // Longer than the millisecond that Node would make of it.
      await new Promise((resolve) => setTimeout(resolve, 20));
      git.set(data({ git: { branch: "main" } }));
      expect(await outcome).toMatchObject({ code: "ok" });
    },
  );
});

test("S13, S25: any text that is no timeout is left to the library, and what is one fits a timer", () => {
  const text = fc.oneof(
    fc.string({ unit: "grapheme-ascii" }).map((given) => given.trim()),
    fc
      .tuple(fc.nat(999_999_999), fc.constantFrom("H", "M", "S", "m", "u", "n", ""))
      .map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, (given) => {
      const headers = new Headers({ "grpc-timeout": given, "connect-timeout-ms": given });
      limitTimeout(headers);
      const [grpc = "", connect = ""] = [headers.get("grpc-timeout"), headers.get("connect-timeout-ms")].map(
        (value) => value ?? "",
      );
      const seconds = { H: 3_600, M: 60, S: 1 }[grpc.at(-1) ?? ""] ?? 0;
      expect(/^\d{1,8}[HMS]$/.test(grpc) ? Number(grpc.slice(0, -1)) * seconds * 1_000 : 0).toBeLessThan(
        2 ** 31,
      );
      expect(/^\d{1,10}$/.test(connect) ? Number(connect) : 0).toBeLessThan(2 ** 31);
      expect(grpc === given || /^\d{1,8}[HMS]$/.test(given)).toBe(true);
      expect(connect === given || /^\d{1,10}$/.test(given)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});
