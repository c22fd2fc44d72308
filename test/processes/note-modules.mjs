// Imported before a program, it writes the address of each module that the program loads into the file that FLEET_TEST_MODULES names.

import { appendFileSync } from "node:fs";
import { registerHooks } from "node:module";

registerHooks({
  load: (url, context, nextLoad) => {
    appendFileSync(process.env.FLEET_TEST_MODULES, `${url}\n`);
    return nextLoad(url, context);
  },
});
