// The table of the sources: how each is doing, how old what it says is, and when it will be asked next.

import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { SourceStatus } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import { ageOf, type Moment, stateOf } from "./card.ts";
import { type Content, type Element, element, span } from "./elements.ts";
import { lasting, listed, pill, quiet, thousands } from "./words.ts";

/** As a person reads them; one that this page does not know yet has its own name. */
const NAMES: Readonly<Record<string, string>> = {
  git: "git",
  github: "GitHub",
  task: "task",
  workspace: "workspace",
};

export function sourcesCard(sources: Readonly<Record<string, SourceStatus>>, moment: Moment): Element {
  const names = [...new Set([...Object.keys(NAMES), ...Object.keys(sources).sort()])];
  const head = ["Source", "State", "Collected", "Next", "What it says"];
  return element(
    "section",
    { class: "card sources", id: "sources", "aria-labelledby": "sources-title" },
    element("div", { class: "card-head" }, element("h2", { id: "sources-title" }, "Sources")),
    element(
      "table",
      { role: "table", "aria-labelledby": "sources-title" },
      element(
        "thead",
        { role: "rowgroup" },
        element(
          "tr",
          { role: "row" },
          ...head.map((name) => element("th", { role: "columnheader", scope: "col" }, name)),
        ),
      ),
      element("tbody", { role: "rowgroup" }, ...names.map((name) => row(name, sources[name], moment))),
    ),
  );
}

/** The roles are said, because a style that lays a table out otherwise takes them away. */
function row(name: string, source: SourceStatus | undefined, moment: Moment): Element {
  const cell = (...contents: readonly Content[]): Element => element("td", { role: "cell" }, ...contents);
  return element(
    "tr",
    { role: "row" },
    element("th", { role: "rowheader", scope: "row" }, NAMES[name] ?? name),
    cell(pill(stateOf(source))),
    cell(ageOf(source, moment) ?? quiet("never")),
    cell(nextOf(source, moment)),
    cell(wordsOf(source, moment)),
  );
}

function nextOf(source: SourceStatus | undefined, { nowMs }: Moment): Content {
  if (source?.nextCollectionAt === undefined) {
    return quiet("at a change");
  }
  const leftMs = timestampMs(source.nextCollectionAt) - nowMs;
  return leftMs > 0 ? `in ${lasting(leftMs + 999)}` : "now";
}

function wordsOf(source: SourceStatus | undefined, { nowMs }: Moment): Content {
  if (source === undefined) {
    return quiet("nothing");
  }
  const { message, reason, rateLimit } = source;
  const points =
    rateLimit &&
    listed(
      `${thousands(rateLimit.remaining)} of ${thousands(rateLimit.limit)} points left`,
      rateLimit.resetAt && `renewed in ${lasting(timestampMs(rateLimit.resetAt) - nowMs)}`,
    );
  const text = message === "" ? reason : message;
  return text === "" && points === undefined
    ? quiet("all is well")
    : span("says", text !== "" && span("block", text), points !== undefined && span("block muted", points));
}
