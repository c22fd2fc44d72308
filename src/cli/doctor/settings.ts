// Are the settings valid, and does each variable that looks like one have an effect?

import { envFileOf } from "../../config.ts";
import type { SettingName } from "../../config-settings.ts";
import { explainUnknown, unknownVariables } from "../../config-unknown.ts";
import { type Check, LOCAL_DEADLINE_MS, ok, problem, warning } from "./check.ts";
import type { Subject } from "./subject.ts";

/** Settings that another check speaks of. */
const OF_OTHERS: ReadonlySet<SettingName> = new Set([
  "workspace",
  "token",
  "tokenFile",
  "tlsCert",
  "tlsKey",
  "coderTokenFile",
]);

const ADVICE = "`fleet-metadata config` shows which settings are in force and where they came from";

export function settingsCheck({ wrong, resolved, input, config }: Subject): Check {
  return {
    name: "settings",
    deadlineMs: LOCAL_DEADLINE_MS,
    run: async () => {
      const own = wrong.filter(({ settings }) => !settings.some((name) => OF_OTHERS.has(name)));
      const unknown = unknownVariables(input.env, envFileOf(input));
      const ofNoUse = [...unknown.map(explainUnknown), ...config.tracingWarnings];
      const said = [...own.map(({ message }) => message), ...ofNoUse].join("; ");
      if (own.length > 0) {
        return problem(said, "the server does not start with this");
      }
      if (ofNoUse.length > 0) {
        return warning(said, ADVICE);
      }
      const given = [...resolved.values()].filter(({ origin }) => origin !== "default").length;
      return ok(`${given} of ${resolved.size} are given, the others have their defaults`);
    },
  };
}
