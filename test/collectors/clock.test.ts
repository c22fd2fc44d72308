import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { systemTimers } from "../../src/collectors/clock.ts";

describe("the machine's timers", () => {
  it("run an action once, later", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const action = vi.fn(resolve);
    systemTimers.start(1, action);
    expect(action).not.toHaveBeenCalled();
    await promise;
    await turn();
    expect(action).toHaveBeenCalledOnce();
  });

  it("are none for what is called off at once, which would wake the process when its time comes", async () => {
    const start = vi.spyOn(globalThis, "setTimeout");
    const stop = systemTimers.start(1_000, () => undefined);
    await Promise.resolve();
    stop();
    await turn();
    await turn();
    expect(start).not.toHaveBeenCalled();
    systemTimers.start(1_000, () => undefined);
    await turn();
    expect(start).toHaveBeenCalledOnce();
  });

  it("are called off later, too", async () => {
    const start = vi.spyOn(globalThis, "setTimeout");
    const stop = vi.spyOn(globalThis, "clearTimeout");
    const callOff = systemTimers.start(1_000, () => undefined);
    await turn();
    expect(start).toHaveBeenCalledOnce();
    callOff();
    expect(stop).toHaveBeenCalledExactlyOnceWith(start.mock.results[0]?.value);
  });

  it("do not keep the process alive", async () => {
    const start = vi.spyOn(globalThis, "setTimeout");
    const callOff = systemTimers.start(1_000, () => undefined);
    await turn();
    expect(start.mock.results.map(({ value }) => value.hasRef())).toEqual([false]);
    callOff();
  });
});
