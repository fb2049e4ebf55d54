/** Reads FORMAT.md, so that the document and the code cannot say different things unnoticed. */

const DOCUMENT = Deno.readTextFileSync(new URL("../../FORMAT.md", import.meta.url));

/** The text of one section, without its heading. */
export function section(heading: string): string {
  const start = DOCUMENT.indexOf(`\n## ${heading}\n`);
  if (start < 0) throw new Error(`Cannot find the section "${heading}" of FORMAT.md`);
  const from = start + heading.length + 5;
  const end = DOCUMENT.indexOf("\n## ", from);
  return DOCUMENT.slice(from, end < 0 ? undefined : end);
}

/** The cells of a section's first table, without its head. */
export function tableOf(heading: string): string[][] {
  const lines = section(heading).split("\n");
  const start = lines.findIndex((line) => line.startsWith("|"));
  const rows: string[][] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith("|")) break;
    rows.push(line.split("|").slice(1, -1).map((cell) => cell.trim()));
  }
  return rows;
}

/** The bytes of one of the test values: what is indented below its name. */
export function testValue(name: string): Uint8Array<ArrayBuffer> {
  const lines = section("Test values").split("\n");
  const start = lines.indexOf(name);
  if (start < 0) throw new Error(`Cannot find the test value "${name}" in FORMAT.md`);
  let digits = "";
  for (const line of lines.slice(start + 1)) {
    if (!line.startsWith("    ")) break;
    digits += line.replaceAll(" ", "");
  }
  return Uint8Array.fromHex(digits);
}
