import { expect, test } from "vitest";
import { type Check, ok } from "../../../src/cli/doctor/check.ts";
import { examine } from "../../../src/cli/doctor/examine.ts";

const well: Check = { name: "well", deadlineMs: 10_000, run: async () => ok("all is well") };

test("a check that hangs or breaks costs its own line", async () => {
  let ended: AbortSignal | undefined;
  const hanging: Check = {
    name: "hanging",
    deadlineMs: 20,
    run: (signal) => {
      ended = signal;
      return new Promise(() => undefined);
    },
  };
  const broken: Check = {
    name: "broken",
    deadlineMs: 10_000,
    run: async () => {
      throw new Error("a defect");
    },
  };
  expect(await examine([hanging, broken, well], new AbortController().signal)).toMatchObject([
    { check: "hanging", level: "warning", found: "this was not found out within 0.02 s" },
    { check: "broken", level: "problem", found: "this check has failed: a defect" },
    { check: "well", level: "ok", found: "all is well" },
  ]);
  expect(ended?.aborted).toBe(true);
});

test("ends at once when it is interrupted", async () => {
  const stop = new AbortController();
  const hanging: Check = { name: "hanging", deadlineMs: 60_000, run: () => new Promise(() => undefined) };
  const examined = examine([hanging, well], stop.signal);
  stop.abort(new Error("interrupted"));
  await expect(examined).rejects.toThrow("interrupted");
});
