// Reads server-sent events from a service that nobody vouches for. Pure: it is given pieces of text.

/** An event is given with its name and its data. */
export type OnEvent = (name: string, data: string) => void;

/** Events with longer data are not wanted: they are skipped without being kept. In characters. */
const MAX_EVENT_CHARACTERS = 4_096;

/**
 * A reader of one stream, which is given its text piece by piece (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 * Keeps a few kilobytes at most, however long lines and events are.
 */
export function createEventReader(onEvent: OnEvent): (piece: string) => void {
  let line = "";
  let name = "";
  let data: string[] = [];
  let characters = 0;
  let endsWithReturn = false;

  const endOfLine = (): void => {
    if (line === "") {
      if (data.length > 0 && characters <= MAX_EVENT_CHARACTERS) {
        onEvent(name === "" ? "message" : name, data.join("\n"));
      }
      name = "";
      data = [];
      characters = 0;
      return;
    }
    const [, field = "", value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === "event") {
      name = value;
    } else if (field === "data" && characters <= MAX_EVENT_CHARACTERS) {
      data.push(value);
    }
    line = "";
  };

  const append = (text: string): void => {
    characters += text.length;
    line = characters > MAX_EVENT_CHARACTERS ? `${line}${text}`.slice(0, 64) : line + text;
  };

  return (piece) => {
    // A line may end with a carriage return and a line feed that arrive in two pieces.
    const text = endsWithReturn && piece.startsWith("\n") ? piece.slice(1) : piece;
    endsWithReturn = piece === "" ? endsWithReturn : piece.endsWith("\r");
    const lines = text.split(/\r\n|\r|\n/);
    for (const [index, part] of lines.entries()) {
      append(part);
      if (index < lines.length - 1) {
        endOfLine();
      }
    }
  };
}
