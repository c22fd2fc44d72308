import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // As in the program.
    setupFiles: ["test/helpers/small-headers.ts"],
    // Tests wait for events, each with a deadline of its own; this one only ends what hangs.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    restoreMocks: true,
    unstubEnvs: true,
  },
});
