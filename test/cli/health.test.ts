import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { callProgram } from "../helpers/call-program.ts";
import { createCertificate } from "../helpers/certificate.ts";
import { emptyDirectory, runProgram, startCommand, startProgram } from "../helpers/program.ts";

/** Another program on a port. @returns its address. */
async function openOther(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("health", () => {
  test("says that a server is healthy, and needs no token", async () => {
    const { url } = await startProgram(["--token", "abc"]);
    const { code, stdout, stderr } = await runProgram(["health", "--url", url]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "healthy\n", stderr: "" });
  });

  test("fails when nobody listens", async () => {
    const { code, stdout, stderr } = await callProgram(["health", "--url", "http://127.0.0.1:1"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /^fleet-metadata: http:\/\/127\.0\.0\.1:1 does not answer: connect ECONNREFUSED.*\n$/,
    );
  });

  test("fails when a server stops", async () => {
    const url = await openOther((_, response) =>
      response.writeHead(503).end('{"status": "stopping", "version": "1.0.0", "uptime_seconds": 1}'),
    );
    const { code, stderr } = await callProgram(["health", "--url", url]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `fleet-metadata: ${url} is not healthy: stopping\n`,
    });
  });

  test.each([
    ["speaks of something else", "<!doctype html>"],
    ["says too much", " ".repeat(100_000)],
  ])("fails when who listens there %s", async (_, body) => {
    const url = await openOther((__, response) => response.end(body));
    const { code, stderr } = await callProgram(["health", "--url", url]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: `fleet-metadata: ${url} is another program's\n` });
  });

  test("reaches a server on a Unix socket, by the setting that the server has", async () => {
    const cwd = emptyDirectory();
    const env = { FLEET_METADATA_LISTEN: `unix:${join(cwd, "socket")}` };
    await startCommand(["serve"], { cwd, env }).printed((log) => log.includes("listening on"));
    const { code, stdout } = await callProgram(["health"], { cwd, env });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "healthy\n" });
  });

  test("reaches a server whose certificate nobody vouches for", async () => {
    const { certFile, keyFile } = await createCertificate();
    const { url } = await startProgram(["--tls-cert", certFile, "--tls-key", keyFile]);
    expect(url).toMatch(/^https:/);
    const { code, stdout } = await callProgram(["health", "--url", url]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "healthy\n" });
  });
});
