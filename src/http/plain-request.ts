// A request on a plain route, and what serves it.

import type { Request, Response } from "./message.ts";
import type { Write } from "./outflow.ts";

/** A request that the guard has let in, and what it is answered with. */
export interface PlainRequest {
  readonly request: Request;
  readonly response: Response;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
  /** Writes the pieces of a stream. */
  readonly write: Write;
  /** Stands for the request where that is traced. */
  readonly cause: object | undefined;
}

/** Serves the requests on one route. */
export type Route = (request: PlainRequest) => void | Promise<void>;
