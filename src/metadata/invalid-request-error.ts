// The error for what a client got wrong.

/** A request asks for something that is not allowed. The message names the field, what was wrong and what is allowed. */
export class InvalidRequestError extends Error {
  override readonly name = "InvalidRequestError";
  /** Name of the field as in the proto file, or of the query parameter. */
  readonly field: string;
  /** What was wrong with it, and what is allowed. */
  readonly problem: string;

  constructor(field: string, problem: string) {
    super(`${field}: ${problem}`);
    this.field = field;
    this.problem = problem;
  }
}
