import { once } from "node:events";
import { connect, type ServerHttp2Session } from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, onTestFinished, test } from "vitest";
import { createHttp2 } from "../../src/http/http2.ts";
import { HTTP_LIMITS } from "../../src/http/limits.ts";
import { http2Request } from "../helpers/http2-client.ts";
import { until } from "../helpers/wait.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

test("S16: nothing is kept of a session that has ended", async () => {
  const sessions: WeakRef<ServerHttp2Session>[] = [];
  const http2 = createHttp2(
    HTTP_LIMITS,
    (session) => sessions.push(new WeakRef(session)),
    (_request, response) => response.end("ok"),
  );
  const tcp = createServer((socket) => http2.emit("connection", socket));
  tcp.listen(0, "127.0.0.1");
  onTestFinished(() => void tcp.close());
  await once(tcp, "listening");
  const url = `http://127.0.0.1:${(tcp.address() as AddressInfo).port}`;
  for (let round = 0; round < 5; round += 1) {
    const session = connect(url);
    expect((await http2Request(session, { ":path": "/" })).status).toBe(200);
    session.close();
    await once(session, "close");
  }
  expect(sessions).toHaveLength(5);
  await until(() => {
    collectGarbage();
    return sessions.filter((session) => session.deref() !== undefined).length <= 1;
  }, "the sessions are garbage, but for the last one, which Node itself may still hold");
});
