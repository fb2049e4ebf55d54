/** Torn tails up to 1 GiB, without the room on the disk: what was not written is a hole. */
import { RECORD_BYTES } from "../../src/format/locator.ts";
import { inFolder } from "../e2e/conditions.ts";
import { grown, ORIGINAL, tornTail, TREES } from "../faults/tails.ts";

Deno.test("a torn tail of 1 byte to 1 GiB is cut by the next update, and every snapshot stays", async () => {
  await inFolder(async (folder) => {
    const segment = (await grown(folder, TREES[1] ?? {})).subarray(ORIGINAL.length);
    const begun = segment.subarray(0, segment.length - RECORD_BYTES - 4096);
    for (let bytes = 1; bytes <= 2 ** 30; bytes *= 2) {
      for (const near of [bytes - 1, bytes, bytes + 1]) {
        if (near >= 1 && near <= 2 ** 30) await tornTail(folder, near, begun);
      }
    }
    for (let bytes = 1; bytes < begun.length; bytes += 997) await tornTail(folder, bytes, begun);
    await tornTail(folder, 2 ** 30, new Uint8Array(0));
  });
});
