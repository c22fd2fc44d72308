// What the measurements of the git source have in common.

import { setTimeout as sleep } from "node:timers/promises";
import { readAnswer, readUntilFresh } from "./answer.ts";
import type { Repository } from "./repository.ts";
import { type RunningServer, type ServeOptions, serve } from "./servers.ts";
import { type Aim, figure, judge } from "./table.ts";

/** A repository and how tables call it. */
export interface Subject {
  readonly name: string;
  readonly repository: Repository;
}

/** Rows of a table, and how many reads failed while they were measured. */
export interface Measured {
  readonly rows: readonly (readonly string[])[];
  readonly errors: number;
}

/** One line: what was measured, the figure, and the aim. */
export function row(measure: string, value: number | undefined, unit: string, aim?: Aim): string[] {
  return [measure, figure(value, unit), ...judge(value, aim)];
}

/** Time for the server to find out what it follows by events, after its first answer. */
const SETTLE_MS = 2_000;

/** A server that has answered, has had the time to set up its events, and knows what happened meanwhile. */
export async function serveSettled(options: ServeOptions): Promise<RunningServer> {
  const server = await serve(options);
  await readUntilFresh(server.url);
  await sleep(SETTLE_MS);
  await readUntilFresh(server.url);
  await readAnswer(server.url);
  return server;
}
