// The error for a command that could not do its work.

/** Told to the user in one line; the command exits with 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}
