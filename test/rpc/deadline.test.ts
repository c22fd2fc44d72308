// The caller's timeout on the wire, by each protocol's own header.

import { describe, expect, test } from "vitest";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { http2Request, openSession } from "../helpers/http2-client.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import { until } from "../helpers/wait.ts";

const PATH = "/fleet.metadata.v1.MetadataService/GetMetadata";

/** How a call says its timeout, and what code an answer has: 0 is none. */
const PROTOCOLS = {
  gRPC: { type: "application/grpc", header: "grpc-timeout", unit: "m" },
  "gRPC-web": { type: "application/grpc-web", header: "grpc-timeout", unit: "m" },
  Connect: { type: "application/json", header: "connect-timeout-ms", unit: "" },
} as const;
type Protocol = keyof typeof PROTOCOLS;

interface Outcome {
  readonly code: string;
  readonly message: string;
}

async function call(server: TestServer, protocol: Protocol, timeout: string): Promise<Outcome> {
  const { type, header } = PROTOCOLS[protocol];
  const session = await openSession(server.url);
  const headers = { ":method": "POST", ":path": PATH, "content-type": type, [header]: timeout };
  const body = protocol === "Connect" ? Buffer.from("{}") : Buffer.alloc(5);
  const answer = await http2Request(session, headers, body);
  if (protocol === "Connect") {
    return { code: "ok", message: "", ...(JSON.parse(answer.body.toString()) as object) };
  }
  const trailers =
    protocol === "gRPC"
      ? answer.trailers
      : Object.fromEntries(
          answer.body
            .toString("latin1")
            .split(/\r\n|\0\0\0./)
            .map((line) => line.split(": ", 2)),
        );
  const names: Record<string, string> = { "0": "ok", "3": "invalid_argument", "4": "deadline_exceeded" };
  return {
    code: names[String(trailers["grpc-status"])] ?? JSON.stringify(trailers),
    message: decodeURIComponent(String(trailers["grpc-message"] ?? "")),
  };
}

describe.each(Object.keys(PROTOCOLS) as Protocol[])("%s", (protocol) => {
  const { unit } = PROTOCOLS[protocol];

  test("S13: ends the call, and nothing else", async () => {
    const git = new ControlledCollector("git", "hang");
    const server = await startServer({ collectors: [git.scheduled()] });
    expect(await call(server, protocol, `50${unit}`)).toMatchObject({ code: "deadline_exceeded" });
    expect(git.running).toBe(1);
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
