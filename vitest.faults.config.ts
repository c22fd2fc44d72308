// Only the tests that show a guarantee about faults and attacks.

import { mergeConfig } from "vitest/config";
import { FAULT_TESTS } from "./scripts/fault-results.ts";
import all from "./vitest.config.ts";

export default mergeConfig(all, { test: { testNamePattern: FAULT_TESTS } });
