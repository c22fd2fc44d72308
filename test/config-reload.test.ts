import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ConfigInput } from "../src/config.ts";
import { loadConfig, rereadConfig } from "../src/config-reload.ts";
import { temporaryDirectory } from "./helpers/repository.ts";

/** A file of settings that a test writes, and what is made of it with these flags. */
function settingsFile(flags: ConfigInput["flags"] = {}) {
  const cwd = temporaryDirectory();
  const envFile = join(cwd, "settings");
  const input: ConfigInput = { flags, env: {}, envFile, cwd };
  return { cwd, input, write: (...lines: string[]) => writeFileSync(envFile, lines.join("\n")) };
}

test("S6: a token is not taken away from an address that is not loopback", () => {
  const { input, write } = settingsFile({ listen: "0.0.0.0:0" });
  write("FLEET_METADATA_TOKEN=secret");
  const running = loadConfig(input);
  write("");
  const { loaded, changed, refused } = rereadConfig(input, running);
  expect(loaded.config).toEqual(running.config);
  expect({ changed, refused }).toEqual({
    changed: [],
    refused: [expect.stringMatching(/^--listen: "0.0.0.0:0" is not loopback/)],
  });
});

test("a port goes on to speak TLS, or not to, until it is started again", () => {
  const { input, write } = settingsFile();
  write("");
  const running = loadConfig(input);
  write("FLEET_METADATA_TLS_CERT=/nowhere", "FLEET_METADATA_TLS_KEY=/nowhere");
  expect(rereadConfig(input, running)).toMatchObject({
    changed: [],
    waiting: [],
    refused: [expect.stringContaining("FLEET_METADATA_TLS_CERT")],
  });
});

test("of several things that are wrong each is said, and what is right is taken over", () => {
  const { input, write } = settingsFile();
  write("");
  const running = loadConfig(input);
  write(
    "FLEET_METADATA_LOG_LEVEL=warn",
    "FLEET_METADATA_JSON_NAMES=snake",
    "FLEET_METADATA_WORKSPACE=/nowhere",
    "FLEET_METADATA_ALLOWED_HOST=a b",
    "GITHUB_TOKEN=to ken",
    "FLEET_METADATA_NO_WATCH=true",
  );
  const { loaded, changed, waiting, refused } = rereadConfig(input, running);
  expect(loaded.config).toEqual({ ...running.config, logLevel: "warn" });
  expect(changed).toEqual(["FLEET_METADATA_LOG_LEVEL"]);
  expect(waiting).toEqual(["FLEET_METADATA_NO_WATCH"]);
  expect(refused).toHaveLength(4);
  expect(refused.join()).not.toContain("to ken");
});
