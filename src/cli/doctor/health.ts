// Asks whoever listens at an address of this machine whether it is a server of ours, whatever it speaks.

import { type ListenSetting, loopbackUrl } from "../../config-values.ts";
import { askHealth as ask } from "../ask-health.ts";

/** Who listens. `nobody`: nothing accepts connections. `unknown`: something that is no server of ours. */
export type Health = { readonly version: string } | "nobody" | "unknown";

/** Never rejects: an answer that is not there in time is none of ours. */
export async function askHealth(listen: ListenSetting, signal: AbortSignal): Promise<Health> {
  const plain = await askOnce(loopbackUrl(listen, "http"), signal);
  return plain === "unknown" && !("path" in listen.address) && !signal.aborted
    ? await askOnce(loopbackUrl(listen, "https"), signal)
    : plain;
}

async function askOnce(url: string, signal: AbortSignal): Promise<Health> {
  try {
    return (await ask(url, signal, "localhost")) ?? "unknown";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ECONNREFUSED" ? "nobody" : "unknown";
  }
}
