// What becomes of a server whose terminal is closed: a real terminal, made by util-linux's `script`.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { NO_GITHUB } from "../helpers/closed-port.ts";
import { processesIn } from "../helpers/processes.ts";
import { emptyDirectory, MAIN } from "../helpers/program.ts";
import { until } from "../helpers/wait.ts";

const DEADLINE_MS = 20_000;

/**
 * A server in a terminal of its own, whose log is kept in a file: what it says does not break when the terminal is gone.
 *
 * @param wrapper - The command that starts it there.
 */
async function startInTerminal(wrapper = "") {
  const cwd = emptyDirectory();
  const server = `${process.execPath} -- ${MAIN} --listen unix:${cwd}/socket --log-format json`;
  const script = `echo $$ > ${cwd}/pid; exec ${wrapper} ${server} > ${cwd}/log`;
  const env = { ...NO_GITHUB, PATH: process.env["PATH"], HOME: cwd, SHELL: "/bin/sh" };
  const terminal = spawn("script", ["-qfc", script, "/dev/null"], {
    cwd,
    env: { ...env, FLEET_METADATA_TASK_FILE: join(cwd, "task.json") },
    stdio: ["pipe", "ignore", "ignore"],
  });
  onTestFinished(() => {
    terminal.kill("SIGKILL");
    for (const left of processesIn(cwd)) process.kill(left, "SIGKILL");
  });
  const log = (): string => textOf(join(cwd, "log"));
  const logged = (text: string) => until(() => log().includes(text), `"${text}" in the log`, DEADLINE_MS);
  await logged("listening on");
  const pid = Number(textOf(join(cwd, "pid")));
  return {
    close: () => void terminal.kill("SIGKILL"),
    hangUp: () => void process.kill(pid, "SIGHUP"),
    isRunning: () => processesIn(cwd).includes(pid),
    logged,
  };
}

/** Empty when there is no such file. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

// Elsewhere `script` has other flags.
describe.skipIf(process.platform !== "linux")("a server in a terminal", () => {
  test("ends when that is closed", async () => {
    const { close, isRunning } = await startInTerminal();
    close();
    await until(() => !isRunning(), "the end of the server", DEADLINE_MS);
  });

  test("P18: reads the token again at SIGHUP while that is open, and serves on", async () => {
    const { hangUp, isRunning, logged } = await startInTerminal();
    hangUp();
    await logged("were read again");
    expect(isRunning()).toBe(true);
  });

  test("serves on under nohup when that is closed", async () => {
    const { close, hangUp, isRunning, logged } = await startInTerminal("nohup");
    close();
    hangUp();
    await logged("were read again");
    expect(isRunning()).toBe(true);
  });
});
