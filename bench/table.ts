// Tables and figures as text. Pure.

/** Lines up all columns: the first to the left, all others to the right. */
export function formatTable(title: string, header: readonly string[], rows: readonly (readonly string[])[]) {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const text = lines.map((line) =>
    widths
      .map((width, column) => {
        const cell = line[column] ?? "";
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd(),
  );
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return [title, "", text[0], rule, ...text.slice(1), ""].join("\n");
}

/** A figure with three significant digits and its unit. "-" when there is none. */
export function figure(value: number | undefined, unit = ""): string {
  if (value === undefined || !Number.isFinite(value)) {
    return "-";
  }
  const size = Math.abs(value);
  const digits = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return `${value.toFixed(digits)}${unit === "" ? "" : ` ${unit}`}`;
}

/** What a figure should be: below a limit, or not above it. */
export interface Aim {
  readonly text: string;
  readonly met: (value: number) => boolean;
}

/** Without a tail of digits that says nothing. */
const round = (limit: number): number => Number(limit.toPrecision(2));

export const below = (limit: number, unit: string): Aim => ({
  text: `< ${round(limit)} ${unit}`.trim(),
  met: (value) => value < limit,
});

export const atMost = (limit: number, unit: string): Aim => ({
  text: `<= ${round(limit)} ${unit}`.trim(),
  met: (value) => value <= limit,
});

/** The two cells that stand beside a figure: its aim, and whether it is met. */
export function judge(value: number | undefined, aim: Aim | undefined): readonly [string, string] {
  if (aim === undefined) {
    return ["", ""];
  }
  return [aim.text, value !== undefined && Number.isFinite(value) ? (aim.met(value) ? "yes" : "NO") : "?"];
}
