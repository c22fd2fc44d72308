// The HTTP/2 side of a port: sessions, and the limits on them.

import {
  constants,
  createServer,
  type Http2Server,
  type Http2ServerRequest,
  Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { HttpLimits } from "./limits.ts";
import { endPaced } from "./outflow.ts";

/** Makes a server that is fed connections, preface included, and never listens itself. */
export function createHttp2(
  limits: HttpLimits,
  onSession: (session: ServerHttp2Session) => void,
  onRequest: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): Http2Server {
  const server = createServer({
    maxSessionMemory: limits.sessionMemoryMb,
    maxHeaderListPairs: 128,
    settings: {
      maxConcurrentStreams: limits.streamsPerSession,
      maxHeaderListSize: limits.headerBytes,
    },
    Http2ServerResponse: pacedResponse(limits.writeStallMs),
  });
  server.on("request", onRequest);
  // Without these, Node answers them itself: before the guard, and without the headers that every answer has.
  server.on("checkContinue", onRequest);
  server.on("checkExpectation", onRequest);
  server.on("connect", onRequest);
  server.on("session", (session) => {
    onSession(session);
    session.on("error", () => session.destroy());
    const settingsTimer = setTimeout(() => session.destroy(), limits.prefaceTimeoutMs);
    session.once("remoteSettings", () => clearTimeout(settingsTimer));
    let streams = 0;
    // Not session.setTimeout: its timer goes on when the session has ended, and keeps the session in memory until it is over.
    const idleTimer = setTimeout(() => {
      if (streams === 0) {
        session.close();
      }
    }, limits.idleSessionTimeoutMs);
    session.on("stream", (stream) => {
      streams += 1;
      endUnfinishedRequest(stream, limits.requestTimeoutMs);
      stream.once("close", () => {
        streams -= 1;
        if (!session.destroyed) {
          idleTimer.refresh();
        }
      });
    });
    endWhenVanished(session, limits, () => streams > 0);
    session.once("close", () => {
      clearTimeout(settingsTimer);
      clearTimeout(idleTimer);
    });
  });
  server.on("sessionError", () => undefined);
  return server;
}

/** The class of responses whose readers are cut off when they take nothing of an answer for so long. */
function pacedResponse(writeStallMs: number): typeof Http2ServerResponse {
  return class<R extends Http2ServerRequest> extends Http2ServerResponse<R> {
    override end(...args: unknown[]): this {
      const isHeadAlone = !this.headersSent;
      endPaced(this, args, writeStallMs, (last, taken) => {
        if (last === undefined) {
          super.end(taken);
          if (isHeadAlone) {
            closeWhenAnswered(this.stream);
          }
        } else {
          super.end(last, taken);
        }
      });
      return this;
    }
  };
}

/**
 * Ends a session whose peer does not answer, while streams are open: one that vanished without a FIN sends no error, and what
 * is written to it is taken by the kernel for a long time. Without streams nothing is asked: the session is to become idle.
 */
function endWhenVanished(session: ServerHttp2Session, limits: HttpLimits, isInUse: () => boolean): void {
  let overdue: NodeJS.Timeout | undefined;
  const answered = (): void => {
    clearTimeout(overdue);
    overdue = undefined;
  };
  const interval = setInterval(() => {
    if (overdue === undefined && isInUse() && !session.destroyed) {
      overdue = setTimeout(() => session.destroy(), limits.pingTimeoutMs);
      session.ping(answered);
    }
  }, limits.pingIntervalMs);
  session.once("close", () => {
    clearInterval(interval);
    answered();
  });
}

/**
 * Closes a stream whose client goes on sending after it has its answer (RFC 9113, 8.1), or has not sent the whole request
 * in time. Without, such a stream stays open as long as the connection.
 */
function endUnfinishedRequest(stream: ServerHttp2Stream, timeoutMs: number): void {
  if (stream.endAfterHeaders) {
    return;
  }
  const timer = setTimeout(closeUnlessComplete, timeoutMs, stream, constants.NGHTTP2_CANCEL);
  stream.once("close", () => clearTimeout(timer));
  // The answer is sent but for its trailers, which are handed over in this turn. One that is a head alone wants none.
  stream.once("wantTrailers", () => closeWhenAnswered(stream));
}

/** What was handed over is sent first. */
function closeWhenAnswered(stream: ServerHttp2Stream): void {
  if (!isComplete(stream)) {
    setImmediate(closeUnlessComplete, stream, constants.NGHTTP2_NO_ERROR);
  }
}

function closeUnlessComplete(stream: ServerHttp2Stream, code: number): void {
  if (!isComplete(stream)) {
    stream.close(code);
  }
}

/** Whether the whole request has arrived. */
function isComplete(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.state.state === constants.NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE;
}
