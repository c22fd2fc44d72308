// The caller's trace, from the headers of W3C Trace Context (https://www.w3.org/TR/trace-context/). They may say anything: what is
// not well-formed counts as absent.

import { type Context, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { parseTraceParent, TraceState } from "@opentelemetry/core";
import type { TracedRequest } from "./tracing.ts";

/** A longer traceparent is not one: version 00 has 55 characters, and later ones may add to it. */
const MAX_PARENT_CHARACTERS = 128;

/** As many as have to be handed on; what is longer may be left out. */
const MAX_STATE_CHARACTERS = 512;

/** What a span of this request is a child of. Without a caller, or with one that is not well-formed: nothing. */
export function callerContext(caller: TracedRequest["caller"]): Context {
  const isShort = caller !== undefined && caller.parent.length <= MAX_PARENT_CHARACTERS;
  const parent = isShort ? parseTraceParent(caller.parent) : null;
  if (parent === null) {
    return ROOT_CONTEXT;
  }
  const { state } = caller ?? {};
  const traceState =
    state !== undefined && state.length <= MAX_STATE_CHARACTERS ? new TraceState(state) : undefined;
  return trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true, ...(traceState && { traceState }) });
}
