import { describe, expect, it } from "vitest";
import { isEarlier, orderOf } from "../../src/hooks/order.ts";
import { findLineage, readProcess } from "../../src/hooks/process.ts";
import type { ProcessStat } from "../../src/task-file/process-stat.ts";

describe("of two processes", () => {
  it.each([
    ["the one of the lower tick", "b:10:500", "b:11:400", true],
    ["the one of the lower id within a tick", "b:10:400", "b:10:500", true],
    ["the one before the ids began again", "b:10:32700", "b:10:310", true],
    ["neither when they are one", "b:10:400", "b:10:400", false],
    ["neither when the machine was started in between", "b:10:400", "c:11:400", false],
    ["neither when one is not known", "b:10:400", undefined, false],
    ["neither when one is no order", "b:10:400", "yesterday", false],
    ["the one that the clock says", "clock:1700000000000:0", "clock:1700000000001:0", true],
  ])("%s is the earlier", (_, order, than, earlier) => {
    expect(isEarlier(order, than)).toBe(earlier);
    if (earlier) {
      expect(isEarlier(String(than), order)).toBe(false);
    }
  });

  it("the order is what /proc says of them", () => {
    const order = orderOf(readProcess(process.pid), 0);
    expect(order).toMatch(new RegExp(`^[0-9a-f-]{36}:\\d+:${process.pid}$`));
    expect(orderOf(undefined, 5.5)).toBe("clock:5:0");
  });
});

describe("a process", () => {
  it("that is not there is none", () => {
    expect(readProcess(2 ** 30)).toBeUndefined();
  });

  const line = (...names: string[]) => {
    const processes = new Map<number, ProcessStat>(
      names.map((name, index) => [
        index + 1,
        { pid: index + 1, name, parent: index + 2, startTicks: 100 - index, isZombie: false },
      ]),
    );
    return findLineage(1, /^claude$/, (pid) => processes.get(pid));
  };

  it.each([
    ["its parent", ["node", "claude", "bash"], 2, 1],
    ["behind shells", ["node", "sh", "bash", "claude", "claude"], 4, 3],
    ["nobody when another program stands between", ["node", "sh", "python3", "claude"], undefined, 1],
    ["nobody when there is none", ["node", "sh"], undefined, 1],
    ["nobody in a line without end", Array(50).fill("sh") as string[], undefined, 1],
  ])("has as its agent %s", (_, names, agent, first) => {
    expect(line(...names)).toMatchObject({ agent, first: { pid: first } });
  });
});
