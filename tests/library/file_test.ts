import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  createArchiveFile,
  type Entry,
  fileSource,
  inspectArchive,
  openArchive,
  SourceError,
  TargetError,
  verifyArchive,
} from "../../mod.ts";
import { ARCHIVE_KEY, collect, sampleContents, sampleEntries } from "./samples.ts";

const OPTIONS = { archiveKey: ARCHIVE_KEY };

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}

Deno.test("createArchiveFile() writes the archive with its final header, for its owner alone", () =>
  withFolder(async (folder) => {
    const path = `${folder}/a.coffer`;
    const created = await createArchiveFile(path, sampleEntries(), OPTIONS);
    assertEquals(await namesIn(folder), ["a.coffer"]);
    const info = await Deno.stat(path);
    assertEquals(info.size, created.length);
    if (Deno.build.os !== "windows") assertEquals((info.mode ?? 0) & 0o777, 0o600);
    assertEquals((await Deno.readFile(path)).subarray(0, created.header.length), created.header);
    using file = fileSource(path);
    const archive = await openArchive(file, OPTIONS);
    assertEquals(archive.id, created.id);
    assertEquals(await collect(archive.list()), sampleContents().map(([info]) => info));
    assertEquals((await verifyArchive(file, OPTIONS)).id, created.id);
    assertEquals((await inspectArchive(file)).length, created.length);
  }));

Deno.test("createArchiveFile() replaces nothing unless asked, and then not before it is done", () =>
  withFolder(async (folder) => {
    const path = `${folder}/a.coffer`;
    await Deno.writeTextFile(path, "precious");
    await assertRejects(() => createArchiveFile(path, [], OPTIONS), TargetError, "exists already");
    async function* entries(): AsyncGenerator<Entry> {
      assertEquals(await Deno.readTextFile(path), "precious");
      yield { path: "a", content: "x" };
    }
    await createArchiveFile(path, entries(), { ...OPTIONS, overwrite: true });
    assertEquals(await namesIn(folder), ["a.coffer"]);
    using file = fileSource(path);
    assertEquals((await openArchive(file, OPTIONS)).totals.files, 1);
  }));

Deno.test("createArchiveFile() leaves nothing behind when it fails or is aborted", () =>
  withFolder(async (folder) => {
    const path = `${folder}/a.coffer`;
    const abort = new AbortController();
    let temporary: string[] = [];
    async function* entries(): AsyncGenerator<Entry> {
      yield { path: "a", content: "x" };
      temporary = await namesIn(folder);
      abort.abort(new Error("enough"));
      yield { path: "b", content: "x" };
    }
    const work = () => createArchiveFile(path, entries(), { ...OPTIONS, signal: abort.signal });
    await assertRejects(work, Error, "enough");
    assertEquals(temporary.length, 1);
    assert(temporary[0] !== "a.coffer");
    await assertRejects(() => createArchiveFile(path, [{ path: "a" }], OPTIONS), TypeError, "needs content");
    await assertRejects(() => createArchiveFile(path, [], {}), TypeError, "without a key");
    assertEquals(await namesIn(folder), []);
  }));

Deno.test("fileSource() refuses what is no file, and reads nothing once it is closed", () =>
  withFolder(async (folder) => {
    assertThrows(() => fileSource(folder), SourceError, "it is a folder");
    assertThrows(() => fileSource(`${folder}/absent`), Error);
    await Deno.writeTextFile(`${folder}/a`, "hello");
    const file = fileSource(`${folder}/a`);
    assertEquals(new TextDecoder().decode(await file.read(1, 100)), "ello");
    file.close();
    await assertRejects(() => file.read(0, 1), TypeError, "closed");
  }));
