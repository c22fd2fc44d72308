// The commands and their flags. What a command does, but for that of the server, is loaded when it is called.

import { Argument, Command } from "commander";
import { ConfigError } from "../config.ts";
import { SETTINGS, type SettingName, variablesOf } from "../config-settings.ts";
import { HOOKED_AGENTS } from "../hooks/agents.ts";
import { InvalidRequestError } from "../metadata/invalid-request-error.ts";
import { STATUSES } from "../task-file/format.ts";
import { CommandError } from "./command-error.ts";
import { addSettings, type CliContext } from "./options.ts";
import { printable } from "./printable.ts";
import { serve } from "./serve.ts";

const ALL = Object.keys(SETTINGS) as SettingName[];
const SERVE = ALL.filter((name) => name !== "url");
const GET: readonly SettingName[] = [
  "url",
  "token",
  "tokenFile",
  "workspace",
  "taskFile",
  "taskStaleAfterMs",
  "agentapiUrl",
  "coderUrl",
  "coderTokenFile",
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
    .action(async (names: string[], options, command: Command) => {
      const { get } = await import("./get.ts");
      await get(names, options, command, context);
    });
  addSettings(program.command("watch"), WATCH)
    .description("follow a running server: a table on a terminal, else one line of JSON per change")
    .argument("[KEY...]", 'only these keys; a trailing "*" makes a prefix')
    .option("--json", "print one line of JSON per change on a terminal too")
    .action(async (names: string[], options, command: Command) => {
      const { watch } = await import("./watch.ts");
      await watch(names, options, command, context);
    });
  addSettings(program.command("health"), ["url", "listen"])
    .description("ask a running server whether it is healthy; exits with 1 if it is not")
    .action(async (_, command: Command) => {
      const { health } = await import("./health.ts");
      await health(command, context);
    });
  program
    .command("keys")
    .description("list all keys with type, source and description")
    .option(...json)
    .action(async (options) => {
      const { keys } = await import("./keys.ts");
      keys(options, context);
    });
  addTask(program.command("task"), context).description("say or show what the coding agent is doing");
  addSettings(program.command("doctor"), SERVE)
    .description("look for what keeps the server from working, and say what to do; exit code 1 for a problem")
    .argument("[CHECK...]", "only these checks (default: all)")
    .option("--json", "print JSON")
    .action(async (names: string[], options, command: Command) => {
      const { doctor } = await import("./doctor.ts");
      await doctor(names, options, command, context);
    });
  addSettings(program.command("config"), ALL)
    .description("show every setting in force and where it came from")
    .option(...json)
    .action(async (options, command: Command) => {
      const { config } = await import("./config.ts");
      config(options, command, context);
    });
  return program;
}

function addTask(task: Command, context: CliContext): Command {
  const agent = (): Argument => new Argument("<AGENT>", "coding agent").choices(HOOKED_AGENTS);
  addSettings(task.command("set"), ["taskFile"])
    .description("write the task file")
    .addArgument(new Argument("<STATUS>", "what the agent does").choices(STATUSES))
    .option("--description <TEXT>", "what the task is")
    .option("--progress <PERCENT>", "how much is done, 0 to 100")
    .option("--agent <NAME>", "which coding agent")
    .option("--url <URL>", "where a person can follow the task")
    .option("--pid <PID>", "process of the agent: a running task without it has failed")
    .option("--cwd <DIR>", "directory that the task is about (default: the repository around this one)")
    .action(async (status: string, options, command: Command) => {
      const { setTask } = await import("./task-set.ts");
      setTask(status, options, command, context);
    });
  addSettings(task.command("show"), ["taskFile", "workspace"])
    .description("show what the task file says, and why it is not believed, if it is not")
    .option("--json", "print JSON, as it is when the output is not a terminal")
    .action(async (options, command: Command) => {
      const { showTask } = await import("./task-show.ts");
      await showTask(options, command, context);
    });
  addSettings(task.command("clear"), ["taskFile"])
    .description("remove the task file")
    .action(async (_, command: Command) => {
      const { clearTask } = await import("./task-clear.ts");
      clearTask(command, context);
    });
  for (const [name, description] of [
    ["install", "have an agent's hooks write the task file"],
    ["uninstall", "take our hooks out of an agent's settings"],
  ] as const) {
    addSettings(task.command(name), ["taskFile"])
      .description(description)
      .addArgument(agent())
      .option("--user", "in the user's settings, for all projects (the default)")
      .option("--project", "in the settings of this project that are not shared with others")
      .option("--dry-run", "show what would change, and write nothing")
      .action(async (name_: string, options, command: Command) => {
        const commands = await import("./task-install.ts");
        await commands[name](name_, options, command, context);
      });
  }
  // Without --help, main.ts has run it long before.
  task
    .command("hook")
    .description(
      "write the task file from what an agent tells its hook; ends soon, prints nothing, never fails",
    )
    .addArgument(agent())
    .argument("[JSON]", "the event (default: standard input)")
    .option("--event <NAME>", "the event's name, should standard input be late or cut off")
    .option("--task-file <PATH>", `${SETTINGS.taskFile.description} [$${variablesOf(SETTINGS.taskFile)[0]}]`);
  return task;
}

function explain(error: unknown, { stderr, signal }: CliContext): number {
  if (signal.aborted) {
    return EXIT.interrupted;
  }
  if (error instanceof CommandError) {
    stderr.write(`fleet-metadata: ${printable(error.message)}\n`);
    return EXIT.failed;
  }
  if (error instanceof ConfigError || error instanceof InvalidRequestError) {
    stderr.write(`fleet-metadata: ${printable(error.message)}\n`);
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
  stderr.write(`fleet-metadata: unexpected error: ${printable(message.split("\n", 1)[0] ?? "")}\n`);
  return EXIT.failed;
}
