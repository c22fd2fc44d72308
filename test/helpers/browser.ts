// A real browser: headless Chromium, as an npm package carries it, and pages that other web servers serve.

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Browser, chromium } from "playwright-core";
import { build } from "rolldown";
import { afterAll, beforeAll, onTestFinished } from "vitest";

/** Unpacking takes seconds, the first time on a machine. */
const START_DEADLINE_MS = 120_000;

/** One browser for all tests of a file. Call the result inside the tests. @param flags of Chromium. */
export function useBrowser(...flags: string[]): () => Browser {
  let browser: Browser | undefined;
  beforeAll(async () => {
    const executablePath = await unpackChromium();
    // Not the package's own arguments: among them is one that switches the rules for origins off.
    const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", ...flags];
    browser = await chromium.launch({ executablePath, args, timeout: START_DEADLINE_MS });
  }, START_DEADLINE_MS);
  afterAll(() => browser?.close());
  return () => {
    if (browser === undefined) {
      throw new Error("the browser is there inside of tests only");
    }
    return browser;
  };
}

const CHROMIUM = join(import.meta.dirname, "../../node_modules/@sparticuz/chromium");

/**
 * Unpacks the browser once for all tests of this machine. The package itself unpacks to one place and takes for whole what
 * another process is still writing there, so it does that in a folder of its own, which gets its name when it is done.
 *
 * @returns the path of the executable.
 */
async function unpackChromium(): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(CHROMIUM, "package.json"), "utf8")) as { version: string };
  const folder = join(tmpdir(), `fleet-chromium-${version}`);
  if (!existsSync(folder)) {
    const own = mkdtempSync(`${folder}-`);
    const code = 'await (await import("@sparticuz/chromium")).default.executablePath()';
    await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code], {
      cwd: join(CHROMIUM, "../.."),
      env: { ...process.env, TMPDIR: own },
      timeout: START_DEADLINE_MS,
    });
    try {
      renameSync(own, folder);
    } catch {
      // Another process was faster.
      rmSync(own, { recursive: true });
    }
  }
  return join(folder, "chromium");
}

/** A module and what it imports, as a page can load it. */
export async function bundleForBrowser(input: string): Promise<string> {
  const { output } = await build({ input, platform: "browser", write: false, logLevel: "warn" });
  return output[0].code;
}

/** A web server of another origin, whose only page loads one script. Ends with the test. @returns its origin. */
export async function servePage(script: string): Promise<string> {
  const { origin, close } = await openPageServer(script);
  onTestFinished(close);
  return origin;
}

/** As {@link servePage}, until it is closed. */
export async function openPageServer(script: string): Promise<{ origin: string; close: () => void }> {
  const server = createServer((request, response) => {
    const isScript = request.url === "/script.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : '<!doctype html><script type="module" src="/script.js"></script>');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
