// What stands in front of every route, tried through real sockets: in HTTP/1.1 byte by byte, because no client library
// would send most of this, and in HTTP/2.

import { once } from "node:events";
import { type IncomingMessage, request as nodeRequest } from "node:http";
import { connect as connectHttp2, type OutgoingHttpHeaders } from "node:http2";
import { request as httpsRequest } from "node:https";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { createCertificate } from "../../helpers/certificate.ts";
import { http2Request, openSession, readResponse } from "../../helpers/http2-client.ts";
import { parseResponse, type RawResponse, rawRequest, sendRaw } from "../../helpers/raw-http.ts";
import { temporaryDirectory } from "../../helpers/repository.ts";
import { SERVED_PATHS } from "../../helpers/served-paths.ts";
import { startServer, type TestServer, useServer } from "../../helpers/server.ts";

const RPC = "/fleet.metadata.v1.MetadataService/GetMetadata";
const PATHS = [...SERVED_PATHS, "/nothing", "/fleet.metadata.v1.Nothing/Nothing"];
/** Those whose answers to a GET end by themselves. */
const ENDING_PATHS = PATHS.filter((path) => path !== "/metadata/events");

/** Over HTTP/1.1: exactly these header lines. */
function http1(
  server: TestServer,
  { method = "GET", path = "/metadata" },
  headers: readonly string[],
): Promise<RawResponse> {
  return rawRequest(server, `${method} ${path} HTTP/1.1`, headers);
}

/** Over HTTP/2, in the same form as {@link http1} has it. */
async function http2(
  server: TestServer,
  { method = "GET", path = "/metadata" },
  authority: string | undefined,
  headers: OutgoingHttpHeaders = {},
): Promise<RawResponse> {
  const session = await openSession(server.url);
  const pseudo = {
    ":method": method,
    ":path": path,
    ...(authority !== undefined && { ":authority": authority }),
  };
  const answer = await http2Request(session, { ...pseudo, ...headers });
  session.close();
  const flat = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
  return { status: answer.status, headers: Object.fromEntries(flat), body: answer.body.toString() };
}

function expectSecurityHeaders({ headers }: Pick<RawResponse, "headers">): void {
  expect(headers).toMatchObject({
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": expect.stringContaining("default-src 'none'"),
    "cache-control": expect.stringMatching(/^no-(store|cache)$/),
  });
  if (headers["cache-control"] === "no-cache") {
    expect(headers).toHaveProperty("etag");
  }
}

/** An error in the form of plain routes, or of Connect. */
function errorCode({ body }: RawResponse): unknown {
  const error = JSON.parse(body) as { error?: string; code?: string; message?: string };
  expect(error.message).toBeTruthy();
  return error.error ?? error.code;
}

async function expectServed(server: TestServer): Promise<void> {
  const response = await http1(server, { path: "/health" }, [`Host: 127.0.0.1:${server.port}`]);
  expect(response.status).toBe(200);
}

const server = useServer();

afterEach(async () => {
  await expectServed(server());
});

