import { assertEquals, assertThrows } from "@std/assert";
import { decodeHeaderBackup, encodeHeaderBackup } from "../../src/text/header_backup.ts";

Deno.test("decodeHeaderBackup() gives back a header, whatever stands around it", () => {
  for (const pages of [1, 4, 16]) {
    const header = Uint8Array.from({ length: pages * 4096 }, (_, i) => i % 251);
    const text = encodeHeaderBackup(header);
    for (const form of [text, `Subject: keep this\n\n${text}\nbye`, text.replaceAll("\n", "\r\n")]) {
      assertEquals(Uint8Array.from(decodeHeaderBackup(form)), header);
    }
  }
});

Deno.test("decodeHeaderBackup() refuses what is none, and every prefix of one", () => {
  const text = encodeHeaderBackup(new Uint8Array(4096));
  for (let length = 0; length < text.length - 2; length += 37) {
    assertThrows(() => decodeHeaderBackup(text.slice(0, length)), RangeError, "no whole header backup");
  }
  const lines = text.split("\n");
  assertThrows(() => decodeHeaderBackup(lines.toSpliced(2, 1).join("\n")), RangeError, "not whole");
  assertThrows(() => decodeHeaderBackup(text.replace("AAAA", "A!AA")), RangeError, "not base64");
});
