// A text that is drawn over itself on a terminal.

const HOME = "\u001b[H";
const CLEAR = "\u001b[2J";
const CLEAR_TO_END_OF_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

export interface Screen {
  /** Puts a text in the place of the one before. What does not fit is cut: a line that wraps would shift all others. */
  draw(text: string): void;
  /** Leaves the terminal as it is. */
  close(): void;
}

export function drawOn(terminal: NodeJS.WriteStream): Screen {
  let drawn: string | undefined;
  const redraw = (start: string): void => {
    const lines = cutTo(drawn ?? "", terminal.rows || 24, terminal.columns || 80);
    terminal.write(
      `${start}${lines.map((line) => `${line}${CLEAR_TO_END_OF_LINE}\n`).join("")}${CLEAR_BELOW}`,
    );
  };
  const onResize = (): void => {
    if (drawn !== undefined) {
      redraw(CLEAR + HOME);
    }
  };
  terminal.on("resize", onResize);
  return {
    draw(text) {
      const start = drawn === undefined ? CLEAR + HOME : HOME;
      drawn = text;
      redraw(start);
    },
    close: () => void terminal.off("resize", onResize),
  };
}

/** The lines that there is room for. Two rows stay free, for the cursor and for what standard error says. */
function cutTo(text: string, rows: number, columns: number): string[] {
  const lines = text.trimEnd().split("\n");
  const room = Math.max(1, rows - 2);
  const shown =
    lines.length > room ? [...lines.slice(0, room - 1), `(${lines.length - room + 1} more lines)`] : lines;
  return shown.map((line) => (line.length > columns ? `${line.slice(0, columns - 1)}\u2026` : line));
}
