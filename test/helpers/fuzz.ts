// How long fuzzing lasts, what is looked at after each input, and what arbitrary traffic is made of.

import { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { afterAll, beforeAll, expect } from "vitest";
import { type Endpoint, openSocket, sendRaw } from "./raw-http.ts";
import { within } from "./wait.ts";

const seconds = Number(process.env["FUZZ_SECONDS"] ?? 0);

/** Time for one test that fuzzes, in milliseconds. */
export const FUZZ_TIMEOUT_MS = seconds * 1_000 + 60_000;

/**
 * Parameters of a property: some seconds in the suite, and `FUZZ_SECONDS` when that is set.
 *
 * @param examples inputs that once failed; they are tried first.
 */
export function fuzzing<Ts>(examples: Ts[] = []): fc.Parameters<Ts> {
  const length =
    seconds > 0
      ? { numRuns: 1_000_000_000, interruptAfterTimeLimit: seconds * 1_000 }
      : { numRuns: 150, interruptAfterTimeLimit: 5_000 };
  return { ...length, examples, endOnFailure: seconds > 0 };
}

/** What no answer may hold: a place in the program, or a frame of a stack. */
const INSIDES = /\.[mc]?[jt]s:\d+|node_modules|node:internal|\n\s+at /;

/** Collects what would have ended the process. To be called where tests are described. */
export function useCrashes(): () => unknown[] {
  const crashes: unknown[] = [];
  const note = (error: unknown): void => {
    crashes.push(error);
  };
  beforeAll(() => {
    process.on("uncaughtExceptionMonitor", note);
    process.on("unhandledRejection", note);
  });
  afterAll(() => {
    process.off("uncaughtExceptionMonitor", note);
    process.off("unhandledRejection", note);
  });
  return () => crashes.splice(0);
}

/**
 * After an input: the server is alive and has no defect to tell of, and its answer shows nothing of its insides.
 *
 * @param target where it listens in cleartext, or what sends it bytes and reads until it ends the connection.
 */
export async function expectUnharmed(
  target: Endpoint | ((bytes: string) => Promise<string>),
  defects: unknown[],
  crashes: unknown[],
  answer: string,
): Promise<void> {
  expect(answer).not.toMatch(INSIDES);
  expect(answer).not.toMatch(/^HTTP\/1\.1 500/m);
  expect(crashes).toEqual([]);
  expect(defects.splice(0)).toEqual([]);
  const question = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  const health = await (typeof target === "function" ? target(question) : sendRaw(target, question));
  expect(health).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
}

/**
 * Fails when 64 MiB more are in use, after all garbage is collected, than when it was called. For each second of longer runs 4 MiB are
 * allowed, because what makes the inputs keeps something of each run; a connection that is not let go shows all the same.
 */
export function boundMemory(): () => void {
  setFlagsFromString("--expose-gc");
  const collectGarbage: unknown = runInNewContext("gc");
  const used = (): number => {
    if (typeof collectGarbage === "function") {
      collectGarbage();
    }
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  return () => expect(used() - before).toBeLessThan((64 + 4 * seconds) * 1024 * 1024);
}

/**
 * Sends pieces on a connection of its own. Gives what came back until nothing came for a moment, or the server ended it.
 *
 * @param target where to, or an open connection.
 */
export async function exchange(target: Endpoint | Socket, pieces: readonly Uint8Array[]): Promise<string> {
  const socket = target instanceof Socket ? target : await openSocket(target);
  const chunks: Buffer[] = [];
  let heard = performance.now();
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    heard = performance.now();
  });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  for (const piece of pieces) {
    if (!socket.destroyed) {
      socket.write(piece);
      await delay(0);
    }
  }
  const quiet = async (): Promise<void> => {
    while (!socket.destroyed && performance.now() - heard < 15) {
      await delay(3);
    }
  };
  await within(20_000, "the server falls silent or ends the connection", Promise.race([closed, quiet()]));
  socket.destroy();
  return Buffer.concat(chunks).toString("latin1");
}

/** Arbitrary changes of single places: a byte, a piece left out, doubled, or put in. */
const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.integer({ min: 0, max: 40 }),
  kind: fc.constantFrom("replace", "remove", "double", "insert"),
  bytes: fc.uint8Array({ maxLength: 20 }),
});

/** What comes of arbitrary bytes by a few changes, or by none. */
export function mutated(source: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc.tuple(source, fc.oneof(fc.constant([]), fc.array(edit, { maxLength: 4 }))).map(([bytes, edits]) =>
    edits.reduce((text, { at, length, kind, bytes: inserted }) => {
      const start = Math.floor(at * text.length);
      const [head, piece, tail] = [
        text.subarray(0, start),
        text.subarray(start, start + length),
        text.subarray(start + length),
      ];
      const middle = {
        replace: [inserted],
        remove: [],
        double: [piece, piece],
        insert: [inserted, piece],
      }[kind];
      return Buffer.concat([head, ...middle, tail]);
    }, Buffer.from(bytes)),
  );
}

/** The same bytes in a few pieces, cut anywhere. */
export function inPieces(source: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array[]> {
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 });
  return fc.tuple(source, cuts).map(([bytes, places]) => {
    const ends = [
      ...places.map((place) => Math.floor(place * bytes.length)).sort((a, b) => a - b),
      bytes.length,
    ];
    return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
  });
}
