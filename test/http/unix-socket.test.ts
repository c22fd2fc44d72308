// Unix sockets: what stands in the way of one, and what does not.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createMetadataClient } from "../../src/client/index.ts";
import { startServer } from "../helpers/server.ts";

function socketPath(): string {
  const directory = mkdtempSync(join(tmpdir(), "fleet-metadata-socket-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return join(directory, "socket");
}

test("a socket that a killed server left behind is replaced", async () => {
  const path = socketPath();
  const code = `require("net").createServer().listen(${JSON.stringify(path)}, () => console.log("up"))`;
  const killed = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  await once(killed.stdout, "data");
  killed.kill("SIGKILL");
  await once(killed, "exit");
  expect(existsSync(path)).toBe(true);
  await startServer({ flags: { listen: `unix:${path}` } });
  expect((await createMetadataClient(`unix:${path}`).listKeys({})).keys).not.toEqual([]);
});

test("a socket that a server listens on is in use", async () => {
  const path = socketPath();
  await startServer({ flags: { listen: `unix:${path}` } });
  await expect(startServer({ flags: { listen: `unix:${path}` } })).rejects.toThrow("EADDRINUSE");
  expect((await createMetadataClient(`unix:${path}`).listKeys({})).keys).not.toEqual([]);
});

test("a file of another kind is in use, and stays", async () => {
  const path = socketPath();
  writeFileSync(path, "not a socket");
  await expect(startServer({ flags: { listen: `unix:${path}` } })).rejects.toThrow("EADDRINUSE");
  expect(existsSync(path)).toBe(true);
});
