import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const HEAP = join(import.meta.dirname, "../src/heap.ts");

/** What V8 tells of a program that does nothing for so long, with a memory reducer that asks every fifth of a second. */
async function trace(program: string, forMs: number): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--gc-memory-reducer-start-delay-ms=200",
    "--trace-memory-reducer",
    "--trace-gc",
    "--input-type=module",
    "--eval",
    `${program}; setTimeout(() => undefined, ${forMs})`,
  ]);
  return stdout;
}

const waits = (text: string): number => text.match(/Memory reducer: waiting/g)?.length ?? 0;

const LOAD = `const { keepHeapSmall } = await import(${JSON.stringify(HEAP)})`;

it("is not woken by V8 for ever while it rests", async () => {
  const traces = [LOAD, `${LOAD}; keepHeapSmall()`].map((program) => trace(program, 5_000));
  const [without = "", text = ""] = await Promise.all(traces);
  expect(waits(without), "without").toBeGreaterThan(0);
  expect(text).toContain("Memory reducer: ");
  expect(waits(text)).toBe(0);
}, 30_000);

it("is rid of what the start has left behind once that is over, and leaves no collector to the program", async () => {
  const program = `${LOAD}; keepHeapSmall(); setTimeout(() => console.log(typeof globalThis.gc), 10_500)`;
  const text = await trace(program, 11_000);
  expect(text.match(/Mark-Compact \(reduce\)/g)?.length).toBeGreaterThan(0);
  expect(text.trimEnd().endsWith("undefined")).toBe(true);
}, 30_000);
