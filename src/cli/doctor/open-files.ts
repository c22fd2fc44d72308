// May a process have as many files and sockets open as a server may need?

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Check, LOCAL_DEADLINE_MS, ok, warning } from "./check.ts";
import type { Subject } from "./subject.ts";

/** Some thirty of the server's own, the pipes of a few git processes, and two hundred clients. */
const ENOUGH = 256;

export function openFilesCheck({ proc }: Pick<Subject, "proc">): Check {
  return {
    name: "open-files",
    deadlineMs: LOCAL_DEADLINE_MS,
    run: async () => {
      const text = await readFile(join(proc, "self/limits"), "utf8").catch(() => "");
      const [, limit] = /^Max open files +(\d+|unlimited)/m.exec(text) ?? [];
      if (limit === undefined) {
        return ok("this system does not tell the limit");
      }
      const found = `a process may have ${limit} files and sockets open`;
      return limit !== "unlimited" && Number(limit) < ENOUGH
        ? warning(`${found}, fewer than ${ENOUGH}`, "raise it where the server is started: ulimit -n 4096")
        : ok(found);
    },
  };
}
