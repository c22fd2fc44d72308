// Writes answers that have no end, no faster than their reader takes them.

import { constants } from "node:http2";
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

function writePiece(response: Response, piece: Uint8Array, stallTimeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    if (isBroken(response)) {
      reject(new Error("the connection is closed"));
      return;
    }
    const finish = (error?: Error | null): void => {
      clearTimeout(timer);
      response.off("close", onClose);
      if (error) {
        reject(error);
      } else {
        resolve();
      }
    };
    const onClose = (): void => finish(new Error("the connection was closed"));
    const timer = setTimeout(() => {
      finish(new Error(`the reader took nothing for ${stallTimeoutMs} ms`));
      breakOff(response, constants.NGHTTP2_CANCEL);
    }, stallTimeoutMs);
    response.once("close", onClose);
    if ("stream" in response) {
      response.write(piece, finish);
    } else {
      response.write(piece, finish);
    }
  });
}
