// Servers in the process of a test use what they use in a process of their own.

import { useSmallHeaders } from "../../src/headers.ts";

useSmallHeaders();
