// The process that makes load, seen from the benchmark.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { startProcess, stopProcess } from "./cleanup.ts";
import type { LoadOrder, LoadReport } from "./processes/load-generator.ts";

/** A running order. */
export interface Load {
  /** Lets open reads finish and begins no more. */
  stop(): void;
  readonly report: Promise<LoadReport>;
}

/** A process that reads from servers. One order at a time. */
export class LoadGenerator {
  readonly #child: ChildProcess;

  constructor() {
    const program = join(import.meta.dirname, "processes/load-generator.ts");
    this.#child = startProcess(process.execPath, [program], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      serialization: "advanced",
    });
  }

  start(order: LoadOrder): Load {
    const report = once(this.#child, "message").then(([message]) => message as LoadReport);
    this.#child.send(order);
    return { stop: () => this.#child.send("stop"), report };
  }

  run(order: LoadOrder): Promise<LoadReport> {
    return this.start(order).report;
  }

  close(): Promise<void> {
    return stopProcess(this.#child);
  }
}
