// What every client of the matrix can do, each in its own way.

import type { TestCertificate } from "../certificate.ts";
import type { Protocol } from "./combinations.ts";

/** Where and how a server is called. */
export interface Endpoint {
  readonly version: "1.1" | "2";
  /** `http://localhost` on a Unix socket. */
  readonly url: string;
  readonly socketPath?: string;
  /** With TLS: what to trust. */
  readonly certificate?: TestCertificate;
}

/** The one key that the calls of the matrix ask for. */
export const KEY = "git_branch";

export interface Caller {
  /** Calls GetMetadata. @returns the branch that it tells of. */
  read(protocol: Protocol, endpoint: Endpoint): Promise<unknown>;
  /** Calls WatchMetadata until the signal ends it. Rejects when it fails, or then. */
  watch(
    protocol: Protocol,
    endpoint: Endpoint,
    onBranch: (branch: unknown) => void,
    signal: AbortSignal,
  ): Promise<void>;
}

export function unexpected(protocol: Protocol): never {
  throw new Error(`not a protocol of this client: ${protocol}`);
}
