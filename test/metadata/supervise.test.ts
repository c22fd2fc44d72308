import { expect, it } from "vitest";
import { CollectError } from "../../src/collectors/collector.ts";
import { supervise } from "../../src/metadata/supervise.ts";
import { ManualTime } from "../helpers/manual-time.ts";

function begin(work: Promise<string>) {
  const time = new ManualTime();
  const abort = new AbortController();
  return { time, abort, work: supervise(work, { abort, name: "git", deadlineMs: 1_000, timers: time }) };
}

it("gives up what takes longer than its deadline, and leaves no timer behind", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const { time, abort, work } = begin(promise);
  const failed = work.result.catch((error: unknown) => error);
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
  expect(time.timersMs).toEqual([1_000]);
  resolve("main");
  expect(await work.result).toBe("main");
  expect(time.timersMs).toEqual([]);
});
