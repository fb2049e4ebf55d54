/** What the tests of the library store and how they look at what comes back. */
import { assert, assertEquals } from "@std/assert";
import type { Engine } from "../../src/engine/engine.ts";
import { ArchiveError, type ArchiveErrorCode } from "../../src/format/errors.ts";
import { createArchive, type CreatedArchive, type CreateOptions } from "../../src/library/create.ts";
import type { Entry, EntryInfo } from "../../src/library/entry.ts";
import type { Values } from "../../src/library/intake.ts";
import { noise } from "../engine/engines.ts";

/** Opens everything here; spares the tests a key derivation each. */
export const ARCHIVE_KEY = noise(32, 99);
/** The cheapest passphrase that a writer takes. */
export const PASSPHRASE = { passphrase: "correct horse battery staple", kdf: { logN: 15 } };

const MTIME = new Date("2024-02-29T12:34:56.789Z");

/** Over two blocks long, and it does not compress. */
export const BIG = noise(5 * 2 ** 20 + 1, 7);

/** One entry of every kind and each way of giving content, out of path order. */
export function sampleEntries(): Entry[] {
  return [
    { path: "z.txt", content: "the last, and the first to come", mtime: MTIME },
    { path: ".", kind: "directory", mode: 0o700, mtime: MTIME },
    { path: "folder", kind: "directory", mtime: MTIME },
    { path: "folder/empty", content: "", mtime: MTIME },
    { path: "folder/bytes.bin", content: noise(100_000), mode: 0o4750, mtime: MTIME },
    { path: "folder-1", content: "sorts behind all that is in the folder", mtime: MTIME },
    { path: "folder/blob", content: new Blob(["a ", "blob"]), mtime: MTIME },
    { path: "folder/pieces", content: [noise(10, 3), new Uint8Array(0), noise(70_000, 4)], mtime: MTIME },
    { path: "nowhere/above/me.txt", content: "needs no folders", mtime: MTIME },
    { path: "big", content: streamInPieces(BIG, 300_000), mtime: MTIME },
    { path: "hard", kind: "hardlink", link: "folder/bytes.bin", mtime: MTIME },
    { path: "soft", kind: "symlink", link: "../anywhere", mtime: MTIME },
    { path: "pipe", kind: "fifo", mtime: MTIME },
    { path: "日本語/\u{1F600}\n", content: "names are any text", mtime: new Date(-1), owner: { uid: 1000, gid: 100 } },
    { path: "owned", content: "x", mtime: MTIME, owner: { uid: 0, gid: 0, user: "root", group: "wheel" } },
  ];
}

/** The sample's entries as an archive gives them back, in path order, with their content; a hardlink has its file's. */
export function sampleContents(): readonly (readonly [info: EntryInfo, content: Uint8Array | undefined])[] {
  const utf8 = (text: string) => new TextEncoder().encode(text);
  const info = (path: string, change: Partial<EntryInfo>): EntryInfo => ({
    path,
    kind: "file",
    size: 0,
    mode: 0o644,
    mtime: MTIME,
    owner: undefined,
    link: undefined,
    changed: false,
    ...change,
  });
  const file = (path: string, content: Uint8Array, change: Partial<EntryInfo> = {}) =>
    [info(path, { size: content.length, ...change }), content] as const;
  const other = (path: string, change: Partial<EntryInfo>, content?: Uint8Array) =>
    [info(path, change), content] as const;
  const pieces = new Uint8Array([...noise(10, 3), ...noise(70_000, 4)]);
  return [
    other(".", { kind: "directory", mode: 0o700 }),
    file("big", BIG),
    other("folder", { kind: "directory", mode: 0o755 }),
    file("folder/blob", utf8("a blob")),
    file("folder/bytes.bin", noise(100_000), { mode: 0o4750 }),
    file("folder/empty", new Uint8Array(0)),
    file("folder/pieces", pieces),
    file("folder-1", utf8("sorts behind all that is in the folder")),
    other("hard", { kind: "hardlink", link: "folder/bytes.bin" }, noise(100_000)),
    file("nowhere/above/me.txt", utf8("needs no folders")),
    file("owned", utf8("x"), { owner: { uid: 0, gid: 0, user: "root", group: "wheel" } }),
    other("pipe", { kind: "fifo" }),
    other("soft", { kind: "symlink", mode: 0o777, link: "../anywhere" }),
    file("z.txt", utf8("the last, and the first to come")),
    file("日本語/\u{1F600}\n", utf8("names are any text"), { mtime: new Date(-1), owner: { uid: 1000, gid: 100 } }),
  ];
}

/** A stream of bytes in pieces of one length. */
export function streamInPieces(bytes: Uint8Array, length: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller): void {
      if (at >= bytes.length) controller.close();
      else controller.enqueue(bytes.slice(at, at += length));
    },
  });
}

/** The bytes cut at random places, the same for the same seed; empty pieces among them. */
export function* splitAtRandom(bytes: Uint8Array, seed: number): Generator<Uint8Array> {
  const lengths = new DataView(noise(4096, seed).buffer);
  let next = 0;
  for (let at = 0; at < bytes.length; next = (next + 4) % 4096) {
    const random = lengths.getUint32(next);
    const length = random % 3 === 0 ? random % 7 : random % 200_000;
    yield bytes.slice(at, at + length);
    at += length;
  }
}

/** Creates an archive in memory, with its key {@linkcode ARCHIVE_KEY} unless told otherwise. */
export async function createBytes(
  engine: Engine,
  entries: Values<Entry>,
  options: CreateOptions = { archiveKey: ARCHIVE_KEY },
): Promise<CreatedArchive & { readonly bytes: Uint8Array<ArrayBuffer> }> {
  const { readable, result } = createArchive(engine, entries, options);
  const bytes = await new Response(readable).bytes();
  return { ...await result, bytes };
}

/** All values of an iterable. */
export async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

/** The code with which something is refused; fails when it is not, or with another error. */
export async function refusal(work: () => unknown): Promise<ArchiveErrorCode> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ArchiveError) return error.code;
    throw error;
  }
  throw new Error("it was not refused");
}

/** Compares bytes; megabytes of them are not printed. */
export function assertBytes(actual: Uint8Array | undefined, expected: Uint8Array, name: string): void {
  assert(actual !== undefined, name);
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  assertEquals({ length: actual.length, differsAt: at }, { length: expected.length, differsAt: -1 }, name);
}
