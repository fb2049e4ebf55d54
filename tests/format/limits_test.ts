import { assert, assertEquals } from "@std/assert";
import * as limits from "../../src/format/limits.ts";
import { tableOf } from "./format_document.ts";

const CLASSES = /^(—|— \(wrong usage\)|malformed|limit|unsafe|malformed; unsafe for a hardlink's target)$/;

/** `1, 4, 16`, `2^53 − 2^24`, `−62167219200`: what stands in the table, as numbers. */
function valueOf(text: string): number | number[] {
  if (text.includes(",")) return text.split(",").map(Number);
  const terms = text.replaceAll("−", "-").match(/^(-?[\d^]+)(?: - ([\d^]+))?$/);
  assert(terms !== null, `Cannot read the value "${text}"`);
  const number = (term: string) => {
    const [base, exponent] = term.split("^").map(Number);
    return exponent === undefined ? base as number : (base as number) ** exponent;
  };
  return number(terms[1] as string) - (terms[2] === undefined ? 0 : number(terms[2]));
}

Deno.test("limits has the names and values of FORMAT.md, in its order, when compared with its table", () => {
  const documented = tableOf("Limits").map(([name, value]) => [name?.replaceAll("`", ""), valueOf(value as string)]);
  const source = Deno.readTextFileSync(new URL("../../src/format/limits.ts", import.meta.url));
  const names = [...source.matchAll(/^export const (\w+)/gm)].map((match) => match[1] as string);
  assertEquals(documented, names.map((name) => [name, (limits as Record<string, unknown>)[name]]));
});

Deno.test("limits has a failure class for each row when FORMAT.md says what exceeding it is", () => {
  for (const [name, , , failure] of tableOf("Limits")) {
    assert(CLASSES.test(failure ?? ""), `${name}: ${failure}`);
  }
});
