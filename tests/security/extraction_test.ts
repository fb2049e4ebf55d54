/**
 * Extracts hostile archives with the real program, from a file and from a pipe, into a folder that was not there and
 * into one that was: nothing outside the target is created or changed, what was in it stays as it was, the exit code is
 * the right one, and nothing crashes.
 */
import { assert, assertEquals } from "@std/assert";
import { inFolder, POSIX, testWith } from "../e2e/conditions.ts";
import { expectExit, PASSPHRASE, type RunOptions, together } from "../e2e/program.ts";
import { describeTree, exists, leftovers, writeTree } from "../e2e/trees.ts";
import { EXTRACTION_CASES, type ExtractionCase, sealCase, TAKEN_NAME } from "./extraction_cases.ts";

/** Characters that a terminal acts on, line feeds apart. */
// deno-lint-ignore no-control-regex -- they are what is looked for
const TERMINAL_CONTROLS = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

/** What lies beside the targets, and in the one that exists already. */
function writeSurroundings(folder: string): void {
  writeTree(folder, {
    "outside/precious": "precious",
    "outside/folder/precious": "precious too",
    [`existing/${TAKEN_NAME}`]: "mine",
    "existing/link": { link: "../outside" },
    "existing/nowhere": { link: "../outside/new" },
    "existing/precious": { link: "../outside/precious" },
  });
  Deno.chmodSync(`${folder}/existing`, 0o751);
}

/** The tree without what was new in it. */
function known(tree: Record<string, string>, before: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(tree).filter(([path]) => path in before));
}

/** A folder's description without its own time, which new entries change. */
function withoutTime(tree: Record<string, string>): Record<string, string> {
  return { ...tree, ".": tree["."]!.replace(/, modified .*$/, "") };
}

async function extractEverywhere(test: ExtractionCase): Promise<void> {
  await inFolder(async (folder) => {
    const ways = [["file", "new"], ["file", "existing"], ["pipe", "new"], ["pipe", "existing"]] as const;
    await together(ways.map(async ([from, target]) => {
      const exits = target === "existing" ? test.exitsInExisting ?? test.exits : test.exits;
      const exit = typeof exits === "number" ? exits : exits[from === "file" ? 0 : 1];
      const place = `${folder}/${from}-${target}`;
      writeSurroundings(place);
      const bytes = await sealCase(test, `${place}/outside`, PASSPHRASE);
      const outside = await describeTree(`${place}/outside`);
      const existing = await describeTree(`${place}/existing`);
      const archive = `${folder}/${from}-${target}.coffer`;
      Deno.writeFileSync(archive, bytes);
      const options: RunOptions = from === "pipe" ? { stdin: bytes } : {};
      const args = [
        "extract",
        from === "pipe" ? "-" : archive,
        "-C",
        `${place}/${target}`,
        "-v",
        ...(test.options ?? []),
      ];
      const { out, err } = await expectExit(exit, args, options);
      const where = `${from} into ${target}: ${err}`;
      assertEquals(out, "", where);
      assert(!TERMINAL_CONTROLS.test(err), where);
      assertEquals(await describeTree(`${place}/outside`), outside, where);
      const after = await describeTree(`${place}/existing`);
      assertEquals(withoutTime(known(after, existing)), withoutTime(existing), where);
      assertEquals(leftovers(place), [], where);
      // A target that was not there is there when the archive was good, and only then.
      assertEquals(exists(`${place}/new`), target === "new" && (exit === 0 || exit === 3), where);
      assertEquals([...Deno.readDirSync(place)].length, exists(`${place}/new`) ? 3 : 2, where);
    }));
  });
}

for (const test of EXTRACTION_CASES) {
  testWith(POSIX, `extract touches nothing outside for an archive ${test.about}`, () => extractEverywhere(test));
}
