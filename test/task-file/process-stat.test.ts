import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseStat } from "../../src/task-file/process-stat.ts";

const line = (name: string, state = "S"): string =>
  `42 (${name}) ${state} 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 8154 1 1 1\n`;

describe("/proc/PID/stat", () => {
  it.each(["sh", "node", "a b", "a) S 1 2 (b", "tmux: server", "(((", ")", "\n", ""])(
    "is read whatever the process is called: %j",
    (name) => {
      expect(parseStat(line(name))).toEqual({ pid: 42, name, parent: 7, startTicks: 8154, isZombie: false });
    },
  );

  it("tells a process that has ended", () => {
    expect(parseStat(line("sh", "Z"))).toMatchObject({ isZombie: true });
  });

  it.each(["", "7", "7 (x", "7 (x) S", "x (y) S 1 2", ") S 1 ("])(
    "is nothing when its text is %j",
    (text) => {
      expect(parseStat(text)).toBeUndefined();
    },
  );

  it("S25: is nothing when it is not what it should be", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(["undefined", "object"]).toContain(typeof parseStat(text));
      }),
    );
  });
});