describe("malformed hosts", () => {
  const MALFORMED = [
    "[",
    "a b",
    "",
    "localhost:99999",
    "127.0.0.1:abc",
    "user@localhost",
    "localhost/",
    "[::1",
  ];

  for (const path of PATHS) {
    test.each(MALFORMED)(`S1: Host %j over HTTP/1.1 on ${path}`, async (host) => {
      for (const method of ["GET", "POST", "OPTIONS"]) {
        const response = await http1(server(), { method, path }, [`Host: ${host}`]);
        expect(response.status).toBe(400);
        expect(errorCode(response)).toBe("invalid_argument");
        expectSecurityHeaders(response);
        await expectServed(server());
      }
    });

    test(`S1: no Host at all, twice a Host, HTTP/1.0 on ${path}`, async () => {
      const attempts = [
        await http1(server(), { path }, []),
        await http1(server(), { path }, ["Host: localhost", "Host: localhost"]),
        await http1(server(), { path }, ["Host: localhost", "host: evil.example"]),
        await rawRequest(server(), `GET ${path} HTTP/1.0`, []),
        await rawRequest(server(), `POST ${path} HTTP/1.0`, ["Content-Length: 0"]),
      ];
      for (const response of attempts) {
        expect(response.status).toBe(400);
        expectSecurityHeaders(response);
      }
    });
  }

  test.each(["[", "a b", "localhost:99999", "127.0.0.1:abc", "[::1", "user@localhost"])(
    "S1: :authority %j over HTTP/2",
    async (authority) => {
      for (const path of PATHS) {
        for (const method of ["GET", "POST"]) {
          // nghttp2 resets the stream for what it knows to be invalid itself.
          const response = await http2(server(), { method, path }, authority).catch(() => undefined);
          if (response !== undefined) {
            expect(response.status).toBe(400);
            expectSecurityHeaders(response);
          }
          await expectServed(server());
        }
      }
    },
  );

  test("S1: over HTTP/2, a host beside :authority must be the same", async () => {
    const authority = `127.0.0.1:${server().port}`;
    expect((await http2(server(), {}, authority, { host: authority })).status).toBe(200);
    expect((await http2(server(), {}, authority, { host: "evil.example" })).status).toBe(400);
    expect((await http2(server(), {}, authority, { host: "[" })).status).toBe(400);
  });

  test("S1: over HTTP/2, a host instead of :authority is looked at all the same", async () => {
    for (const path of ENDING_PATHS) {
      expect((await http2(server(), { path }, undefined, { host: "[" })).status).toBe(400);
      expect((await http2(server(), { path }, undefined, { host: "evil.example" })).status).toBe(403);
      expect((await http2(server(), { path }, undefined, { host: "localhost" })).status).toBeLessThan(500);
    }
  });
});

