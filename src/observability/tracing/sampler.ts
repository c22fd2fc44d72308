// Which traces are recorded, by the names that OpenTelemetry has for it.

import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace";

/** The word in front of those that do as the caller has decided, and decide themselves where there is none. */
const PARENT_BASED = "parentbased_";

/** @param name of OTEL_TRACES_SAMPLER. @param ratio from 0 to 1. */
export function createSampler(name: string, ratio: number): Sampler {
  if (name.startsWith(PARENT_BASED)) {
    return new ParentBasedSampler({ root: createSampler(name.slice(PARENT_BASED.length), ratio) });
  }
  switch (name) {
    case "always_off":
      return new AlwaysOffSampler();
    case "traceidratio":
      return new TraceIdRatioBasedSampler(ratio);
    default:
      return new AlwaysOnSampler();
  }
}
