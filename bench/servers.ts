// The servers that are measured: ours from its bundle, and the bare ones beside it. Each is a process of its own that
// says on its first line where it listens.

import { once } from "node:events";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { startProcess, stopProcess, temporaryDirectory } from "./cleanup.ts";
import type { Repository } from "./repository.ts";

/** A server that listens. */
export interface RunningServer {
  /** "http://host:port". */
  readonly url: string;
  readonly pid: number;
  /** Ends it. @returns its exit code; null when a signal ended it. */
  stop(): Promise<number | null>;
}

export interface ServeOptions {
  /** What to serve. */
  readonly repository: Repository;
  /** What is run. Default: Node with {@link BUNDLE}. */
  readonly program?: readonly string[];
  /** More flags of the command `serve`. */
  readonly flags?: readonly string[];
  /** A directory whose programs are found before all others. */
  readonly firstOnPath?: string;
  /** More variables. Default: GitHub is where nobody listens. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Gets each further line of its log. */
  readonly onLine?: (line: string) => void;
}

const ROOT = join(import.meta.dirname, "..");
/** The program as it is installed. */
export const BUNDLE = join(ROOT, "dist/main.js");

/** Nobody listens there. */
const NO_GITHUB = { GITHUB_API_URL: "http://127.0.0.1:1" };

/** Makes the bundle anew from the sources as they are. */
export async function buildBundle(): Promise<void> {
  const build = startProcess(process.execPath, [join(ROOT, "scripts/build.ts")], { stdio: "inherit" });
  await once(build, "exit");
  if (build.exitCode !== 0 || !existsSync(BUNDLE)) {
    throw new Error("the program could not be built");
  }
}

/** Makes the executable of the sources as they are. @returns its file. */
export async function buildExecutable(): Promise<string> {
  const file = join(temporaryDirectory(), "fleet-metadata");
  const build = startProcess(process.execPath, [join(ROOT, "scripts/build-sea.ts"), file], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  await once(build, "exit");
  if (build.exitCode !== 0) {
    throw new Error("the executable could not be built");
  }
  return file;
}

/** Our server, on any free port. */
export function serve(options: ServeOptions): Promise<RunningServer> {
  const {
    repository,
    program = [process.execPath, BUNDLE],
    flags = [],
    firstOnPath,
    variables = NO_GITHUB,
    onLine,
  } = options;
  const { root, env } = repository;
  const settings = ["--workspace", root, "--listen", "127.0.0.1:0", "--log-format", "json"];
  // No task file of the user's is served.
  const taskFile = ["--task-file", join(dirname(root), "task.json")];
  const path = [firstOnPath, env["PATH"]].filter((part) => part !== undefined).join(delimiter);
  const environment = { ...env, ...variables, PATH: path };
  return start([...program, "serve", ...settings, ...taskFile, ...flags], environment, onLine);
}

/** A bare node:http server that answers with the bytes of a file. */
export function serveBareHttp(bodyFile: string): Promise<RunningServer> {
  return start([process.execPath, join(import.meta.dirname, "processes/bare-http.mjs"), bodyFile]);
}

/** A @grpc/grpc-js server that answers GetMetadata with the message in a file. */
export function serveBareGrpc(messageFile: string): Promise<RunningServer> {
  return start([process.execPath, join(import.meta.dirname, "processes/bare-grpc.ts"), messageFile]);
}

async function start(
  [command = "", ...args]: readonly string[],
  env?: NodeJS.ProcessEnv,
  onLine: (line: string) => void = () => undefined,
): Promise<RunningServer> {
  const child = startProcess(command, args, {
    stdio: ["ignore", "pipe", "inherit"],
    ...(env === undefined ? {} : { env }),
  });
  const { stdout, pid } = child;
  if (stdout === null || pid === undefined) {
    throw new Error(`${command} ${args[0]} could not be started`);
  }
  const lines = createInterface({ input: stdout });
  const exited = once(child, "exit").then(() => {
    throw new Error(`${command} ${args.join(" ")} ended before it listened`);
  });
  const [line] = await Promise.race([once(lines, "line"), exited]);
  exited.catch(() => undefined);
  const url = /"url":"(http:[^"]+)"/.exec(String(line))?.[1];
  if (url === undefined) {
    await stopProcess(child);
    throw new Error(`the first line of ${args.join(" ")} does not say where it listens: ${line}`);
  }
  lines.on("line", onLine);
  const stop = async (): Promise<number | null> => {
    await stopProcess(child);
    return child.exitCode;
  };
  return { url, pid, stop };
}
