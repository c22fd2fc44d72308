// The route of the status page: what any client sees of it. What it does in a browser is in test/page.

import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { buildPage } from "../../scripts/build-page.ts";
import { rawRequest } from "../helpers/raw-http.ts";
import { useServer } from "../helpers/server.ts";

const page = await buildPage();
const server = useServer(() => ({ page }));
const guarded = useServer(() => ({
  page,
  flags: { token: "s3cret", allowedOrigins: "https://*.example.com" },
  env: { CODER_AGENT_URL: "https://coder.example.org/", CODER_URL: "https://coder.example.org" },
}));

const policyOf = (response: Response): Map<string, string> =>
  new Map(
    (response.headers.get("content-security-policy") ?? "")
      .split("; ")
      .map((rule) => [rule.slice(0, rule.indexOf(" ")), rule.slice(rule.indexOf(" ") + 1)]),
  );

describe("GET /", () => {
  test("S5: is HTML with a policy that names its own script and style, and the headers of everything", async () => {
    const response = await fetch(`${server().url}/`);
    const html = await response.text();
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
    });
    const hashOf = (element: string): string => {
      const inner = html.slice(html.indexOf(`<${element}`), html.indexOf(`</${element}>`));
      return createHash("sha256")
        .update(inner.slice(inner.indexOf(">") + 1))
        .digest("base64");
    };
    const policy = policyOf(response);
    expect(policy.get("script-src")).toBe(`'sha256-${hashOf("script")}'`);
    expect(policy.get("style-src")).toBe(`'sha256-${hashOf("style")}'`);
    expect(policy.get("default-src")).toBe("'none'");
    expect(policy.get("connect-src")).toBe("'self'");
    expect([...policy.values()].join()).not.toMatch(/unsafe|\*/);
  });

  test("S5: frames: its own origin, those that may ask, and Coder's dashboard", async () => {
    const own = policyOf(await fetch(`${server().url}/`));
    expect(own.get("frame-ancestors")).toBe("'self'");
    const { url } = guarded();
    const others = policyOf(await fetch(`${url}/`));
    expect(others.get("frame-ancestors")).toBe("'self' https://*.example.com https://coder.example.org");
  });

  test("S3: holds one script and one style, and no address that is not relative to it", () => {
    expect(page.match(/<script\b/g)).toHaveLength(1);
    expect(page.match(/<style\b/g)).toHaveLength(1);
    expect(page).not.toMatch(/(src|href|action)="(?!data:)/);
    expect(page).not.toMatch(/\son[a-z]+="|\sstyle="/);
  });

  test("S6: is open where a token is configured, and nothing beside it is", async () => {
    const { url } = guarded();
    expect(await (await fetch(`${url}/`)).text()).toBe(`${page}\n`);
    expect((await fetch(`${url}/?keys=git_branch`)).status).toBe(200);
    expect((await fetch(`${url}/metadata`)).status).toBe(401);
    expect((await fetch(`${url}//`)).status).toBe(401);
  });

  test("S2, S4: is guarded like everything else", async () => {
    const refused = await rawRequest(server(), "GET / HTTP/1.1", ["Host: evil.example"]);
    expect(refused.status).toBe(403);
    const origin = await fetch(`${server().url}/`, { headers: { origin: "https://evil.example" } });
    expect(origin.status).toBe(403);
  });

  test("S7: GET, HEAD and OPTIONS only", async () => {
    const ask = (method: string): Promise<Response> => fetch(`${server().url}/`, { method });
    const head = await ask("HEAD");
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect((await ask("OPTIONS")).headers.get("allow")).toBe("GET, HEAD, OPTIONS");
    for (const method of ["POST", "PUT", "DELETE"]) {
      expect((await ask(method)).status).toBe(405);
    }
  });

  test("is sent compressed, and once", async () => {
    const whole = await rawRequest(server(), "GET / HTTP/1.1", ["Host: localhost", "Connection: close"]);
    const packed = await rawRequest(server(), "GET / HTTP/1.1", [
      "Host: localhost",
      "Accept-Encoding: gzip",
      "Connection: close",
    ]);
    expect(packed.headers["content-encoding"]).toBe("gzip");
    expect(Number(packed.headers["content-length"])).toBeLessThan(60_000);
    expect(Number(whole.headers["content-length"])).toBeLessThan(200_000);
    const headers = { "if-none-match": whole.headers["etag"] ?? "" };
    expect((await fetch(`${server().url}/`, { headers })).status).toBe(304);
  });
});
