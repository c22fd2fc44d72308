// Is the address free, and if not, who has it?

import { lstat } from "node:fs/promises";
import { createServer } from "node:net";
import { createMetadataClient } from "../../client/index.ts";
import { loopbackUrl } from "../../config-values.ts";
import { explainListenError } from "../listen-error.ts";
import { type Check, type Finding, LOCAL_DEADLINE_MS, ok, problem, warning } from "./check.ts";
import type { Subject } from "./subject.ts";
import { whoListens } from "./who-listens.ts";

/** A server on this machine answers in milliseconds, unless the machine is at its limit. */
const ANSWER_MS = 4_000;

export function portCheck(subject: Subject): Check {
  const { listen } = subject.config;
  return {
    name: "port",
    deadlineMs: LOCAL_DEADLINE_MS,
    run: async (signal) => {
      const { address, text } = listen;
      if ("path" in address) {
        const isThere = await lstat(address.path).then(
          () => true,
          () => false,
        );
        return isThere ? await occupied(subject, signal) : ok(`nothing is at ${text} yet`);
      }
      if (address.port === 0) {
        return ok(`${text}: any free port; the server says which one`);
      }
      const refusal = await tryToListen(address);
      if (refusal === undefined) {
        return ok(`${text} is free`);
      }
      if (refusal.code === "EADDRINUSE") {
        return await occupied(subject, signal);
      }
      return problem(`cannot listen on ${text}: ${explainListenError(refusal, listen)}`, "set --listen");
    },
  };
}

/** The error, or undefined when the address can be had. It is given back at once. */
async function tryToListen(address: {
  host: string;
  port: number;
}): Promise<NodeJS.ErrnoException | undefined> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", resolve);
    server.listen({ ...address, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

async function occupied({ config, version }: Subject, signal: AbortSignal): Promise<Finding> {
  const { listen, token, workspace, tls } = config;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
  const listening = await whoListens(listen, limit);
  if (listening === "nobody") {
    return ok(
      `${listen.text} is what a server that did not end by itself has left; the next one takes its place`,
    );
  }
  if (listening === "unknown") {
    return problem(
      `${listen.text} is in use by something that is no fleet-metadata`,
      "name another address with --listen, or end that program",
    );
  }
  const found = `fleet-metadata ${listening.version} runs at ${listen.text}`;
  const served = await workspaceOf(loopbackUrl(listen, tls ? "https" : "http"), token, limit);
  if (served === undefined) {
    return warning(
      `${found}; which workspace it serves it does not tell: it wants another token, or a certificate is not trusted`,
      "give the doctor the server's own settings; a second server needs another --listen",
    );
  }
  if (served !== workspace) {
    return problem(`${found}, and serves ${served}`, "name another address with --listen for this workspace");
  }
  return listening.version === version
    ? ok(`${found}, and serves this workspace`)
    : warning(`${found}, and serves this workspace; this is version ${version}`, "restart it to update it");
}

/** Undefined when it does not tell. */
async function workspaceOf(
  url: string,
  token: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const client = createMetadataClient(url, token === undefined ? {} : { token });
  try {
    const { data } = await client.getMetadata({ keys: ["workspace_directory"] }, { signal });
    const kind = data["workspace_directory"]?.value?.kind;
    return kind?.case === "stringValue" ? kind.value : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  } finally {
    client.close();
  }
}
