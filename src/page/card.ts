// A card of the page: what one source says, or why it says nothing.

import { durationMs } from "@bufbuild/protobuf/wkt";
import { type SourceStatus, SourceState as State } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import { type Content, type Element, element } from "./elements.ts";
import { past, pill, type Verdict } from "./words.ts";

/** One moment of the page. */
export interface Moment {
  /** By the server's clock. */
  readonly nowMs: number;
  /** Since the server wrote what is shown. */
  readonly elapsedMs: number;
}

const STATES: Readonly<Record<State, Verdict>> = {
  [State.UNSPECIFIED]: ["not known", "quiet"],
  [State.FRESH]: ["fresh", "good"],
  [State.STALE]: ["stale", "warn"],
  [State.NO_DATA]: ["no data", "quiet"],
  [State.FAILED]: ["failed", "bad"],
  [State.DISABLED]: ["disabled", "quiet"],
  [State.PENDING]: ["pending", "busy"],
};

export function stateOf(source: SourceStatus | undefined): Verdict {
  return STATES[source?.state ?? State.UNSPECIFIED] ?? STATES[State.UNSPECIFIED];
}

/** When the values of a source were collected. */
export function ageOf(source: SourceStatus | undefined, { elapsedMs }: Moment): string | undefined {
  return source?.age && past(durationMs(source.age) + elapsedMs);
}

/** What a card is made of. */
export interface Card {
  readonly id: string;
  readonly title: string;
  readonly source: SourceStatus | undefined;
  /** In plain words, what it means that there is nothing. */
  readonly nothing: string;
  /** Shown while there are values, stale ones included. */
  readonly values: () => readonly Content[];
}

export function card({ id, title, source, nothing, values }: Card, moment: Moment): Element {
  const state = source?.state ?? State.UNSPECIFIED;
  const hasValues = state === State.FRESH || state === State.STALE;
  return element(
    "section",
    { class: `card ${stateOf(source)[0].replace(" ", "-")}`, id, "aria-labelledby": `${id}-title` },
    element(
      "div",
      { class: "card-head" },
      element("h2", { id: `${id}-title` }, title),
      state !== State.FRESH && pill(stateOf(source)),
    ),
    ...(hasValues ? values() : [element("p", { class: "nothing" }, whyNothing(state, nothing))]),
    note(source, moment),
  );
}

function whyNothing(state: State, nothing: string): string {
  switch (state) {
    case State.NO_DATA:
      return nothing;
    case State.FAILED:
      return "This could not be found out.";
    case State.DISABLED:
      return "This server does not collect it.";
    case State.PENDING:
      return "The first answer is still on its way.";
    default:
      return "This server says nothing about it.";
  }
}

/** The server's own words for why it is so. */
function note(source: SourceStatus | undefined, moment: Moment): Content {
  // What fresh values come with a message alone for is said among the sources: it is no warning.
  if (source === undefined || (source.reason === "" && (source.message === "" || isFresh(source)))) {
    return undefined;
  }
  const age = source.state === State.STALE ? `Last good values, from ${ageOf(source, moment)}: ` : "";
  const text = source.message === "" ? source.reason.toLowerCase().replaceAll("_", " ") : source.message;
  const tone = source.state === State.NO_DATA || source.state === State.PENDING ? "quiet" : stateTone(source);
  return element("p", { class: `note ${tone}`, title: source.reason }, `${age}${text}`);
}

/** Beside fresh values a reason is a warning. */
function stateTone(source: SourceStatus): string {
  return isFresh(source) ? "warn" : stateOf(source)[1];
}

function isFresh({ state }: SourceStatus): boolean {
  return state === State.FRESH;
}

/** Rows of a name and what belongs to it. The same rows always, so that nothing moves when values come and go. */
export function facts(...rows: readonly (readonly [name: string, ...contents: Content[]])[]): Element {
  return element(
    "dl",
    {},
    ...rows.map(([name, ...contents]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, ...contents)),
    ),
  );
}
