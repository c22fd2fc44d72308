// The check for known vulnerabilities, against a registry that knows some, one that knows none, and one that does not tell.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";

/** A package that the program is made of. */
const NAME = "zod";

const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
  packages: Record<string, { version: string }>;
};

const VULNERABILITY = {
  id: 1,
  url: "https://example.com/1",
  title: "Anything goes",
  severity: "high",
  vulnerable_versions: "*",
};

/** Runs the check with a registry that answers so. */
async function check(registry: RequestListener): Promise<{ code: number; output: string }> {
  const server = createServer(registry);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const child = spawn("node", ["scripts/check-audit.ts"], {
    env: { ...process.env, npm_config_registry: `http://127.0.0.1:${port}/` },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  return { code: Number(code), output };
}

/** What is asked of a registry: its advisories, and what it has of a package. */
function knows(advisories: object): RequestListener {
  return (request, response) => {
    const name = decodeURIComponent(request.url?.slice(1) ?? "");
    const version = packages[`node_modules/${name}`]?.version ?? "";
    const manifest = { name, version, dist: { tarball: "http://127.0.0.1/none.tgz" } };
    const known = { name, "dist-tags": { latest: version }, versions: { [version]: manifest } };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(request.method === "POST" ? advisories : known));
  };
}

test("a known vulnerability fails it, and is named", async () => {
  const { code, output } = await check(knows({ [NAME]: [{ ...VULNERABILITY, name: NAME }] }));
  expect(output).toContain("zod (high): Anything goes https://example.com/1");
  expect(code).toBe(1);
});

test("none is known, or only of what development needs", async () => {
  const none = { code: 0, output: "       none is known\n" };
  expect(await check(knows({}))).toEqual(none);
  expect(await check(knows({ vitest: [{ ...VULNERABILITY, name: "vitest" }] }))).toEqual(none);
});

test("a registry that does not tell is no failure, and is said", async () => {
  const { code, output } = await check((_, response) => void response.writeHead(405).end());
  expect(output).toContain("not known: the registry does not tell of vulnerabilities (405)");
  expect(code).toBe(0);
});
