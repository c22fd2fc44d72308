// Plain words for values. What is not known is called that, never zero and never "none".

import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Content, element, span } from "./elements.ts";

/** How something is to be taken; colour is never the only sign of it. */
export type Tone = "good" | "warn" | "bad" | "busy" | "quiet";

/** A word and how it is to be taken. */
export type Verdict = readonly [text: string, tone: Tone];

export const UNKNOWN = "not known";

/** A verdict as a small label. */
export function pill([text, tone]: Verdict): Content {
  return span(`pill ${tone}`, text);
}

export function quiet(text: string): Content {
  return span("muted", text);
}

/** Text of programs: names, hashes, paths. Long ones are cut by the style, so it is whole in its title. */
export function code(text: string, name = "code"): Content {
  return element("code", { class: name, title: text }, text);
}

/** "1 file", "2,000 files". */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${thousands(number)} ${number === 1 ? one : many}`;
}

export function thousands(number: number): string {
  return number.toLocaleString("en");
}

/** A length of time in its largest unit, whole. Never negative. */
export function lasting(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1_000));
  if (seconds < 60) {
    return `${seconds} s`;
  }
  if (seconds < 3_600) {
    return `${Math.floor(seconds / 60)} min`;
  }
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} days`;
}

/** How long ago that was by the server's clock. */
export function ago(time: Timestamp, nowMs: number): string {
  return past(nowMs - timestampMs(time));
}

/** How long ago something was. */
export function past(durationMs: number): string {
  return durationMs < 2_000 ? "just now" : `${lasting(durationMs)} ago`;
}

/** Texts with dots between them. */
export function listed(...parts: readonly (string | false | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== false && part !== "").join(" · ");
}

/** Lines added and removed. */
export function lines(insertions: number | undefined, deletions: number | undefined): Content {
  if (insertions === undefined || deletions === undefined) {
    return quiet(UNKNOWN);
  }
  if (insertions === 0 && deletions === 0) {
    return quiet("no lines");
  }
  return span(
    "lines",
    span("added", `+${thousands(insertions)}`),
    " ",
    span("removed", `−${thousands(deletions)}`),
    span("unit", " lines"),
  );
}
