// The servers that the benchmark starts: one that does not say where it listens fails it, and is ended.

import { afterAll, expect, test } from "vitest";
import { cleanUp } from "../../bench/cleanup.ts";
import { createRepository } from "../../bench/repository.ts";
import { serve } from "../../bench/servers.ts";

afterAll(cleanUp);

test("one whose first line is no address is ended", async () => {
  const repository = await createRepository(1);
  const program = ["sh", "-c", 'echo "process $$"; exec sleep 600'];
  const failure: unknown = await serve({ repository, program }).catch((error: unknown) => error);
  const [, pid] = /does not say where it listens: process (\d+)$/.exec(String(failure)) ?? [];
  expect(pid, String(failure)).toBeDefined();
  expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH");
});
