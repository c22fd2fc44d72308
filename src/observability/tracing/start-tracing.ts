// The way to traces: a server without them does not call it, and nothing of OpenTelemetry is loaded.

import type { Tracing, TracingOptions } from "./tracing.ts";

/** Makes traces. */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const { createTracing } = await import("./open-telemetry.ts");
  return createTracing(options);
}
