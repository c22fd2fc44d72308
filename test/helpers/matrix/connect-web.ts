// Connect for web, on Node's own fetch.

import { onTestFinished } from "vitest";
import { type Caller, type Endpoint, KEY } from "./caller.ts";
import { read, watch } from "./connect-client.ts";
import { webTransport } from "./web-transport.ts";

type Dispatcher = NonNullable<RequestInit["dispatcher"]>;

/** Of undici, the library that Node's fetch is made of. */
type AgentClass = new (options: object) => Dispatcher;

export const connectWeb: Caller = {
  read: async (protocol, endpoint) =>
    await read(webTransport(protocol, endpoint.url, await fetchOf(endpoint)), KEY),
  watch: async (protocol, endpoint, onBranch, signal) =>
    await watch(webTransport(protocol, endpoint.url, await fetchOf(endpoint)), KEY, onBranch, signal),
};

/** Node's fetch, with connections that end with the test. */
async function fetchOf({ version, socketPath, certificate }: Endpoint): Promise<typeof fetch> {
  const Agent = await agentClass();
  const dispatcher = new Agent({
    allowH2: version === "2",
    connect: {
      ...(socketPath === undefined ? {} : { socketPath }),
      ...(certificate === undefined ? {} : { ca: certificate.cert }),
    },
  });
  onTestFinished(() => dispatcher.destroy());
  return (input, init) => fetch(input, { ...init, dispatcher });
}

/** Node does not export the class; an object of it is what fetch goes through by default, from the first use on. */
async function agentClass(): Promise<AgentClass> {
  await fetch("data:,");
  const used = (globalThis as Record<symbol, unknown>)[Symbol.for("undici.globalDispatcher.1")];
  if (typeof used !== "object" || used === null) {
    throw new Error("this Node has its fetch from elsewhere");
  }
  return used.constructor as AgentClass;
}
