// Whether a body is what its route answers with: as much of it as others rely on. A page of a proxy must never be read as
// "no pull request".

import type { Route } from "./api.ts";

type Check = (value: unknown) => boolean;

const isString: Check = (value) => typeof value === "string";
const isNumber: Check = (value) => typeof value === "number";

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function record(fields: Readonly<Record<string, Check>>): Check {
  return (value) => isRecord(value) && Object.entries(fields).every(([name, check]) => check(value[name]));
}

function list(element: Check): Check {
  return (value) => Array.isArray(value) && value.every(element);
}

const pull = record({
  number: isNumber,
  state: isString,
  title: isString,
  html_url: isString,
  updated_at: isString,
  head: record({ ref: isString, sha: isString }),
  base: record({ ref: isString }),
});

const SHAPES: Readonly<Record<Route, Check>> = {
  "GET /repos/{owner}/{repo}": record({ id: isNumber, full_name: isString }),
  "GET /repos/{owner}/{repo}/pulls": list(pull),
  "GET /repos/{owner}/{repo}/pulls/{pull_number}": pull,
  "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews": list(record({ id: isNumber, state: isString })),
  "GET /repos/{owner}/{repo}/commits/{ref}/check-runs": record({
    total_count: isNumber,
    check_runs: list(record({ id: isNumber, name: isString, status: isString })),
  }),
  "GET /repos/{owner}/{repo}/commits/{ref}/status": record({
    total_count: isNumber,
    statuses: list(record({ context: isString, state: isString })),
  }),
};

/** Whether it has the fields of the route's answer that never miss. */
export function hasShape(route: Route, body: unknown): boolean {
  return SHAPES[route](body);
}
