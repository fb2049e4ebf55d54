/** Salvage after every possible loss of one page, and every possible cut at a page. */
import { assert } from "@std/assert";
import { checkRest, FILES, makeDamageable } from "../archive/damage_tree.ts";
import { catalogRanges, checkVersions, FIRST, SECOND, THIRD, third } from "../archive/grown_tree.ts";
import { isWhole, salvage } from "../archive/salvaging.ts";

const PAGE = 4096;

for (const blockBytes of [8192, 131_072, 1_000_000]) {
  for (const state of ["known", "streamed"] as const) {
    Deno.test(`salvage after each page of an archive is zeroed in turn: ${state}, blocks of ${blockBytes}`, async () => {
      const made = await makeDamageable(state, blockBytes);
      let harmed = 0;
      for (let at = 0; at < made.bytes.length; at += PAGE) {
        const got = await salvage(made.bytes.slice().fill(0, at, at + PAGE));
        checkRest(made, got, at, at + PAGE);
        if (!FILES.every((path) => isWhole(got, path))) harmed++;
      }
      console.log(`${made.bytes.length / PAGE} pages, ${harmed} of which cost something`);
      assert(harmed > 0);
    });

    Deno.test(`salvage after a cut at each page: ${state}, blocks of ${blockBytes}`, async () => {
      const made = await makeDamageable(state, blockBytes);
      // From three pages on: before that, nothing is left but the header.
      for (let end = 3 * PAGE; end < made.bytes.length; end += PAGE) {
        const got = await salvage(made.bytes.slice(0, end));
        checkRest(made, got, end, made.bytes.length);
        assert(got.summary.isCutOff);
      }
    });
  }
}

const VERSIONS = [FIRST, SECOND, THIRD];

Deno.test("salvage of three snapshots after any two pages are zeroed, and without all catalogs and any page", async () => {
  const bare = third.slice();
  for (const { from, to } of await catalogRanges(third)) bare.fill(0, from, to);
  let tries = 0;
  for (let at = 0; at < third.length; at += PAGE) {
    checkVersions(await salvage(bare.slice().fill(0, at, at + PAGE)), VERSIONS);
    for (let other = at + PAGE; other < third.length; other += PAGE) {
      // Both header copies take one page each, and without them there is the archive key.
      checkVersions(await salvage(third.slice().fill(0, at, at + PAGE).fill(0, other, other + PAGE)), VERSIONS);
      tries++;
    }
  }
  console.log(`${tries} pairs of pages`);
  assert(tries > 100);
});
