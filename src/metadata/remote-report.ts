// What a remote source shows: what its collector knows of the current checkout, in the light of how the followed source is
// doing and of what failed.

import type { Checkout } from "../collectors/checkout.ts";
import type { Problem } from "../collectors/collector.ts";
import type { Known, RemoteCollector } from "../collectors/remote-collector.ts";
import { SourceState } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import type { Catalogue } from "./catalogue.ts";
import {
  cleanMetadata,
  type Failure,
  inWords,
  NOTHING_TRUNCATED,
  PENDING,
  problemOf,
  type SourceReport,
} from "./source-report.ts";

type Values = Pick<SourceReport, "truncated"> & { readonly metadata: NonNullable<SourceReport["metadata"]> };

/** A report, and the defect of the collector that it hides, if there is one. */
interface Made {
  readonly report: SourceReport;
  readonly defect?: unknown;
}

/** Makes the reports of one remote source. */
export class RemoteReports {
  readonly #collector: RemoteCollector;
  readonly #followed: { readonly name: string; readonly report: SourceReport };
  readonly #catalogue: Catalogue;
  /** What was cleaned last: most reports are made of what is known already. */
  #last: { readonly known: Known; readonly values: Values } | undefined;

  constructor(options: {
    readonly collector: RemoteCollector;
    readonly followed: { readonly name: string; readonly report: SourceReport };
    readonly catalogue: Catalogue;
  }) {
    this.#collector = options.collector;
    this.#followed = options.followed;
    this.#catalogue = options.catalogue;
  }

  /**
   * The report of this moment. Never throws.
   *
   * @param failure why what is known could not be renewed. Absent: it was, or the remote is not asked at present.
   */
  make(checkout: Checkout | undefined, failure: Failure | undefined): Made {
    if (checkout === undefined) {
      return { report: this.#withoutCheckout() };
    }
    try {
      return { report: this.#of(checkout, failure) };
    } catch (defect) {
      return { report: failed(problemOf(defect)), defect };
    }
  }

  #of(checkout: Checkout, failure: Failure | undefined): SourceReport {
    const known = this.#collector.known(checkout);
    const about = this.#collector.about(checkout) ?? "";
    const say = ({ reason, message }: Problem = { reason: "", message: "" }): Problem => ({
      reason,
      message: message.includes(about) ? message : [message, about].filter((text) => text !== "").join("; "),
    });
    const problem = failure ?? this.#collector.obstacle;
    // What was found out without the remote cannot be made uncertain by it.
    const isUncertain = problem !== undefined && (known === undefined || known.confirmedAt !== undefined);
    if (isUncertain && (known?.outcome !== "data" || failure?.invalidates)) {
      return failed(say(problem));
    }
    if (known === undefined) {
      return { ...PENDING, ...inWords(SourceState.PENDING, say()) };
    }
    const collectedAt = known.confirmedAt ?? this.#followed.report.collectedAt;
    const at = collectedAt === undefined ? {} : { collectedAt };
    if (known.outcome === "no_data") {
      return { ...inWords(SourceState.NO_DATA, say(known)), truncated: NOTHING_TRUNCATED, ...at };
    }
    const words = isUncertain
      ? inWords(SourceState.STALE, say(problem))
      : inWords(SourceState.FRESH, say(known.warning));
    return { ...words, ...this.#clean(known), ...at };
  }

  #clean(known: Extract<Known, { outcome: "data" }>): Values {
    if (this.#last?.known !== known) {
      const values = cleanMetadata(this.#catalogue, this.#collector.source, known.metadata);
      this.#last = { known, values };
    }
    return this.#last.values;
  }

  #withoutCheckout(): SourceReport {
    const { name, report } = this.#followed;
    const { state, reason, message, collectedAt } = report;
    switch (state) {
      case SourceState.PENDING:
        return PENDING;
      case SourceState.NO_DATA: {
        const at = collectedAt === undefined ? {} : { collectedAt };
        return { ...inWords(state, { reason, message }), truncated: NOTHING_TRUNCATED, ...at };
      }
      case SourceState.FAILED:
        return failed({ reason, message: `the current branch is not known: ${message}` });
      default:
        return failed({
          reason: "CHECKOUT_UNKNOWN",
          message: `the current branch is not known: the source ${name} does not tell what is checked out`,
        });
    }
  }
}

function failed(problem: Problem): SourceReport {
  return { ...inWords(SourceState.FAILED, problem), truncated: NOTHING_TRUNCATED };
}