describe("hosts that are not ours", () => {
  const FOREIGN = [
    "evil.example",
    "127.evil.example",
    "localhost.evil.example",
    "evil.localhost",
    "127.0.0.1.nip.io",
    "10.0.0.1",
    "[2001:db8::1]",
    "0.0.0.0",
    "2130706433",
  ];

  test.each(FOREIGN)("S2: %s over HTTP/1.1", async (name) => {
    for (const path of PATHS) {
      for (const host of [name, `${name}:${server().port}`]) {
        const response = await http1(server(), { path }, [`Host: ${host}`]);
        expect(response.status).toBe(403);
        expect(errorCode(response)).toBe("permission_denied");
        expectSecurityHeaders(response);
      }
    }
  });

  test.each(FOREIGN)("S2: %s over HTTP/2", async (name) => {
    for (const path of PATHS) {
      const response = await http2(server(), { path }, `${name}:${server().port}`);
      expect(response.status).toBe(403);
      expectSecurityHeaders(response);
    }
  });

  test.each([
    [
      "websocket",
      ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="],
    ],
    ["h2c", ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"]],
  ])("S2: an upgrade to %s", async (_, upgrade) => {
    expect((await http1(server(), {}, ["Host: evil.example", ...upgrade])).status).toBe(403);
    expect((await http1(server(), {}, ["Host: localhost", ...upgrade])).status).toBe(200);
  });

  test("S2: ours are served, however they are written", async () => {
    const { port } = server();
    for (const host of [
      `LOCALHOST:${port}`,
      "localhost",
      "127.0.0.1",
      `127.0.0.1:${port}`,
      "[::1]",
      "127.0.0.2",
      "localhost.",
    ]) {
      expect((await http1(server(), {}, [`Host: ${host}`])).status).toBe(200);
      expect((await http2(server(), {}, host)).status).toBe(200);
    }
  });
});

describe("the address that a connection came in on", () => {
  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

  // All of 127.0.0.0/8 is loopback, so it takes another address: a machine without network has none.
  test.runIf(own !== undefined)(
    "S2: as a literal, it is served to those who came in on it, and to no others",
    async () => {
      const anywhere = await startServer({ flags: { listen: "0.0.0.0:0", allowUnauthenticated: "true" } });
      const { port } = anywhere;
      const ask = async (host: string, to: string): Promise<number> =>
        (await rawRequest({ host: to, port }, "GET /metadata HTTP/1.1", [`Host: ${host}`])).status;
      expect(await ask(`${own}:${port}`, own ?? "")).toBe(200);
      expect(await ask(`[::ffff:${own}]`, own ?? "")).toBe(200);
      expect(await ask(`${own}:${port}`, "127.0.0.1")).toBe(403);
      expect(await ask("pod.example", own ?? "")).toBe(403);
      const session = await openSession(`http://${own}:${port}`);
      expect((await http2Request(session, { ":path": "/metadata" })).status).toBe(200);
    },
  );

  test("S2: on a dual-stack listener, an IPv4 literal is compared with the mapped address", async () => {
    const dual = await startServer({ flags: { listen: "[::]:0", allowUnauthenticated: "true" } });
    const target = { host: "127.0.0.1", port: dual.port };
    expect((await rawRequest(target, "GET /metadata HTTP/1.1", ["Host: 127.0.0.1"])).status).toBe(200);
    expect((await rawRequest(target, "GET /metadata HTTP/1.1", ["Host: 10.255.255.254"])).status).toBe(403);
  });
});

describe("a Unix socket", () => {
  test("S2: any well-formed Host will do", async () => {
    const path = join(temporaryDirectory(), "socket");
    await startServer({ flags: { listen: `unix:${path}` } });
    const ask = (host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        nodeRequest(
          { socketPath: path, path: "/metadata", headers: { host, connection: "close" } },
          (response) => {
            response.resume().once("end", () => resolve(response.statusCode));
          },
        )
          .once("error", reject)
          .end();
      });
    expect(await ask("localhost")).toBe(200);
    expect(await ask("anything.example:99")).toBe(200);
    expect(await ask("[")).toBe(400);
  });

  test("S1: a Host that a URL cannot have is malformed on every route", async () => {
    const path = join(temporaryDirectory(), "socket");
    await startServer({ flags: { listen: `unix:${path}` } });
    for (const route of PATHS) {
      for (const host of ["1.2.3.4.5", "256.256.256.256:80", "name.999"]) {
        const request = nodeRequest({
          socketPath: path,
          path: route,
          headers: { host, connection: "close" },
        });
        const [response] = (await once(request.end(), "response")) as [IncomingMessage];
        response.resume();
        expect(response.statusCode, `${host} on ${route}`).toBe(400);
      }
    }
  });
});

describe("TLS", () => {
  test("S1, S2, S4, S5, S6: the guard stands there, too, for both protocols", async () => {
    const { cert, certFile, keyFile } = await createCertificate();
    const secure = await startServer({ flags: { tlsCert: certFile, tlsKey: keyFile, token: "s3cret" } });
    const session = connectHttp2(secure.url, { ca: cert });
    onTestFinished(() => session.destroy());
    const ask = async (path: string, headers: Record<string, string>): Promise<(number | undefined)[]> => {
      const request = httpsRequest(secure.url + path, {
        ca: cert,
        servername: "localhost",
        agent: false,
        headers,
      });
      const [response] = (await once(request.end(), "response")) as [IncomingMessage];
      response.resume();
      expectSecurityHeaders({ headers: response.headers as Record<string, string> });
      const { host = "", ...others } = headers;
      const answer = await http2Request(session, { ":path": path, ":authority": host, ...others }).catch(
        () => undefined,
      );
      return [response.statusCode, ...(answer ? [answer.status] : [])];
    };
    const authorization = "Bearer s3cret";
    for (const path of PATHS) {
      expect(new Set(await ask(path, { host: "[", authorization })), path).toEqual(new Set([400]));
      expect(await ask(path, { host: "evil.example", authorization })).toEqual([403, 403]);
      expect(await ask(path, { host: "localhost", authorization, origin: "https://evil.example" })).toEqual([
        403, 403,
      ]);
    }
    for (const path of PATHS.filter((each) => !/health/i.test(each))) {
      expect(await ask(path, { host: "localhost" })).toEqual([401, 401]);
    }
    expect(await ask("/metadata", { host: "localhost", authorization })).toEqual([200, 200]);
  });
});

