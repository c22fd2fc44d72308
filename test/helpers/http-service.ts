// A stand-in for a service over real HTTP: it answers as a test says, notes what was asked of it, and fails the test when it
// was asked for something that no test expects.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { onTestFinished } from "vitest";

/** Answers one request. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface HttpService {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  /** Path, method and headers of each request so far. */
  readonly requests: readonly Pick<IncomingMessage, "url" | "method" | "headers">[];
  /** Sets what is answered at a path from now on. */
  on(path: string, answer: Answer): void;
  /** Connections that are open. */
  connections(): number;
  /** Ends all connections and listens no more. */
  close(): Promise<void>;
}

/** Starts a service on a free port of loopback, for the running test. */
export async function startHttpService(routes: Readonly<Record<string, Answer>> = {}): Promise<HttpService> {
  const answers = new Map(Object.entries(routes));
  const requests: Pick<IncomingMessage, "url" | "method" | "headers">[] = [];
  const sockets = new Set<Socket>();
  const unexpected: string[] = [];
  const server = createServer((request, response) => {
    const { url = "", method = "", headers } = request;
    requests.push({ url, method, headers });
    const answer = answers.get(url);
    if (answer === undefined || method !== "GET") {
      unexpected.push(`${method} ${url}`);
      response.writeHead(404).end();
      return;
    }
    answer(request, response);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  onTestFinished(async () => {
    await close();
    if (unexpected.length > 0) {
      throw new Error(`unexpected requests: ${unexpected.join(", ")}`);
    }
  });
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    on: (path, answer) => void answers.set(path, answer),
    connections: () => sockets.size,
    close,
  };
}

/** Answers with a JSON document. */
export function json(value: unknown, status = 200): Answer {
  return (_, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  };
}

/** Answers with a redirect. */
export function redirect(location: string, status = 302): Answer {
  return (_, response) => void response.writeHead(status, { location }).end();
}

/** Answers with a page of HTML, as a login or an error page of a proxy does. */
export function page(status = 200): Answer {
  return (_, response) =>
    void response.writeHead(status, { "content-type": "text/html" }).end("<!doctype html><h1>Sign in</h1>");
}

/** Answers with a JSON string that has no end. */
export function endless(): Answer {
  return (_, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.write('{"status": "');
    const piece = "x".repeat(64 * 1024);
    const go = (): void => {
      while (!response.destroyed && response.write(piece)) {
        // Until the connection takes no more.
      }
    };
    response.on("drain", go);
    go();
  };
}

/** Takes the request and never answers. */
export function silence(): Answer {
  return () => undefined;
}

/** Promises more than it sends, and hangs up. */
export function cutOff(): Answer {
  return (_, response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
    response.write('{"status": "run', () => response.destroy());
  };
}
