import { setImmediate as turn } from "node:timers/promises";
import { expect, it, vi } from "vitest";
import { CollectError } from "../../src/collectors/collector.ts";
import { supervise } from "../../src/metadata/supervise.ts";
import { ManualTime } from "../helpers/manual-time.ts";

function begin(work: Promise<string>) {
  const time = new ManualTime();
  const start = vi.spyOn(time, "start");
  const abort = new AbortController();
  return {
    time,
    start,
    abort,
    work: supervise(work, { abort, name: "git", deadlineMs: 1_000, timers: time }),
  };
}

it("sets no timer for what is done at once, which would wake the process when its time comes", async () => {
  const { start, work } = begin(Promise.resolve("main"));
  expect(await work.result).toBe("main");
  await turn();
  await turn();
  expect(start).not.toHaveBeenCalled();
});

it("gives up what takes longer than its deadline, and leaves no timer behind", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const { time, abort, work } = begin(promise);
  const failed = work.result.catch((error: unknown) => error);
  await turn();
  expect(time.timersMs).toEqual([1_000]);
  await time.advance(1_000);
  const error = await failed;
  expect(error).toBeInstanceOf(CollectError);
  expect(error).toMatchObject({ reason: "TIMEOUT", message: "git did not answer within 1000 ms" });
  expect(abort.signal.aborted).toBe(true);
  expect(time.timersMs).toEqual([]);
  resolve("late");
  await work.letGo;
});

it("calls the deadline off when the work is done before it", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const { time, work } = begin(promise);
  await turn();
  resolve("main");
  expect(await work.result).toBe("main");
  expect(time.timersMs).toEqual([]);
});
