// Variables that look like settings of ours and are none: most likely misspelt. Pure.

import { closest } from "fastest-levenshtein";
import type { Environment } from "./config-environment.ts";
import { SETTINGS, type Setting, variablesOf } from "./config-settings.ts";

/** A variable that nobody reads. */
export interface UnknownVariable {
  readonly name: string;
  readonly origin: "environment" | "env file";
  /** The variable that was probably meant. */
  readonly closest: string;
}

/** What all our own variables begin with; the others are names of other programs. */
const PREFIX = "FLEET_";

/** @returns in alphabetical order, those of the environment first. Variables without a value count as absent. */
export function unknownVariables(env: Environment, envFile: Environment): UnknownVariable[] {
  const known = Object.values(SETTINGS).flatMap((setting: Setting) => variablesOf(setting));
  const own = known.filter((name) => name.startsWith(PREFIX));
  const unknownIn = (origin: UnknownVariable["origin"], variables: Environment): UnknownVariable[] =>
    Object.keys(variables)
      .filter((name) => name.startsWith(PREFIX) && variables[name] && !known.includes(name))
      .sort()
      .map((name) => ({ name, origin, closest: closest(name, own) }));
  return [...unknownIn("environment", env), ...unknownIn("env file", envFile)];
}

/** For a person: which it is, and what was probably meant. */
export function explainUnknown({ name, origin, closest: meant }: UnknownVariable): string {
  const place = origin === "env file" ? " (in the file named by --env-file)" : "";
  return `${name}${place} is no setting and has no effect; the closest one is ${meant}`;
}
