import { trace } from "@opentelemetry/api";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { callerContext } from "../../../src/observability/tracing/caller.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

function parsed(parent: string, state?: string) {
  return trace.getSpanContext(callerContext({ parent, state }));
}

describe("the caller's trace", () => {
  it("is what traceparent says", () => {
    expect(parsed(`00-${TRACE}-${SPAN}-01`)).toMatchObject({
      traceId: TRACE,
      spanId: SPAN,
      traceFlags: 1,
      isRemote: true,
    });
    expect(parsed(`00-${TRACE}-${SPAN}-00`)?.traceFlags).toBe(0);
    // A later version may say more, behind what this one says.
    expect(parsed(`cc-${TRACE}-${SPAN}-01-what-comes`)?.traceId).toBe(TRACE);
  });

  it("has the state that comes with it, if that is not longer than it has to be handed on", () => {
    expect(parsed(`00-${TRACE}-${SPAN}-01`, "a=1,b=2")?.traceState?.serialize()).toBe("a=1,b=2");
    expect(parsed(`00-${TRACE}-${SPAN}-01`, "nonsense")?.traceState?.serialize()).toBe("");
    expect(parsed(`00-${TRACE}-${SPAN}-01`, `a=${"1".repeat(600)}`)?.traceState).toBeUndefined();
  });

  it.each([
    ["nothing", ""],
    ["no trace", `00-${"0".repeat(32)}-${SPAN}-01`],
    ["no span", `00-${TRACE}-${"0".repeat(16)}-01`],
    ["a version that there never will be", `ff-${TRACE}-${SPAN}-01`],
    ["more than version 00 has", `00-${TRACE}-${SPAN}-01-more`],
    ["upper case", `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ["a trace that is too short", `00-${TRACE.slice(1)}-${SPAN}-01`],
    ["two headers in one", `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
    ["very much", `cc-${TRACE}-${SPAN}-01-${"x".repeat(10_000)}`],
  ])("is none when traceparent has %s", (_, parent) => {
    expect(parsed(parent)).toBeUndefined();
    expect(callerContext(undefined)).toBe(callerContext({ parent, state: undefined }));
  });

  it("S25: is none, or well-formed, whatever the headers say", () => {
    const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
    const likely = fc.tuple(hex(2), hex(32), hex(16), hex(2)).map((parts) => parts.join("-"));
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), likely),
        fc.option(fc.string(), { nil: undefined }),
        (parent, state) => {
          const context = parsed(parent, state);
          if (context !== undefined) {
            expect(context.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
            expect(context.spanId).toMatch(/^(?!0{16})[0-9a-f]{16}$/);
            expect((context.traceState?.serialize() ?? "").length).toBeLessThanOrEqual(512);
          }
        },
      ),
    );
  });
});
