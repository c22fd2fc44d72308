// Asks whoever listens at an address whether it is a server of ours. Over TLS any certificate will do: nothing secret is sent.

import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { text } from "node:stream/consumers";
import * as z from "zod/mini";
import type { ListenSetting } from "../../config-values.ts";

/** Who listens. `nobody`: nothing accepts connections. `unknown`: something that is no server of ours. */
export type Health = { readonly version: string } | "nobody" | "unknown";

/** The answer is one line. In bytes. */
const MAX_BYTES = 4_096;

const HEALTH = z.object({ status: z.string(), version: z.string(), uptime_seconds: z.number() });

/** Never rejects: an answer that is not there in time is none of ours. */
export async function askHealth(address: ListenSetting["address"], signal: AbortSignal): Promise<Health> {
  const plain = await askOnce(requestHttp, address, signal);
  return plain === "unknown" && !("path" in address) && !signal.aborted
    ? await askOnce(requestHttps, address, signal)
    : plain;
}

async function askOnce(
  request: typeof requestHttp | typeof requestHttps,
  address: ListenSetting["address"],
  signal: AbortSignal,
): Promise<Health> {
  const target =
    "path" in address
      ? { socketPath: address.path }
      : { host: isAnywhere(address.host) ? "127.0.0.1" : address.host, port: address.port };
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { host: "localhost" };
      const options = {
        ...target,
        path: "/health",
        headers,
        agent: false,
        signal,
        rejectUnauthorized: false,
      };
      request(options, resolve).on("error", reject).end();
    });
    if (Number(response.headers["content-length"] ?? MAX_BYTES + 1) > MAX_BYTES) {
      response.destroy();
      return "unknown";
    }
    return healthOf(JSON.parse(await text(response)));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ECONNREFUSED" ? "nobody" : "unknown";
  }
}

function healthOf(answer: unknown): Health {
  const parsed = HEALTH.safeParse(answer);
  return parsed.success ? { version: parsed.data.version } : "unknown";
}

function isAnywhere(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
