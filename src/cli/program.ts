// The commands and their flags.

import { Command } from "commander";
import { ConfigError } from "../config.ts";
import { SETTINGS, type SettingName } from "../config-settings.ts";
import { InvalidRequestError } from "../metadata/invalid-request-error.ts";
import { CommandError } from "./command-error.ts";
import { config } from "./config.ts";
import { get } from "./get.ts";
import { keys } from "./keys.ts";
import { addSettings, type CliContext } from "./options.ts";
import { serve } from "./serve.ts";
import { watch } from "./watch.ts";

const ALL = Object.keys(SETTINGS) as SettingName[];
const SERVE = ALL.filter((name) => name !== "url");
const GET: readonly SettingName[] = [
  "url",
  "token",
  "tokenFile",
  "workspace",
  "taskFile",
  "githubToken",
  "githubTokenFile",
  "githubHost",
  "githubServerUrl",
  "githubApiUrl",
  "gitDeadlineMs",
  "listen",
];

const WATCH: readonly SettingName[] = ["url", "token", "tokenFile", "listen"];

/** Exit codes: as of a shell, 1 when the work failed, 2 when it was asked for wrongly, 130 when a signal ended it. */
const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/**
 * Runs the program.
 *
 * @param args the arguments after the program's name.
 * @returns the exit code. Errors are one line on standard error.
 */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  try {
    await createProgram(context).parseAsync([...args], { from: "user" });
    return EXIT.ok;
  } catch (error) {
    return explain(error, context);
  }
}

function createProgram(context: CliContext): Command {
  const program = new Command("fleet-metadata")
    .description("Serves what is going on in this workspace: git, pull request, coding agent.")
    .version(context.version, "--version", "print the version")
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      // Commander puts what was probably meant on a line of its own.
      outputError: (text, write) =>
        write(
          `${text
            .replace(/^error: /, "fleet-metadata: ")
            .trim()
            .replaceAll("\n", " ")}\n`,
        ),
    });
  const json = ["--json", "print JSON, as it is when the output is not a terminal"] as const;

  addSettings(program.command("serve", { isDefault: true }), SERVE)
    .description("run the server (the default command)")
    // The default command gets every word that is no command.
    .allowExcessArguments()
    .action(async (_, command: Command) => {
      const [unknown] = command.args;
      if (unknown !== undefined) {
        const known = program.commands.map((other) => other.name());
        command.error(
          known.includes(unknown)
            ? `error: flags go behind the command: fleet-metadata ${unknown} ...`
            : `error: unknown command '${unknown}'; the commands are ${known.join(", ")}`,
        );
      }
      await serve(command, context);
    });
  addSettings(program.command("get"), GET)
    .description("read the metadata once, from a running server")
    .argument("[KEY...]", 'only these keys; a trailing "*" makes a prefix')
    .option("--direct", "collect here and now, without a server")
    .option(...json)
    .action((names: string[], options, command: Command) => get(names, options, command, context));
  addSettings(program.command("watch"), WATCH)
    .description("follow a running server: a table on a terminal, else one line of JSON per change")
    .argument("[KEY...]", 'only these keys; a trailing "*" makes a prefix')
    .option("--json", "print one line of JSON per change on a terminal too")
    .action((names: string[], options, command: Command) => watch(names, options, command, context));
  program
    .command("keys")
    .description("list all keys with type, source and description")
    .option(...json)
    .action((options) => keys(options, context));
  addSettings(program.command("config"), ALL)
    .description("show every setting in force and where it came from")
    .option(...json)
    .action((options, command: Command) => config(options, command, context));
  return program;
}

function explain(error: unknown, { stderr, signal }: CliContext): number {
  if (signal.aborted) {
    return EXIT.interrupted;
  }
  if (error instanceof CommandError) {
    stderr.write(`fleet-metadata: ${error.message}\n`);
    return EXIT.failed;
  }
  if (error instanceof ConfigError || error instanceof InvalidRequestError) {
    stderr.write(`fleet-metadata: ${error.message}\n`);
    return EXIT.usage;
  }
  if (
    error instanceof Error &&
    "exitCode" in error &&
    "code" in error &&
    String(error.code).startsWith("commander.")
  ) {
    // Commander has written its own line already. Help and version are no errors.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  const message = error instanceof Error ? error.message : String(error);
  stderr.write(`fleet-metadata: unexpected error: ${message.split("\n", 1)[0]}\n`);
  return EXIT.failed;
}
