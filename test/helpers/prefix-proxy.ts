// A reverse proxy that shows a server below a path, as Coder does: the path is removed, Host stays as it is.

import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { Target } from "./raw-http.ts";

/** Starts one. What is not below `prefix` is 404. @returns its origin, and the paths that were asked for. */
export async function startPrefixProxy(
  { host, port }: Target,
  prefix: string,
): Promise<{ readonly origin: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const proxy = createServer((incoming, outgoing) => {
    const { method, headers, url = "" } = incoming;
    asked.push(url);
    if (url !== prefix && !url.startsWith(`${prefix}/`)) {
      outgoing.writeHead(404).end();
      return;
    }
    const path = url.slice(prefix.length) || "/";
    const upstream = request({ host, port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
    });
    upstream.on("error", () => outgoing.destroy());
    outgoing.once("close", () => upstream.destroy());
    incoming.pipe(upstream);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return { origin: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, asked };
}
