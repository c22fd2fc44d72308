// Which proxy is GitHub asked through?

import { PROXY_VARIABLES } from "../../collectors/github/index.ts";
import { withoutSecrets } from "../../config-values.ts";
import { type Check, LOCAL_DEADLINE_MS, ok, warning } from "./check.ts";
import type { Subject } from "./subject.ts";

/** Variables of other programs that name a proxy, and do not count here. */
const IGNORED = ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"];

/** @param nodeVersion without a leading "v". */
export function proxyCheck({ env }: Pick<Subject, "env">, nodeVersion: string): Check {
  return {
    name: "proxy",
    deadlineMs: LOCAL_DEADLINE_MS,
    run: async () => {
      const given = PROXY_VARIABLES.filter((name) => env[name]);
      const isSet = given.some((name) => name.toLowerCase() === "https_proxy");
      if (!isSet) {
        const ignored = IGNORED.filter((name) => env[name]);
        return ignored.length === 0
          ? ok("none: GitHub is asked directly")
          : warning(
              `${ignored.join(", ")} is set and does not count: GitHub is asked directly`,
              "set HTTPS_PROXY if GitHub can be reached through it only",
            );
      }
      const found = `GitHub is asked through it: ${given.map((name) => `${name}=${withoutSecrets(env[name] ?? "")}`).join(", ")}`;
      const [major = 0, minor = 0] = nodeVersion.split(".").map(Number);
      return major < 22 || (major === 22 && minor < 21)
        ? warning(`HTTPS_PROXY is set, which Node ${nodeVersion} does not heed`, "take Node 22.21 or newer")
        : ok(found);
    },
  };
}
