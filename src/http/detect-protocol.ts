// Tells HTTP/1.1 and HTTP/2 on one port apart, by the 24 bytes that every HTTP/2 client sends first (RFC 9113, 3.4).

import type { Socket } from "node:net";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Reads as much of a new connection as it takes to know its protocol, and gives it back unread. */
export function detectProtocol(
  socket: Socket,
  timeoutMs: number,
  onDetected: (isHttp2: boolean) => void,
): void {
  let seen = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  const forget = (): void => {
    clearTimeout(timer);
    socket.off("data", onData);
    socket.off("end", onEnd);
    socket.off("close", forget);
  };
  const onEnd = (): void => {
    forget();
    socket.destroy();
  };
  const onData = (chunk: Buffer): void => {
    seen = Buffer.concat([seen, chunk]);
    const compared = Math.min(seen.length, PREFACE.length);
    const matches = seen.subarray(0, compared).equals(PREFACE.subarray(0, compared));
    if (matches && compared < PREFACE.length) {
      return;
    }
    forget();
    socket.pause();
    socket.unshift(seen);
    onDetected(matches);
    if (!matches) {
      socket.resume();
    }
  };
  socket.on("data", onData);
  socket.on("end", onEnd);
  socket.on("close", forget);
}