describe("what pages of other sites embed", () => {
  const embedding = ["Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"];

  test.each([
    ["cross-site", embedding],
    ["same-site", embedding],
    ["cross-site", ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"]],
    ["cross-site", ["Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"]],
    ["cross-site", []],
    ["something-new", embedding],
  ])("S4: %s with %j is refused without an Origin, too", async (site, others) => {
    for (const path of PATHS) {
      const response = await http1(server(), { path }, [
        "Host: localhost",
        `Sec-Fetch-Site: ${site}`,
        ...others,
      ]);
      expect(response.status).toBe(403);
      expect(errorCode(response)).toBe("permission_denied");
      expectSecurityHeaders(response);
    }
    const fields = Object.fromEntries(others.map((line) => line.toLowerCase().split(": ")));
    expect((await http2(server(), {}, "localhost", { "sec-fetch-site": site, ...fields })).status).toBe(403);
  });

  test.each([
    ["same-origin", embedding],
    ["none", ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"]],
    ["cross-site", ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Sec-Fetch-User: ?1"]],
  ])("S4: %s with %j is served: a page of ours, a link that a person follows", async (site, others) => {
    const response = await http1(server(), {}, ["Host: localhost", `Sec-Fetch-Site: ${site}`, ...others]);
    expect(response.status).toBe(200);
  });
});

describe("names that are allowed", () => {
  const allowing = useServer(() => ({
    flags: { allowedHosts: "ws.example.com,*.fleet.example" },
    env: {
      VSCODE_PROXY_URI: "https://{{port}}--main--ws--me.apps.coder.example",
      CODER_AGENT_URL: "https://coder.example/",
    },
  }));

  test.each(["ws.example.com", "WS.example.com:443", "a.fleet.example", "a.b.fleet.example"])(
    "S2: --allowed-host adds %s",
    async (host) => {
      expect((await http1(allowing(), {}, [`Host: ${host}`])).status).toBe(200);
      expect((await http2(allowing(), {}, host)).status).toBe(200);
    },
  );

  test.each([
    "8000--main--ws--me.apps.coder.example",
    "metadata--main--ws--me.apps.coder.example",
    "metadata--ws--me.apps.coder.example",
    "coder.example",
  ])("S3: Coder's name %s", async (host) => {
    const proxied = [`Host: ${host}`, "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https"];
    expect((await http1(allowing(), {}, proxied)).status).toBe(200);
  });

  test.each([
    "fleet.example",
    "evil.example",
    "8000--main--other--me.apps.coder.example",
    "8000--main--ws--other.apps.coder.example",
    "evil.x--ws--me.apps.coder.example",
    "--ws--me.apps.coder.example",
    "apps.coder.example",
    "sub.coder.example",
  ])("S3: but not %s", async (host) => {
    for (const header of ["X-Forwarded-Host: localhost", "Forwarded: host=localhost"]) {
      expect((await http1(allowing(), {}, [`Host: ${host}`, header])).status).toBe(403);
    }
  });

  test("S3: nothing that is served uses an absolute link", async () => {
    for (const path of ENDING_PATHS) {
      const { body, headers } = await http1(allowing(), { path }, ["Host: coder.example"]);
      expect(headers).not.toHaveProperty("location");
      expect(body).not.toMatch(/(href|src)="\//);
    }
  });
});

describe("origins", () => {
  const PAGE = "https://dash.example.com";
  const allowing = useServer(() => ({
    flags: {
      allowedHosts: "ws.example.com",
      allowedOrigins: `${PAGE},https://*.fleet.example,https://default.example:443,http://ported.example:8080`,
    },
  }));

  test.each([
    "https://evil.example",
    "http://dash.example.com",
    `${PAGE}:444`,
    `${PAGE}.evil.example`,
    "https://fleet.example",
    "http://localhost:1",
    "http://127.0.0.1",
    "http://ported.example",
    "null",
    "",
    "file://",
    "https://dash.example.com, https://dash.example.com",
    "https://[",
    "https://dash.example.com/",
    "https://user@dash.example.com",
  ])("S4: %j is refused before any work, on every route", async (origin) => {
    const { port } = allowing();
    for (const path of PATHS) {
      for (const method of ["GET", "POST", "OPTIONS"]) {
        const ours = [`Host: 127.0.0.1:${port}`, `Origin: ${origin}`];
        const response = await http1(allowing(), { method, path }, ours);
        expect(response.status).toBe(403);
        expect(response.headers).not.toHaveProperty("access-control-allow-origin");
        expectSecurityHeaders(response);
      }
    }
    const response = await http2(allowing(), { path: RPC }, `127.0.0.1:${port}`, { origin });
    expect(response.status).toBe(403);
  });

  test("S4: a page of the server itself, whatever the scheme", async () => {
    const { port } = allowing();
    for (const [host, origin] of [
      [`127.0.0.1:${port}`, `http://127.0.0.1:${port}`],
      [`localhost:${port}`, `https://localhost:${port}`],
      ["ws.example.com", "https://ws.example.com"],
      ["ws.example.com:8443", "https://WS.example.com:8443"],
    ] as const) {
      for (const path of ["/metadata", "/health"]) {
        const response = await http1(allowing(), { path }, [`Host: ${host}`, `Origin: ${origin}`]);
        expect(response.status).toBe(200);
        expect(response.headers).not.toHaveProperty("access-control-allow-origin");
      }
      expect((await http2(allowing(), {}, host, { origin })).status).toBe(200);
    }
  });

  test("S4: a foreign host is refused whatever the origin", async () => {
    const headers = ["Host: evil.example", "Origin: http://evil.example"];
    expect((await http1(allowing(), {}, headers)).status).toBe(403);
  });

  test.each([
    PAGE,
    "https://a.fleet.example",
    "https://a.b.fleet.example",
    "https://default.example",
    "http://ported.example:8080",
  ])("S4: %s may ask, and is told so", async (origin) => {
    for (const response of [
      await http1(allowing(), {}, ["Host: localhost", `Origin: ${origin}`]),
      await http2(allowing(), {}, "localhost", { origin }),
    ]) {
      expect(response.status).toBe(200);
      expect(response.headers).toMatchObject({
        "access-control-allow-origin": origin,
        vary: expect.stringMatching(/^Origin\b/),
      });
      expect(response.headers).not.toHaveProperty("access-control-allow-credentials");
      expectSecurityHeaders(response);
    }
  });

  test("S4: the preflight of an allowed origin names it, and the headers of Connect and gRPC-web", async () => {
    for (const path of [RPC, "/metadata"]) {
      const asked = ["Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type"];
      const response = await http1(allowing(), { method: "OPTIONS", path }, [
        "Host: localhost",
        `Origin: ${PAGE}`,
        ...asked,
      ]);
      expect(response.status).toBe(204);
      expect(response.body).toBe("");
      expect(response.headers).toMatchObject({
        "access-control-allow-origin": PAGE,
        vary: expect.stringMatching(/^Origin\b/),
      });
      expect(response.headers).not.toHaveProperty("access-control-allow-credentials");
      const headers = response.headers["access-control-allow-headers"]?.toLowerCase().split(", ");
      expect(headers).toEqual(
        expect.arrayContaining([
          "authorization",
          "content-type",
          "connect-protocol-version",
          "connect-timeout-ms",
          "x-grpc-web",
          "grpc-timeout",
          "x-user-agent",
        ]),
      );
      expect(response.headers["access-control-allow-methods"]?.split(", ")).toEqual(
        expect.arrayContaining(["GET", "POST"]),
      );
      expectSecurityHeaders(response);
    }
  });
});

describe("tokens", () => {
  const TOKEN = "s3cret-token";
  const guarded = useServer(() => ({
    flags: { token: TOKEN, allowedOrigins: "https://dash.example.com" },
  }));
  const CLOSED = PATHS.filter(
    (path) => path !== "/health" && path !== "/" && !path.startsWith("/grpc.health.v1."),
  );

  test.each([
    [[]],
    [["Authorization: "]],
    [["Authorization: Bearer"]],
    [["Authorization: Bearer wrong"]],
    [[`Authorization: Bearer ${TOKEN}x`]],
    [[`Authorization: Bearer ${TOKEN.slice(0, -1)}`]],
    [[`Authorization: Bearer ${TOKEN.toUpperCase()}`]],
    [[`Authorization: ${TOKEN}`]],
    [[`Authorization: Basic ${Buffer.from(`x:${TOKEN}`).toString("base64")}`]],
    [[`Authorization: Token ${TOKEN}`]],
    [["Authorization: Bearer wrong", `Authorization: Bearer ${TOKEN}`]],
    [[`X-Authorization: Bearer ${TOKEN}`]],
    [[`Cookie: token=${TOKEN}`]],
  ])("S6: %j is not enough", async (headers) => {
    for (const path of CLOSED) {
      for (const method of ["GET", "POST", "DELETE"]) {
        const response = await http1(guarded(), { method, path }, ["Host: localhost", ...headers]);
        expect(response.status).toBe(401);
        expect(errorCode(response)).toBe("unauthenticated");
        expect(response.headers["www-authenticate"]).toBe("Bearer");
        expect(response.body).not.toContain(TOKEN);
        expectSecurityHeaders(response);
      }
    }
    expect(
      (await http1(guarded(), { path: `/metadata?token=${TOKEN}` }, ["Host: localhost", ...headers])).status,
    ).toBe(401);
  });

  test("S6: no token over HTTP/2", async () => {
    for (const path of CLOSED) {
      const response = await http2(guarded(), { path }, "localhost");
      expect(response.status).toBe(401);
      expectSecurityHeaders(response);
    }
  });

  test.each(["Bearer", "bearer", "BEARER", "Bearer "])(
    "S6: the token with the scheme %j is enough",
    async (scheme) => {
      const authorization = `${scheme} ${TOKEN}`;
      const response = await http1(guarded(), {}, ["Host: localhost", `Authorization: ${authorization}`]);
      expect(response.status).toBe(200);
      expect((await http2(guarded(), {}, "localhost", { authorization })).status).toBe(200);
    },
  );

  test("S6: /health is open, to its methods and nothing below it", async () => {
    expect((await http1(guarded(), { path: "/health" }, ["Host: localhost"])).status).toBe(200);
    expect((await http1(guarded(), { path: "/health?keys=x" }, ["Host: localhost"])).status).toBe(200);
    expect((await http1(guarded(), { path: "/health/x" }, ["Host: localhost"])).status).toBe(401);
    expect((await http1(guarded(), { path: "/health/../metadata" }, ["Host: localhost"])).status).toBe(401);
    expect((await http1(guarded(), { path: "/Health" }, ["Host: localhost"])).status).toBe(401);
  });

  test("S6: host and origin are looked at first", async () => {
    const right = `Authorization: Bearer ${TOKEN}`;
    expect((await http1(guarded(), {}, ["Host: evil.example", right])).status).toBe(403);
    expect((await http1(guarded(), {}, ["Host: localhost", "Origin: null", right])).status).toBe(403);
  });

  test("S6: an allowed page can ask whether it may, and can read that it needs a token", async () => {
    const page = ["Host: localhost", "Origin: https://dash.example.com"];
    const preflight = [...page, "Access-Control-Request-Method: GET"];
    expect((await http1(guarded(), { method: "OPTIONS" }, preflight)).status).toBe(204);
    const refused = await http1(guarded(), {}, page);
    expect(refused.status).toBe(401);
    expect(refused.headers["access-control-allow-origin"]).toBe("https://dash.example.com");
    expect(refused.headers["vary"]).toBe("Origin");
  });
});

describe("methods and paths", () => {
  test.each(["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "QUERY"])(
    "S7: %s on a plain route is 405",
    async (method) => {
      for (const path of [
        "/metadata",
        "/metadata/git_branch",
        "/metadata/events",
        "/health",
        "/openapi.json",
      ]) {
        const attempts = [
          await http1(server(), { method, path }, ["Host: localhost", "Content-Length: 0"]),
          await http2(server(), { method, path }, "localhost"),
        ];
        for (const response of attempts) {
          expect(response.status).toBe(405);
          expect(response.headers["allow"]).toBe("GET, HEAD, OPTIONS");
          expect(JSON.parse(response.body)).toMatchObject({ error: "unimplemented", details: null });
          expectSecurityHeaders(response);
        }
      }
    },
  );

  test("S7: a method that HTTP does not know is 400", async () => {
    const response = await http1(server(), { method: "NONSENSE" }, ["Host: localhost"]);
    expect(response.status).toBe(400);
    expectSecurityHeaders(response);
  });

  test("S7: OPTIONS says what is allowed, HEAD leaves the body out", async () => {
    const options = await http1(server(), { method: "OPTIONS" }, ["Host: localhost"]);
    expect(options).toMatchObject({ status: 204, body: "" });
    expect(options.headers["allow"]).toBe("GET, HEAD, OPTIONS");
    expectSecurityHeaders(options);
    for (const path of ["/metadata", "/metadata/git_branch", "/health", "/nothing"]) {
      const get = await http1(server(), { path }, ["Host: localhost"]);
      const head = await http1(server(), { path, method: "HEAD" }, ["Host: localhost"]);
      expect(head).toMatchObject({ status: get.status, body: "" });
      expect(Object.keys(head.headers).sort()).toEqual(Object.keys(get.headers).sort());
      expectSecurityHeaders(head);
    }
  });

  test.each([
    "/..",
    "/../etc/passwd",
    "/metadata/../../etc/passwd",
    "/metadata/..%2f..%2fetc%2fpasswd",
    "/metadata/%2e%2e/%2e%2e/etc/passwd",
    "/metadata/%00",
    "/metadata%00",
    "/metadata/%",
    "/metadata/%ff%fe",
    "/%2fetc/passwd",
    "//evil.example/metadata",
    "/metadata/",
    "/metadata/git_branch/",
    "/METADATA",
    "/package.json",
    "/.git/config",
    "/fleet.metadata.v1.MetadataService/",
    "/fleet.metadata.v1.MetadataService/../metadata",
    "/fleet.metadata.v1.MetadataService/getMetadata",
    "/metadata\\..\\x",
  ])("S7: %s is 404", async (path) => {
    for (const response of [
      await http1(server(), { path }, ["Host: localhost"]),
      await http2(server(), { path }, "localhost"),
    ]) {
      expect(response.status).toBe(404);
      errorCode(response);
      expect(response.body.length).toBeLessThan(1_000);
      expectSecurityHeaders(response);
    }
  });

  test("S7: a path of 64 KiB is refused", async () => {
    const path = `/${"a".repeat(65_536)}`;
    const response = await http1(server(), { path }, ["Host: localhost"]);
    expect(response.status).toBe(431);
    expect(JSON.parse(response.body)).toMatchObject({ error: "resource_exhausted" });
    expectSecurityHeaders(response);
    await expect(http2(server(), { path }, "localhost")).rejects.toThrow(/reset|closed/);
    const long = await http1(server(), { path: `/metadata/${"a".repeat(15_000)}` }, ["Host: localhost"]);
    expect(long.status).toBe(404);
    expect(long.body.length).toBeLessThan(1_000);
  });

  test.each([
    ["GET http://127.0.0.1/metadata", 400],
    ["GET http://evil.example/metadata", 400],
    ["OPTIONS *", 400],
    ["GET metadata", 400],
    ["GET *", 400],
    ["CONNECT evil.example:443", 400],
    ["CONNECT 127.0.0.1:22", 400],
  ])("S7: the target of %s is not a path", async (line, status) => {
    const response = await rawRequest(server(), `${line} HTTP/1.1`, ["Host: localhost"]);
    expect(response.status).toBe(status);
    expectSecurityHeaders(response);
  });

  test("S7: CONNECT over HTTP/2 opens nothing", async () => {
    const session = await openSession(server().url);
    const answer = await http2Request(session, { ":method": "CONNECT", ":authority": "127.0.0.1:22" });
    expect(answer.status).toBe(400);
    expectSecurityHeaders({
      headers: Object.fromEntries(Object.entries(answer.headers).map(([k, v]) => [k, String(v)])),
    });
  });
});

describe("expectations", () => {
  test("S5: an expectation that nobody knows is passed over", async () => {
    const response = await http1(server(), {}, ["Host: localhost", "Expect: the-unexpected"]);
    expect(response.status).toBe(200);
    expectSecurityHeaders(response);
    const second = await http2(server(), {}, "localhost", { expect: "the-unexpected" });
    expect(second.status).toBe(200);
    expectSecurityHeaders(second);
  });

  test("S4: 100-continue is answered to those only who may send", async () => {
    const ask = (host: string) =>
      sendRaw(
        server(),
        `POST ${RPC} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
      );
    expect(await ask("localhost")).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    expect(await ask("evil.example")).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
    const session = await openSession(server().url);
    for (const [authority, told] of [
      ["localhost", true],
      ["evil.example", false],
    ] as const) {
      const stream = session.request({
        ":method": "POST",
        ":path": RPC,
        ":authority": authority,
        "content-type": "application/json",
        expect: "100-continue",
      });
      let isTold = false;
      stream.once("continue", () => {
        isTold = true;
      });
      stream.end("{}");
      expect((await readResponse(stream)).status).toBe(told ? 200 : 403);
      expect(isTold).toBe(told);
    }
  });
});

describe("not HTTP", () => {
  test.each([
    ["garbage", "\u0000\u0001\u0002\u0003\r\n\r\n"],
    ["TLS", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003"],
    ["a bare line feed", "GET /metadata HTTP/1.1\nHost: localhost\n\n"],
    ["another version", "GET /metadata HTTP/3.0\r\nHost: localhost\r\n\r\n"],
    ["a preface that goes astray", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r"],
    [
      "both lengths",
      "POST /metadata HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      "two lengths",
      "POST /metadata HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
    ],
    ["a folded header", "GET /metadata HTTP/1.1\r\nHost: localhost\r\n evil.example\r\n\r\n"],
    ["a blank before the colon", "GET /metadata HTTP/1.1\r\nHost : localhost\r\n\r\n"],
    ["a NUL in a value", "GET /metadata HTTP/1.1\r\nHost: localhost\r\nX: a\u0000b\r\n\r\n"],
  ])("S5: %s is 400, with all headers", async (_, bytes) => {
    const response = parseResponse(await sendRaw(server(), bytes));
    expect(response.status).toBe(400);
    expect(JSON.parse(response.body)).toMatchObject({ error: "invalid_argument", details: null });
    expectSecurityHeaders(response);
  });

  test("S5: every byte may stand in a header's value without harm", async () => {
    for (let byte = 0; byte < 256; byte += 1) {
      const odd = String.fromCharCode(byte);
      for (const path of [RPC, "/a.b/c", "/metadata"]) {
        const type = `Content-Type: application/grpc${odd}x`;
        const response = parseResponse(
          await sendRaw(
            server(),
            `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${type}\r\nIf-None-Match: ${odd}\r\nConnection: close\r\n\r\n`,
          ),
        );
        expect(response.status, `byte ${byte} on ${path}`).toBeGreaterThanOrEqual(200);
        expectSecurityHeaders(response);
      }
    }
  });
});
