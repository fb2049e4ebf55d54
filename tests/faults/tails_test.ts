/** What may stand behind an archive, and what must not be taken for it; the sizes of torn tails are a sample. */
import { assertEquals } from "@std/assert";
import type { Bytes } from "../../src/engine/engine.ts";
import { RECORD_BYTES } from "../../src/format/locator.ts";
import { seededRandom } from "../archive/archive_builder.ts";
import { joined } from "../archive/archive_draft.ts";
import { inFolder } from "../e2e/conditions.ts";
import { grown, ORIGINAL, refused, tornTail, treeIn, TREES } from "./tails.ts";

const MIB = 2 ** 20;
const SECOND = TREES[1] ?? {};
const THIRD = TREES[2] ?? {};

Deno.test("a torn tail of any size is warned of, keeps nothing from being read, and is cut by the next update (a sample)", async () => {
  await inFolder(async (folder) => {
    const segment = (await grown(folder, SECOND)).subarray(ORIGINAL.length);
    const begun = segment.subarray(0, segment.length - RECORD_BYTES - 4096);
    for (const bytes of [1, 31, 32, 63, 64, 65, 4095, 4096, 4097, 70_000, 70_001, MIB, 64 * MIB]) {
      await tornTail(folder, bytes, begun);
    }
    // What a disk had not written reads as zeros.
    for (const bytes of [1, 4096, 16 * MIB + 1]) await tornTail(folder, bytes, new Uint8Array(0));
  });
});

Deno.test("noise behind an archive is neither taken for the remains of an update nor cut off", async () => {
  await inFolder(async (folder) => {
    for (const bytes of [100, 4096, MIB]) {
      await refused(folder, joined(ORIGINAL, seededRandom(bytes)(bytes)), "trailing-data");
    }
  });
});

Deno.test("a whole update with a bad locator, which the header does not know, is refused and never cut off", async () => {
  await inFolder(async (folder) => {
    const whole = await grown(folder, SECOND);
    whole.set(ORIGINAL.subarray(0, 8192));
    for (const at of [1, RECORD_BYTES / 2, RECORD_BYTES]) {
      const bytes = whole.slice();
      bytes[bytes.length - at] = (bytes[bytes.length - at] as number) ^ 1;
      await refused(folder, bytes, "damaged");
      // What is before it is there for who asks.
      assertEquals(await treeIn(`${folder}/refused`, { acceptRollback: true }), TREES[0]);
    }
  });
});

Deno.test("an archive cut to an earlier segment is truncated, to whatever length, and updates do not build on it", async () => {
  await inFolder(async (folder) => {
    const whole = await grown(folder, SECOND);
    for (const length of [ORIGINAL.length, ORIGINAL.length + 1, ORIGINAL.length + 4096, whole.length - 1]) {
      await refused(folder, whole.slice(0, length), "truncated");
      assertEquals(await treeIn(`${folder}/refused`, { acceptRollback: true }), TREES[0]);
    }
  });
});

Deno.test("two continuations of one archive are whole, and neither takes the other's segment behind or in place of its own", async () => {
  await inFolder(async (folder) => {
    const [left, right] = [await grown(folder, SECOND), await grown(folder, THIRD)];
    for (const [bytes, tree] of [[left, SECOND], [right, THIRD]] as const) {
      Deno.writeFileSync(`${folder}/one`, bytes);
      assertEquals(await treeIn(`${folder}/one`), tree);
      assertEquals(await treeIn(`${folder}/one`, { snapshot: { kind: "first" } }), TREES[0]);
    }
    const segmentOf = (bytes: Bytes) => bytes.subarray(ORIGINAL.length);
    await refused(folder, joined(left, segmentOf(right)), "trailing-data");
    await refused(folder, joined(left, segmentOf(left)), "trailing-data");
    await refused(folder, joined(right, segmentOf(left)), "trailing-data");
    // The header of the one over the segment of the other: the state is a floor, and says which segment stands on it.
    await refused(folder, joined(left.subarray(0, ORIGINAL.length), segmentOf(right)), "truncated");
    await refused(folder, joined(right.subarray(0, ORIGINAL.length), segmentOf(left)), "damaged");
    // Under the header from before, the other's segment is an update that did not come to its header.
    Deno.writeFileSync(`${folder}/one`, joined(ORIGINAL, segmentOf(right)));
    assertEquals(await treeIn(`${folder}/one`), THIRD);
  });
});
