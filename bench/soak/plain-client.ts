// GET over connections that are kept, and that are gone when they are closed: those of `fetch` cannot be.

import { once } from "node:events";
import {
  Agent,
  get,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from "node:http";

export interface PlainResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface PlainClient {
  /** @throws when the signal is aborted, and when the connection breaks. */
  get(path: string, signal: AbortSignal, headers?: OutgoingHttpHeaders): Promise<PlainResponse>;
  close(): void;
}

export function createPlainClient(url: string): PlainClient {
  const agent = new Agent({ keepAlive: true });
  return {
    async get(path, signal, headers = {}) {
      const request = get(`${url}${path}`, { agent, headers, signal });
      const [response] = (await once(request, "response")) as [IncomingMessage];
      const chunks: Buffer[] = await response.toArray({ signal });
      return {
        status: response.statusCode ?? 0,
        headers: response.headers,
        text: Buffer.concat(chunks).toString(),
      };
    },
    close: () => agent.destroy(),
  };
}
