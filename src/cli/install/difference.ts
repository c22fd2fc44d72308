// What differs between two texts, line by line. Pure.

/** Lines around a difference that are shown with it. */
const CONTEXT = 2;

/** Lines that go with "-", lines that come with "+", with some around them. */
export function differenceOf(before: string, after: string): string {
  const lines = compare(splitLines(before), splitLines(after));
  const isShown = lines.map((_, index) =>
    lines.slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1).some(({ sign }) => sign !== " "),
  );
  return lines
    .flatMap(({ sign, text }, index) => {
      const gap = isShown[index] && index > 0 && !isShown[index - 1] ? ["...\n"] : [];
      return isShown[index] ? [...gap, `${sign}${text}\n`] : [];
    })
    .join("");
}

function splitLines(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

interface Line {
  readonly sign: " " | "-" | "+";
  readonly text: string;
}

/** The longest common subsequence stays. The texts are settings, hundreds of lines at most. */
function compare(before: readonly string[], after: readonly string[]): Line[] {
  const width = after.length + 1;
  const common = new Uint32Array((before.length + 1) * width);
  const commonAt = (row: number, column: number): number => common[row * width + column] ?? 0;
  for (let row = before.length - 1; row >= 0; row -= 1) {
    for (let column = after.length - 1; column >= 0; column -= 1) {
      common[row * width + column] =
        before[row] === after[column]
          ? commonAt(row + 1, column + 1) + 1
          : Math.max(commonAt(row + 1, column), commonAt(row, column + 1));
    }
  }
  const lines: Line[] = [];
  let [row, column] = [0, 0];
  while (row < before.length || column < after.length) {
    const [old, fresh] = [before[row], after[column]];
    if (old !== undefined && old === fresh) {
      lines.push({ sign: " ", text: old });
      row += 1;
      column += 1;
    } else if (
      fresh !== undefined &&
      (old === undefined || commonAt(row, column + 1) > commonAt(row + 1, column))
    ) {
      lines.push({ sign: "+", text: fresh });
      column += 1;
    } else if (old !== undefined) {
      lines.push({ sign: "-", text: old });
      row += 1;
    }
  }
  return lines;
}
