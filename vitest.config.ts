import { configDefaults, defineConfig } from "vitest/config";
import { FaultReporter } from "./scripts/fault-reporter.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // As in the program.
    setupFiles: ["test/helpers/small-headers.ts"],
    reporters: [...configDefaults.reporters, new FaultReporter(import.meta.dirname)],
    // Tests wait for events, each with a deadline of its own; this one only ends what hangs.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    restoreMocks: true,
    unstubEnvs: true,
  },
});
