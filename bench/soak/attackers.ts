// Requests that mean harm, byte by byte, and what each has to get.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { type Actor, DEADLINE_MS, pick, repeat, say } from "./actor.ts";

const RPC = "/fleet.metadata.v1.MetadataService/GetMetadata";
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** The bytes, and how what comes back begins. Undefined: anything, or nothing, as long as the connection is ended. */
interface Attack {
  readonly bytes: () => string | Buffer;
  readonly begins?: RegExp;
}

const get = (line: string, ...headers: string[]): string => [line, ...headers, "", ""].join("\r\n");

const ATTACKS: Readonly<Record<string, Attack>> = {
  "malformed Host": {
    bytes: () => get(`POST ${RPC} HTTP/1.1`, "Host: [", "Connection: close"),
    begins: /^HTTP\/1\.1 400 /,
  },
  "foreign Host": {
    bytes: () => get("GET /metadata HTTP/1.1", "Host: evil.example", "Connection: close"),
    begins: /^HTTP\/1\.1 403 /,
  },
  "foreign Origin": {
    bytes: () =>
      get("GET /metadata HTTP/1.1", "Host: localhost", "Origin: https://evil.example", "Connection: close"),
    begins: /^HTTP\/1\.1 403 /,
  },
  "wrong method": {
    bytes: () => get("DELETE /metadata HTTP/1.1", "Host: localhost", "Connection: close"),
    begins: /^HTTP\/1\.1 405 /,
  },
  "path upwards": {
    bytes: () => get("GET /../../etc/passwd HTTP/1.1", "Host: localhost", "Connection: close"),
    begins: /^HTTP\/1\.1 4\d\d /,
  },
  "long path": {
    bytes: () => get(`GET /${"a".repeat(65_536)} HTTP/1.1`, "Host: localhost"),
    begins: /^HTTP\/1\.1 4\d\d /,
  },
  "large body": {
    bytes: () =>
      `${get(`POST ${RPC} HTTP/1.1`, "Host: localhost", "Content-Type: application/json", "Content-Length: 1048576", "Connection: close")}${" ".repeat(1_048_576)}`,
  },
  "half a preface": { bytes: () => PREFACE.slice(0, 12) },
  "a preface and noise": { bytes: () => Buffer.concat([Buffer.from(PREFACE), randomBytes(500)]) },
  noise: { bytes: () => randomBytes(500) },
  nothing: { bytes: () => "" },
};

/** One attack after the other, each on a connection of its own, which the server has to end. */
export const attack: Actor = (scene, signal) =>
  repeat(scene, signal, 150, async (round) => {
    if (round % 20 === 19) {
      await resetRapidly(scene.server.url);
      scene.ledger.done("hostile", "rapid resets");
      return;
    }
    const names = Object.keys(ATTACKS) as [string, ...string[]];
    const kind = pick(scene.random, names);
    const { bytes = () => "", begins = /^/ } = ATTACKS[kind] ?? {};
    try {
      const answer = await sendAndRead(scene.port, bytes());
      if (begins.test(answer)) {
        scene.ledger.done("hostile", kind);
      } else {
        scene.ledger.unexpected("hostile", kind, `the answer is "${answer.slice(0, 100)}"`);
      }
    } catch (error) {
      scene.ledger.unexpected("hostile", kind, say(error));
    }
  });

/** The beginning of what comes back until the server ends the connection. */
async function sendAndRead(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1" });
  // The server may reset a connection whose bytes it does not read to their end.
  socket.on("error", () => undefined);
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text = (text + chunk).slice(0, 1_000);
  });
  socket.once("connect", () => socket.write(bytes));
  try {
    await once(socket, "close", { signal: AbortSignal.timeout(DEADLINE_MS) });
  } finally {
    socket.destroy();
  }
  return text;
}

/** A hundred streams that are reset as soon as they are open. */
async function resetRapidly(url: string): Promise<void> {
  const session = connectHttp2(url);
  session.on("error", () => undefined);
  for (let stream = 0; stream < 100; stream += 1) {
    const request = session.request({ ":path": "/metadata" });
    request.on("error", () => undefined);
    request.close(8);
  }
  const closed = once(session, "close");
  session.close();
  const timer = setTimeout(() => session.destroy(), DEADLINE_MS);
  await closed;
  clearTimeout(timer);
}
