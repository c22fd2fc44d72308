// HTTP/1.1 without the listener around it.

import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { createHttp1 } from "../../src/http/http1.ts";
import { HTTP_LIMITS } from "../../src/http/limits.ts";
import { openSocket } from "../helpers/raw-http.ts";
import { until } from "../helpers/wait.ts";

/** A server whose answers a test gives, and how often something was sent by then. */
async function start() {
  const responses: ServerResponse[] = [];
  const state = { sent: 0 };
  const http1 = createHttp1(
    HTTP_LIMITS,
    (_request, response) => void responses.push(response),
    () => {
      state.sent += 1;
    },
  );
  const tcp = createServer((socket) => void http1.emit("connection", socket)).listen(0, "127.0.0.1");
  await once(tcp, "listening");
  const socket = await openSocket({ host: "127.0.0.1", port: (tcp.address() as AddressInfo).port });
  onTestFinished(() => {
    socket.destroy();
    http1.close();
    tcp.close();
  });
  let text = "";
  socket.on("data", (bytes: Buffer) => {
    text += bytes.toString();
  });
  /** What a step of the test adds to the count. */
  const sentBy = (step: () => void): number => {
    const before = state.sent;
    step();
    return state.sent - before;
  };
  return { socket, responses, sentBy, text: () => text, state };
}

it("S17: all that goes out is heard of: a piece, the last one, and what waited for the answer in front of it", async () => {
  const { socket, responses, sentBy, text, state } = await start();
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2));
  await until(() => responses.length === 2, "both requests");
  const [first, second] = responses;
  expect(sentBy(() => second?.write("behind"))).toBe(1);
  expect(sentBy(() => first?.write("piece"))).toBe(1);
  expect(text()).not.toContain("behind");
  expect(sentBy(() => first?.end("last"))).toBeGreaterThan(0);
  const before = state.sent;
  await until(() => text().includes("behind"), "the second answer goes out");
  expect(state.sent).toBeGreaterThan(before);
  expect(sentBy(() => second?.end())).toBeGreaterThan(0);
});
