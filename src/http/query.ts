// The query parameters of the plain routes. Pure.

import { InvalidRequestError } from "../metadata/invalid-request-error.ts";
import { REQUEST_LIMITS } from "../metadata/limits.ts";

/** How field names are spelled in JSON: lowerCamelCase as in proto3 JSON, or as in the proto files. */
export type JsonNames = "camel" | "proto";

/** What the query of a read says. */
export interface ReadQuery {
  /** Empty: all keys. */
  readonly keys: readonly string[];
  /** Milliseconds. Undefined when not given. */
  readonly maxAgeMs: number | undefined;
  /** How long the answer may wait for a change. Milliseconds; 0 when not given. */
  readonly waitMs: number;
  /** Undefined when not given. */
  readonly names: JsonNames | undefined;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Reads the query of a request target.
 *
 * @throws {InvalidRequestError} naming the parameter and what is allowed.
 */
export function parseReadQuery(target: string): ReadQuery {
  const question = target.indexOf("?");
  const parameters = new URLSearchParams(question < 0 ? "" : target.slice(question + 1));
  const names = single(parameters, "names");
  if (names !== undefined && names !== "camel" && names !== "proto") {
    throw new InvalidRequestError("names", `"${names}" is not a spelling; allowed are camel and proto`);
  }
  const maxAge = single(parameters, "max_age");
  return {
    keys: parameters.getAll("keys").flatMap((list) => list.split(",")),
    maxAgeMs: maxAge === undefined ? undefined : parseDurationMs("max_age", maxAge),
    waitMs: parseWaitMs(single(parameters, "wait")),
    names,
  };
}

function parseWaitMs(text: string | undefined): number {
  const ms = text === undefined ? 0 : parseDurationMs("wait", text);
  if (ms > REQUEST_LIMITS.waitMs) {
    throw new InvalidRequestError(
      "wait",
      `"${text}" is too long; allowed is up to ${REQUEST_LIMITS.waitMs} ms`,
    );
  }
  return ms;
}

function parseDurationMs(parameter: string, text: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)$/.exec(text);
  const unit = UNIT_MS[match?.[2] ?? ""];
  if (match === null || unit === undefined) {
    const allowed = "a number with a unit of ms, s, m or h, for example 0s or 1.5s";
    throw new InvalidRequestError(parameter, `"${text}" is not a duration; allowed is ${allowed}`);
  }
  return Number(match[1]) * unit;
}

function single(parameters: URLSearchParams, name: string): string | undefined {
  const values = parameters.getAll(name);
  if (values.length > 1) {
    throw new InvalidRequestError(name, "is given more than once");
  }
  return values[0];
}
