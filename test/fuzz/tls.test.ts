// Arbitrary bytes at a port with TLS: in the place of a handshake, in the midst of one, and within the encryption.

import { once } from "node:events";
import { Duplex, Transform } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls, type TLSSocket } from "node:tls";
import fc from "fast-check";
import { test } from "vitest";
import { createCertificate } from "../helpers/certificate.ts";
import {
  boundMemory,
  exchange,
  expectUnharmed,
  FUZZ_TIMEOUT_MS,
  fuzzing,
  inPieces,
  useCrashes,
} from "../helpers/fuzz.ts";
import { HTTP2_PREFACE, openSocket, readToEnd, type Target } from "../helpers/raw-http.ts";
import { startServer } from "../helpers/server.ts";
import { within } from "../helpers/wait.ts";

const crashes = useCrashes();

const PREFACE = Buffer.from(HTTP2_PREFACE);
const REQUEST = Buffer.from("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");

/** A record of TLS: its type, its version, its length, which may lie, and what is in it. */
const record = fc
  .record({
    type: fc.constantFrom(20, 21, 22, 23, 24, 255),
    version: fc.constantFrom(0x0300, 0x0301, 0x0303, 0x0304),
    length: fc.option(fc.nat(0xffff), { nil: undefined, freq: 3 }),
    content: fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      // A greeting that says how long it is, up to the point where it does not go on.
      fc
        .uint8Array({ maxLength: 200 })
        .map((rest) => Buffer.concat([Buffer.from([1, 0, 0, rest.length]), rest])),
    ),
  })
  .map(({ type, version, length, content }) => {
    const head = Buffer.alloc(5);
    head.writeUInt8(type);
    head.writeUInt16BE(version, 1);
    head.writeUInt16BE(length ?? content.length, 3);
    return Buffer.concat([head, content]);
  });

const inPlaceOfHandshake = fc.oneof(
  fc.uint8Array({ maxLength: 2_000 }),
  fc.array(record, { maxLength: 4 }).map((records) => Buffer.concat(records)),
  fc.constantFrom(PREFACE, REQUEST),
);
const encrypted = fc.oneof(
  fc.uint8Array({ maxLength: 2_000 }),
  fc
    .tuple(fc.integer({ min: 0, max: PREFACE.length }), fc.uint8Array({ maxLength: 200 }))
    .map(([length, rest]) => Buffer.concat([PREFACE.subarray(0, length), rest])),
  fc.uint8Array({ maxLength: 100 }).map((rest) => Buffer.concat([REQUEST, rest])),
);
const corruption = fc.record({ at: fc.nat(1_500), bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }) });

/** A client whose bytes from a place on, which lies in its handshake or behind it, are others. It leaves when nothing comes of it. */
async function greetBadly(
  target: Target,
  ca: string,
  { at, bytes }: { readonly at: number; readonly bytes: Uint8Array },
): Promise<void> {
  let passed = 0;
  const changing = new Transform({
    transform: (chunk: Buffer, _, done) => {
      const changed = Buffer.from(chunk);
      for (const [index, byte] of bytes.entries()) {
        const place = at + index - passed;
        if (place >= 0 && place < changed.length) {
          changed.writeUInt8(byte, place);
        }
      }
      passed += chunk.length;
      done(null, changed);
    },
  });
  const raw = await openSocket(target);
  changing.pipe(raw);
  const client = connectTls({ socket: Duplex.from({ readable: raw, writable: changing }), ca });
  const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
  client.on("error", () => undefined);
  client.write(REQUEST);
  await Promise.race([closed, delay(30)]);
  client.destroy();
  raw.destroy();
}

test(
  "S1, S5, S8: arbitrary bytes at a port with TLS",
  async () => {
    const { cert: ca, certFile: tlsCert, keyFile: tlsKey } = await createCertificate();
    const server = await startServer({
      collectors: "real",
      flags: { tlsCert, tlsKey },
      limits: { prefaceTimeoutMs: 500 },
    });
    const { host, port, defects } = server;
    const open = async (protocols?: readonly string[]): Promise<TLSSocket> => {
      const socket = connectTls({ host, port, ca, ...(protocols && { ALPNProtocols: [...protocols] }) });
      socket.on("error", () => undefined);
      await within(20_000, "the handshake", once(socket, "secureConnect"));
      return socket;
    };
    const ask = async (bytes: string): Promise<string> => {
      const socket = await open();
      socket.write(bytes);
      return await readToEnd(socket);
    };
    const checkMemory = boundMemory();
    await fc.assert(
      fc.asyncProperty(
        inPieces(inPlaceOfHandshake),
        corruption,
        inPieces(encrypted),
        fc.constantFrom(["h2"], ["http/1.1"], undefined),
        async (instead, change, inside, protocols) => {
          const answers = await Promise.all([
            exchange(server, instead),
            greetBadly(server, ca, change),
            open(protocols).then((socket) => exchange(socket, inside)),
          ]);
          await expectUnharmed(ask, defects, crashes(), answers.join("\n"));
        },
      ),
      fuzzing(),
    );
    checkMemory();
  },
  FUZZ_TIMEOUT_MS,
);
