// Tables for a terminal. Pure.

import { printable } from "./printable.ts";

/** Lines up all columns but the last, which is as long as it is. Cells are made {@link printable}. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((row) => row.map(printable));
  const widths = header.map((_, column) => Math.max(...lines.map((row) => row[column]?.length ?? 0)));
  return lines
    .map((row) =>
      row
        .map((cell, column) => (column < row.length - 1 ? cell.padEnd(widths[column] ?? 0) : cell))
        .join("  "),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}
