// A reverse proxy that keeps an answer until it is whole, like nginx, unless the answer forbids it.

import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { Target } from "./raw-http.ts";

/** Starts one in front of a server. @returns its URL. */
export async function startBufferingProxy({ host, port }: Target): Promise<string> {
  const proxy = createServer((incoming, outgoing) => {
    const { method, headers, url: path } = incoming;
    const upstream = request({ host, port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      if (answer.headers["x-accel-buffering"] === "no") {
        outgoing.flushHeaders();
        answer.pipe(outgoing);
        return;
      }
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.once("end", () => outgoing.end(Buffer.concat(chunks)));
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
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}
