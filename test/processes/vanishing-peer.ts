// A program of its own, to be run in a network namespace of its own (`unshare --net`), where it is root: a server here, its
// client in a second namespace, a cable between them. The client's end loses its address: no FIN, no reset, no answer.
// Prints after how many milliseconds the server has found that out.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createConfig } from "../../src/config.ts";
import { createLog } from "../../src/observability/log.ts";
import { build } from "../../src/server.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { countSubscribers } from "../helpers/subscribers.ts";
import { until } from "../helpers/wait.ts";

const [path = "", mode = "", limits = "{}"] = process.argv.slice(2);

const HERE = "192.0.2.1";
const THERE = "192.0.2.2";

/** Sends the request, says that the answer has begun, and stays. */
const CLIENT = `
const socket = require("node:net").connect(Number(process.argv[1]), "${HERE}");
socket.write("GET ${path} HTTP/1.1\\r\\nHost: ${HERE}\\r\\n\\r\\n");
socket.once("data", () => console.log("it answers"));
`;

const ip = (...args: string[]): void => void execFileSync("ip", args);

const git = new ControlledCollector("git", data({ git: { branch: "one" } }));
const server = build(
  createConfig({
    flags: { listen: `${HERE}:0`, allowUnauthenticated: "true" },
    env: {},
    envFile: undefined,
    cwd: process.cwd(),
  }),
  {
    log: await createLog({ level: "error", format: "json", destination: process.stderr }),
    env: {},
    serverVersion: "test",
    readPage: async () => "",
    collectors: [git.scheduled()],
    httpLimits: JSON.parse(limits),
  },
);

const subscribers = countSubscribers(server);

const there = spawn("unshare", ["--net", "sleep", "60"], { stdio: "ignore" });
await once(there, "spawn");
const inThere = (...args: string[]): string[] => [`--target=${there.pid}`, "--net", ...args];
try {
  ip("link", "set", "lo", "up");
  ip("link", "add", "here", "type", "veth", "peer", "name", "there");
  ip("address", "add", `${HERE}/24`, "dev", "here");
  ip("link", "set", "here", "up");
  // As soon as the other namespace is there.
  await until(() => {
    try {
      execFileSync("ip", ["link", "set", "there", "netns", String(there.pid)], { stdio: "ignore" });
      return execFileSync("nsenter", inThere("ip", "link", "show", "there")).length > 0;
    } catch {
      return false;
    }
  }, "the cable reaches the other namespace");
  execFileSync("nsenter", inThere("ip", "address", "add", `${THERE}/24`, "dev", "there"));
  execFileSync("nsenter", inThere("ip", "link", "set", "there", "up"));

  const address = await server.listen();
  const port = "port" in address ? String(address.port) : "";
  const client = spawn("nsenter", inThere(process.execPath, "--eval", CLIENT, port), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(client.stdout, "data");
  await until(() => subscribers() === 1, "it watches");
  execFileSync("nsenter", inThere("ip", "address", "flush", "dev", "there"));
  const startMs = performance.now();
  if (mode === "sending") {
    git.set(data({ git: { branch: "two" } }));
  }
  await until(() => subscribers() === 0, "the peer is found to have vanished", 55_000);
  console.log(Math.round(performance.now() - startMs));
  client.kill("SIGKILL");
} finally {
  there.kill("SIGKILL");
}
await server.close();
