/** Every flip of a bit and every cut of whole small archives. */
import { checkCut, checkFlip, smallArchives } from "../security/small_archives.ts";

for (const archive of await smallArchives()) {
  const { name, bytes } = archive;

  Deno.test(`every flipped bit is found, or survived with a warning (${name})`, async () => {
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) await checkFlip(archive, at, bit);
    }
  });

  Deno.test(`every cut is found out (${name})`, async () => {
    for (let length = 0; length < bytes.length; length++) await checkCut(archive, length);
  });
}
