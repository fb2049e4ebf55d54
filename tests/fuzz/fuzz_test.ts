/** A few seconds of the fuzzer, and that it sees what it is there to see. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { ArchiveError } from "../../src/format/errors.ts";
import { type Header, isDeduplicated } from "../../src/format/header.ts";
import { inFolder } from "../e2e/conditions.ts";
import {
  ALL_CHECKS,
  type ArchiveRecipe,
  buildArchive,
  type BuiltArchive,
  checkArchive,
  plain,
  randomRecipe,
} from "./archive_target.ts";
import { BASE_COUNT, baseDraft, KEYS } from "./base_drafts.ts";
import { Chance } from "./chance.ts";
import { CODEC_TARGETS } from "./codec_targets.ts";
import { ExtractionGround } from "./extraction_check.ts";
import { type FindingFile, runCodec, tryFinding, writeFinding } from "./finding_file.ts";

import { buildGrown, checkGrown } from "./grown_target.ts";

const FUZZER = fromFileUrl(new URL("./main.ts", import.meta.url));
const FINDINGS = new URL("./findings/", import.meta.url);

async function fuzz(...args: string[]): Promise<{ code: number; out: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", FUZZER, ...args],
  }).output();
  return { code, out: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test("the fuzzer finds nothing in a few seconds", async () => {
  const { code, out } = await fuzz("--seconds", "6", "--seed", "20261123");
  assertEquals(code, 0, out);
  assertMatch(out, /^seed 20261123: [1-9][0-9]* archives .* 0 findings$/m);
});

Deno.test("the archives that the fuzzer begins with are taken in every way, with every key that has a slot", async () => {
  using ground = new ExtractionGround();
  for (let base = 0; base < BASE_COUNT; base++) {
    const recipe: ArchiveRecipe = { target: "archive", base, keys: 0, genes: [] };
    const built = buildArchive(recipe) as BuiltArchive;
    const isShared = isDeduplicated(baseDraft(base).onHeader({ readFeatures: 0 } as Header, "A"));
    const expected = isShared ? /^stream shared content / : /^stream none 0 /;
    assertMatch((await checkArchive(built, ALL_CHECKS))[0] as string, expected, `base ${base}`);
    await ground.check(built);
  }
  for (const keys of KEYS.keys()) {
    const built = buildArchive({ target: "archive", base: 4, keys, genes: [] }) as BuiltArchive;
    assertMatch((await checkArchive(built, ALL_CHECKS))[0] as string, /^stream none 0 /, `keys ${keys}`);
  }
});

Deno.test("the archives of several segments that the fuzzer begins with are taken whole", async () => {
  for (const base of [0, 1, 2, 3, 4, 5, 6]) {
    const signs = await checkGrown(buildGrown({ target: "grown", base, genes: [] }));
    const record = base < 3 || base === 6 ? "record none" : "record 0 gaps, 0 lost, 0 mended";
    assertEquals(signs, ["whole none", "newest none", "first none", "salvage none", record]);
  }
});

Deno.test("a recipe makes the same archive each time, and few of them make none", () => {
  let made = 0;
  for (let i = 0; i < 60; i++) {
    const recipe = randomRecipe(new Chance(5, i));
    const [one, two] = [buildArchive(recipe), buildArchive(recipe)];
    assertEquals(one?.bytes, two?.bytes);
    if (one !== undefined) made++;
  }
  assert(made > 50, `${made} of 60`);
});

Deno.test("every decoder takes what it begins with", () => {
  for (const target of CODEC_TARGETS) {
    for (const seed of target.seeds) {
      assertEquals(runCodec(target, seed), `${target.name}: taken`);
    }
  }
});

Deno.test("what a decoder must not throw passes through, and what it may does not", () => {
  const throwing = (error: Error) => ({
    name: "x",
    seeds: [],
    throws: [RangeError],
    run: () => {
      throw error;
    },
  });
  assertEquals(runCodec(throwing(new RangeError("no 7")), new Uint8Array(0)), "x: no 0");
  assertEquals(runCodec(throwing(new ArchiveError("limit", 'of "a"')), new Uint8Array(0)), 'x: limit of ""');
  const bug = new TypeError("a bug");
  try {
    runCodec(throwing(bug), new Uint8Array(0));
    throw new Error("it was taken");
  } catch (error) {
    assertEquals(error, bug);
  }
});

Deno.test("an input that was found is written down and tried again from its file alone", async () => {
  await inFolder(async (folder) => {
    const recipe: ArchiveRecipe = { target: "archive", base: 0, keys: 0, genes: [] };
    const { bytes } = buildArchive(recipe) as BuiltArchive;
    const path = await writeFinding(folder, { target: "archive", recipe, bytes }, "a test");
    const { code, out } = await fuzz("--repeat", path);
    assertEquals([code, out], [0, "Nothing is wrong with it\n"]);
    using ground = new ExtractionGround();
    await assertRejects(
      () =>
        tryFinding(
          { about: "", target: "no such decoder", input: JSON.parse(Deno.readTextFileSync(path)).input },
          ground,
        ),
      RangeError,
    );
  });
});

Deno.test("an answer is told from others without its names and numbers", () => {
  assertEquals(plain('Cannot accept "a\\"7" at 19: it has 4 rows'), 'Cannot accept "" at 0: it has 0 rows');
});

Deno.test("what was found once is not found again", async () => {
  using ground = new ExtractionGround();
  let files: Deno.DirEntry[] = [];
  try {
    files = [...Deno.readDirSync(FINDINGS)];
  } catch (error) {
    // None has been kept.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  for (const { name } of files) {
    await tryFinding(JSON.parse(Deno.readTextFileSync(new URL(name, FINDINGS))) as FindingFile, ground);
  }
});
