// One GET of a JSON document from a service that nobody vouches for: bounded in time and size, without redirects.

import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";

export interface GetOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the request, and what is being read of its answer. */
  readonly signal: AbortSignal;
}

export interface GetJsonOptions extends GetOptions {
  /** A longer answer is refused. */
  readonly maxBytes: number;
}

/** Why there is no answer, for programs. */
export type NoAnswerCode =
  | "NOT_LISTENING"
  | "UNREACHABLE"
  | "TIMEOUT"
  | "REDIRECTED"
  | "UNAUTHENTICATED"
  | "NOT_FOUND"
  | "REFUSED"
  | "TOO_LARGE"
  | "INVALID";

/** There is no answer that can be used. The message holds nothing of the request's headers. */
export class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
  readonly code: NoAnswerCode;

  constructor(code: NoAnswerCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Gets a JSON document.
 *
 * @throws {NoAnswerError}
 */
export async function getJson(url: URL, { maxBytes, ...options }: GetJsonOptions): Promise<unknown> {
  return translated(options.signal, async () => {
    const response = await getResponse(url, {
      ...options,
      headers: { accept: "application/json", ...options.headers },
    });
    const text = await readText(response, maxBytes);
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw new NoAnswerError("INVALID", "it answered with something that is not JSON", { cause: error });
    }
  });
}

/**
 * Gets a response with status 200, whose body is still to be read or destroyed. A redirect is not followed: what was sent may
 * be a secret of this host alone.
 */
export async function getResponse(url: URL, { headers, signal }: GetOptions): Promise<IncomingMessage> {
  return translated(signal, async () => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = url.protocol === "https:" ? requestHttps : requestHttp;
      // No agent: nothing stays open between two requests.
      const sent = request(url, { agent: false, headers: { ...headers }, signal }, resolve);
      sent.on("error", reject);
      // A question that nobody waits for does not keep the program alive.
      sent.on("socket", (socket) => socket.unref());
      sent.end();
    });
    const problem = problemOf(response.statusCode ?? 0);
    if (problem !== undefined) {
      response.destroy();
      throw problem;
    }
    return response;
  });
}

function problemOf(status: number): NoAnswerError | undefined {
  if (status === 200) {
    return undefined;
  }
  if (status >= 300 && status < 400) {
    return new NoAnswerError("REDIRECTED", `it answered with a redirect (${status}), which is not followed`);
  }
  const code =
    status === 401 || status === 403 ? "UNAUTHENTICATED" : status === 404 ? "NOT_FOUND" : "REFUSED";
  return new NoAnswerError(code, `it answered with status ${status}`);
}

async function readText(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop destroys the response and its connection.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new NoAnswerError("TOO_LARGE", `its answer is longer than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Runs, and turns the errors of sockets and signals into ours. */
async function translated<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof NoAnswerError) {
      throw error;
    }
    if (signal.aborted) {
      throw new NoAnswerError("TIMEOUT", "it did not answer in time", { cause: error });
    }
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "ECONNREFUSED") {
      throw new NoAnswerError("NOT_LISTENING", "nothing listens there", { cause: error });
    }
    if (code.startsWith("HPE_")) {
      throw new NoAnswerError("INVALID", "it does not speak HTTP", { cause: error });
    }
    throw new NoAnswerError("UNREACHABLE", `it cannot be reached (${code || "connection lost"})`, {
      cause: error,
    });
  }
}
