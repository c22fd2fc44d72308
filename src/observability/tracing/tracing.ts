// What the other rooms tell when there are traces, in words of our own: types alone.

import type { Logger } from "../log.ts";

/** How traces are made and sent. */
export interface TracingOptions {
  /** Where spans go: http or https. May hold a user and a password. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Longest time that sending one batch may take, in milliseconds. */
  readonly timeoutMs: number;
  /** What every trace says of this program, `service.name` included. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly sampler: string;
  /** For the samplers that are named after one, from 0 to 1. */
  readonly ratio: number;
  readonly serverVersion: string;
  /** Told when sending begins to fail, and when it works again. */
  readonly log: Logger;
}

/** A request as it is traced: but for `caller`, nothing of it is what a client has made up. */
export interface TracedRequest {
  readonly kind: "http" | "rpc";
  /** Route ("/metadata/{key}") or RPC ("package.Service/Method"); "unknown" for all that there is not. */
  readonly name: string;
  readonly method: string;
  /** Of an RPC grpc, grpc-web or connect. */
  readonly protocol: string;
  /** Of HTTP. */
  readonly version: string;
  /** Whether it came over TLS. */
  readonly isSecure: boolean;
  /** Whose trace is continued: the headers traceparent and tracestate, which may say anything. Undefined: nobody's. */
  readonly caller: { readonly parent: string; readonly state: string | undefined } | undefined;
}

/** A span that ends with a word for how. */
export interface RequestSpan {
  /** @param code see {@link Metrics.requested}. */
  end(code: string): void;
}

/** One collection of a source. */
export interface CollectionSpan {
  /** Does what the collection consists of: spans that begin meanwhile, there and in what it starts, are its children. */
  run<T>(work: () => T): T;
  /** One more request waits for this collection. @param cause a {@link RequestSpan}; anything else is nothing. */
  share(cause: object): void;
  /** @param state the source's, as a person reads it. @param failure the reason when the collection failed. */
  end(state: string, failure?: string): void;
}

/** A request to GitHub. */
export interface GitHubRequest {
  /** With placeholders: "GET /repos/{owner}/{repo}/pulls". */
  readonly route: string;
  /** Base address of the server that is asked: its name and port are all that is told of it. */
  readonly url: string;
}

/** How a request to GitHub has ended. */
export interface GitHubOutcome {
  /** Of the answer. Absent: there was none. */
  readonly status?: number;
  /** Why there was none. */
  readonly failure?: string;
}

/** Traces of one server. Nothing here throws, and nothing waits but {@link close}. */
export interface Tracing {
  /** A request begins. */
  requested(request: TracedRequest): RequestSpan;
  /** A collection begins. @param cause the request that called for it; absent or not one of {@link requested}: nobody did. */
  collecting(source: string, cause?: object): CollectionSpan;
  /** A process of git begins, by git's own word for the command. @returns what is to be called when it has ended. */
  gitStarted(command: string): (outcome: string) => void;
  /** GitHub is asked. @returns what is to be called when it has answered, or has not. */
  githubAsked(request: GitHubRequest): (outcome: GitHubOutcome) => void;
  /** Sends what is left, for a second at most, and gives up the rest. */
  close(): Promise<void>;
}
