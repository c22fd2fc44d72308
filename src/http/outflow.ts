// Writes answers no faster than their reader takes them, and gives up readers that take nothing.

import { constants } from "node:http2";
import { systemTimers } from "../metadata/clock.ts";
import type { Response } from "./message.ts";

/**
 * Writes a piece of an answer. Resolves when the connection has taken all of it, so that a slow reader's next piece is made
 * only when it can be sent. Rejects when the connection breaks, and when the reader is cut off because it takes nothing.
 */
export type Write = (bytes: Uint8Array) => Promise<void>;

/** Larger pieces are written one after the other, in bytes: a reader that takes at least as much in time is not cut off. */
const PIECE_BYTES = 16_384;

/** Makes the writer of a response. A reader that takes nothing for `stallTimeoutMs` is cut off. */
export function createWriter(response: Response, stallTimeoutMs: number): Write {
  return async (bytes) => {
    for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
      await writePiece(response, bytes.subarray(start, start + PIECE_BYTES), stallTimeoutMs);
    }
  };
}

/** Ends an answer in the middle, so that nobody takes it for a whole one. */
export function breakOff(response: Response, http2Code: number): void {
  if ("stream" in response) {
    response.stream.close(http2Code);
  } else {
    response.destroy();
  }
}

/** Whether nobody is left to hear an answer: known before the response itself says so. */
export function isBroken(response: Response): boolean {
  if (response.destroyed) {
    return true;
  }
  return "stream" in response
    ? response.stream.destroyed || response.stream.closed
    : response.socket?.destroyed === true;
}

/** Ends a response with the last piece of its body, if it has one, and calls back when the connection has taken all. */
type End = (last: Uint8Array | undefined, taken: () => void) => void;

/**
 * Ends an answer by the same rule as {@link createWriter}: a reader that takes nothing of it for `stallTimeoutMs` is cut off.
 *
 * @param args those of the response's own `end`, in any of the forms that Node has for it.
 * @param end the response's own.
 */
export function endPaced(
  response: Response,
  args: readonly unknown[],
  stallTimeoutMs: number,
  end: End,
): void {
  const [data, encoding] = args;
  const callback = args.find((arg) => typeof arg === "function");
  const body = typeof data === "string" ? Buffer.from(data, encodingOf(encoding)) : data;
  endWith(response, body instanceof Uint8Array ? body : undefined, stallTimeoutMs, end).then(
    () => callback?.(),
    // Whoever cares hears of it by the response's "close".
    () => undefined,
  );
}

async function endWith(
  response: Response,
  body: Uint8Array | undefined,
  stallTimeoutMs: number,
  end: End,
): Promise<void> {
  // What fits in one piece is sent together with the head.
  const lastStart = Math.max(0, Math.ceil((body?.length ?? 0) / PIECE_BYTES) - 1) * PIECE_BYTES;
  if (body !== undefined && lastStart > 0) {
    await createWriter(response, stallTimeoutMs)(body.subarray(0, lastStart));
  }
  await untilTaken(response, stallTimeoutMs, (taken) => end(body?.subarray(lastStart), taken));
}

function encodingOf(given: unknown): BufferEncoding {
  return typeof given === "string" && Buffer.isEncoding(given) ? given : "utf8";
}

function writePiece(response: Response, piece: Uint8Array, stallTimeoutMs: number): Promise<void> {
  return untilTaken(response, stallTimeoutMs, (taken) => {
    if ("stream" in response) {
      response.write(piece, taken);
    } else {
      response.write(piece, taken);
    }
  });
}

/**
 * Resolves when the connection has taken what `send` gave it. Rejects when it breaks, or takes nothing in time. Nothing is sent
 * behind an earlier answer: Node would keep it, and where that becomes much, read no further and not hear that the client has gone.
 */
function untilTaken(
  response: Response,
  stallTimeoutMs: number,
  send: (taken: (error?: Error | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (isBroken(response)) {
      reject(new Error("the connection is closed"));
      return;
    }
    let stopTimer = (): void => undefined;
    const finish = (error?: Error | null): void => {
      stopTimer();
      response.off("close", onClose);
      response.off("socket", begin);
      if (error) {
        reject(error);
      } else {
        resolve();
      }
    };
    const onClose = (): void => finish(new Error("the connection was closed"));
    const begin = (): void => {
      stopTimer = systemTimers.start(stallTimeoutMs, () => {
        finish(new Error(`the reader took nothing for ${stallTimeoutMs} ms`));
        breakOff(response, constants.NGHTTP2_CANCEL);
      });
      send(finish);
    };
    response.once("close", onClose);
    if (hasItsTurn(response)) {
      begin();
    } else {
      response.once("socket", begin);
    }
  });
}

/** Whether what is written goes to the connection, and not behind an earlier answer (HTTP/1.1 pipelining). */
function hasItsTurn(response: Response): boolean {
  return "stream" in response || response.socket !== null;
}
