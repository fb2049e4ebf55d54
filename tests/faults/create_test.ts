/**
 * `create` and `copy` as the program runs them, over a disk that fails at every call and every crash of it: the name of
 * the new archive stands for a whole one, or for what it stood for before.
 */
import { assert, assertEquals } from "@std/assert";
import { Archive } from "../../src/archive/archive.ts";
import { plannedCopies } from "../../src/archive/copy.ts";
import { createArchive } from "../../src/archive/create.ts";
import type { PlannedEntry } from "../../src/archive/planner.ts";
import { AtomicFile } from "../../src/disk/atomic_file.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { seededRandom } from "../archive/archive_builder.ts";
import { asBytes, createInMemory, FIXED_OPTIONS } from "../archive/memory_files.ts";
import { digestOf, readByStream } from "../archive/reading.ts";
import { file } from "../archive/sample_tree.ts";
import { CountedSource } from "../archive/sources.ts";
import { FaultyFiles } from "./faulty_files.ts";

const PATH = "/d/new.coffer";
const OLD = new TextEncoder().encode("what had the name before");
const ITEMS = [file("a", "hello"), file("b", seededRandom(2)(20_000)), file("c", "x".repeat(9000))];

const original = (await createInMemory(asBytes(ITEMS))).known;

/** What is written: the entries of a tree, or those of another archive. */
const COMMANDS: Readonly<Record<string, () => Promise<AsyncIterable<PlannedEntry> | Iterable<PlannedEntry>>>> = {
  create: () => Promise.resolve(asBytes(ITEMS)),
  copy: async () => plannedCopies(await Archive.open(nativeEngine, new CountedSource(original), FIXED_OPTIONS)),
};

async function write(
  files: FaultyFiles,
  overwrite: boolean,
  entries: () => ReturnType<typeof COMMANDS[string]>,
): Promise<void> {
  using target = AtomicFile.create(PATH, { files, overwrite });
  const sink = { write: (bytes: Bytes) => target.write(bytes) };
  const written = await createArchive(nativeEngine, await entries(), sink, {
    ...FIXED_OPTIONS,
    blockBytes: 4096,
    headerLast: true,
  });
  target.writeAt(0, written.header);
  target.commit();
}

/** The digest of a whole archive; an error when it is none. */
async function digest(bytes: Bytes): Promise<string> {
  const reading = await readByStream(nativeEngine, [bytes], FIXED_OPTIONS);
  if (reading.error !== undefined) throw reading.error;
  return digestOf(reading.entries);
}

const WHOLE = await digest(original);

/** That a name stands for what it stood for, or for the whole archive; returns whether for that. */
async function isWhole(
  content: Uint8Array | undefined,
  before: Uint8Array | undefined,
  label: string,
): Promise<boolean> {
  if (content === undefined || content.length === before?.length) {
    assertEquals(content, before, label);
    return false;
  }
  assertEquals(await digest(content.slice()), WHOLE, label);
  return true;
}

for (const [name, entries] of Object.entries(COMMANDS)) {
  for (const before of [undefined, OLD]) {
    const how = before === undefined ? "a new name" : "a file that is replaced";
    const fresh = () => new FaultyFiles(before === undefined ? new Map() : new Map([[PATH, before]]));

    Deno.test(`${name}, to ${how}: every call may fail, and nothing half-written is left`, async () => {
      let failures = 0;
      for (const code of ["ENOSPC", "EIO"]) {
        for (let nth = 1;; nth++) {
          const files = fresh();
          files.fail("any", nth, { code });
          let failed = false;
          try {
            await write(files, before !== undefined, entries);
          } catch (error) {
            assert(error instanceof Error && !(error instanceof TypeError), String(error));
            failed = true;
          }
          assertEquals(files.openFiles, 0);
          const left = files.files();
          const whole = await isWhole(left.get(PATH), before, `${code} at call ${nth}`);
          left.delete(PATH);
          assertEquals([...left.keys()], [], `${code} at call ${nth} left a file`);
          if (!failed) {
            assert(whole);
            break;
          }
          failures++;
        }
      }
      assert(failures > 20, `only ${failures} failures`);
    });

    Deno.test(`${name}, to ${how}: a crash at any moment leaves the old or the whole new archive`, async () => {
      const files = fresh();
      await write(files, before !== undefined, entries);
      const seen = new Map<string, boolean>();
      let states = 0;
      for (const { label, files: left } of files.replay()) {
        states++;
        const content = left.get(PATH);
        const key = content === undefined ? "" : nativeEngine.sha256(content).toHex();
        if (!seen.has(key)) seen.set(key, await isWhole(content, before, label));
      }
      assert(states > 50, `only ${states} states`);
      assertEquals([...seen.values()].sort(), [false, true]);
    });

    Deno.test(`${name}, to ${how}: short writes change nothing`, async () => {
      const files = fresh();
      for (let nth = 1; nth < 60; nth += 2) files.fail("write", nth, { short: nth });
      await write(files, before !== undefined, entries);
      assert(await isWhole(files.files().get(PATH), before, "short writes"));
    });
  }
}
