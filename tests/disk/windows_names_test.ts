import { assertEquals, assertNotEquals } from "@std/assert";
import { windowsNameFault } from "../../src/disk/windows_names.ts";

const REFUSED = [
  ..."con PRN aux NUL com0 COM1 lpt9 CONIN$ conout$ com¹ LPT³".split(" "),
  "nul.txt",
  "NUL .txt",
  "con.tar.gz",
  "aux.",
  "a\\b",
  "..\\evil",
  "C:",
  "C:evil",
  "file:stream",
  "name.",
  "name ",
  "...",
  "a<b",
  'a"b',
  "a|b",
  "a?b",
  "a*b",
  "line\nfeed",
  "\u0001",
  "PROGRA~1",
  "LONGNA~1.TXT",
  "a~1",
];

const ALLOWED = [
  "file.txt",
  ".hidden",
  "console",
  "nulls",
  "com",
  "com10",
  "lpt",
  "auxiliary.txt",
  "CON-fused",
  "a b",
  "name.of.many.dots",
  "~",
  "~backup",
  "name~",
  "a~b",
  "a longer name~1",
  "name.html~1",
  "ünïcödé",
];

for (const name of REFUSED) {
  Deno.test(`windowsNameFault() refuses ${JSON.stringify(name)}`, () => {
    assertNotEquals(windowsNameFault(name), undefined);
  });
}

for (const name of ALLOWED) {
  Deno.test(`windowsNameFault() allows ${JSON.stringify(name)}`, () => {
    assertEquals(windowsNameFault(name), undefined);
  });
}
