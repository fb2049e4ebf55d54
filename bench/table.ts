/** Plain tables for a terminal or a text file. */

/** One column. */
export interface Column {
  /** Its heading. */
  readonly title: string;
  /** Numbers stand to the right, so that their digits line up. */
  readonly align: "left" | "right";
}

/**
 * Lays out rows under their headings, two spaces between columns, one line each, without spaces at the ends. Cells are
 * ASCII; each row has one for every column.
 *
 * @throws {RangeError} for a row with more or fewer cells.
 */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const odd = rows.find((row) => row.length !== columns.length);
  if (odd !== undefined) {
    throw new RangeError(`Cannot lay out a row of ${odd.length} cells in ${columns.length} columns`);
  }
  const titles = columns.map((column) => column.title);
  const all = [titles, ...rows];
  const widths = titles.map((_, i) => Math.max(...all.map((row) => (row[i] as string).length)));
  const lines = [titles, widths.map((width) => "-".repeat(width)), ...rows].map((row) =>
    row.map((cell, i) => {
      const width = widths[i] as number;
      return columns[i]?.align === "right" ? cell.padStart(width) : cell.padEnd(width);
    }).join("  ").trimEnd()
  );
  return lines.join("\n");
}
