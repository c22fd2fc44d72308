// Asks whoever listens at an address of this machine whether it is a server of ours, whatever it speaks.

import { type ListenSetting, loopbackUrl } from "../../config-values.ts";
import { askHealth } from "../ask-health.ts";

/** Who listens. `nobody`: nothing accepts connections. `unknown`: something that is no server of ours. */
export type Listening = { readonly version: string } | "nobody" | "unknown";

/** Never rejects: an answer that is not there in time is none of ours. */
export async function whoListens(listen: ListenSetting, signal: AbortSignal): Promise<Listening> {
  const plain = await askOnce(loopbackUrl(listen, "http"), signal);
  return plain === "unknown" && !("path" in listen.address) && !signal.aborted
    ? await askOnce(loopbackUrl(listen, "https"), signal)
    : plain;
}

async function askOnce(url: string, signal: AbortSignal): Promise<Listening> {
  try {
    return (await askHealth(url, signal, "localhost")) ?? "unknown";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ECONNREFUSED" ? "nobody" : "unknown";
  }
}
