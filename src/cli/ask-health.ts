// Asks whoever listens at an address whether it is a server of ours, and how it is doing.

import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import * as z from "zod/mini";
import { attempt } from "../attempt.ts";

/** The answer is one line. In characters. */
const MAX_LENGTH = 4_096;

const HEALTH = z.object({ status: z.string(), version: z.string(), uptime_seconds: z.number() });

/** What a server says of itself. */
export type Health = z.infer<typeof HEALTH>;

/**
 * @param url `http://host:port`, `https://host:port`, each with a path when a proxy has one, or `unix:PATH`.
 * @param host what the request says whom it is for. Default: the host of the address.
 * @returns undefined when the answer is none of ours.
 * @throws {Error} when there is no answer, or not before the signal.
 */
export async function askHealth(
  url: string,
  signal: AbortSignal,
  host?: string,
): Promise<Health | undefined> {
  const socketPath = url.startsWith("unix:") ? url.slice("unix:".length) : undefined;
  const address = new URL(`${socketPath === undefined ? url.replace(/\/$/, "") : "http://localhost"}/health`);
  const request = address.protocol === "https:" ? requestHttps : requestHttp;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = {
      signal,
      agent: false,
      // A certificate tells others who the server is; nothing secret is said to whoever it is.
      rejectUnauthorized: false,
      ...(host !== undefined && { headers: { host } }),
      ...(socketPath !== undefined && { socketPath }),
    };
    request(address, options, resolve).on("error", reject).end();
  });
  let body = "";
  for await (const chunk of response.setEncoding("utf8")) {
    body += String(chunk);
    if (body.length > MAX_LENGTH) {
      return undefined;
    }
  }
  const answer = HEALTH.safeParse(attempt(() => JSON.parse(body)));
  return answer.success ? answer.data : undefined;
}
