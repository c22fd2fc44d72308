// Questions to the user that are open at the same time: an agent's helpers work side by side, and so do tools. What one of them
// goes on with answers no question of another. Pure.

/** A question, as the word `HELPER:SUBJECT`. */
export interface Question {
  /** Who asks: a helper by its id; empty: the agent itself. */
  readonly helper: string;
  /** The tool or service that it is about. Absent: whatever this helper has asked, and of the agent itself whatever is open. */
  readonly subject?: string | undefined;
}

/** More at a time are not kept apart: the oldest are forgotten. */
const MAX_OPEN = 16;

/** Longest name that is told from others, in UTF-16 code units. */
const MAX_NAME = 80;

/** The open questions and one more. One that is open already is not there twice. */
export function withQuestion(open: string | undefined, question: Question): string {
  const words = new Set([...(open?.split(" ") ?? []), wordOf(question)]);
  return [...words].slice(-MAX_OPEN).join(" ");
}

/** The questions that are still open after an answer. Undefined: none. */
export function withoutQuestion(open: string | undefined, answered: Question): string | undefined {
  const { helper, subject } = answered;
  if (open === undefined || (helper === "" && subject === undefined)) {
    return undefined;
  }
  const word = wordOf(answered);
  const isLeft = (one: string): boolean => (subject === undefined ? !one.startsWith(word) : one !== word);
  return open.split(" ").filter(isLeft).join(" ") || undefined;
}

function wordOf({ helper, subject = "" }: Question): string {
  const [who, what] = [helper, subject].map((name) => name.slice(0, MAX_NAME).replaceAll(/[\s:]/g, "_"));
  return `${who}:${what}`;
}
