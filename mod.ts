/**
 * Coffer's library: encrypted archives with random access, from any entries, to any stream.
 *
 * This module runs on Deno's native cryptography and compression; `@coffer/coffer/browser` is the same without them,
 * for browsers and everything else. Neither uses a network. Archives are the same, whichever made them.
 *
 * | to | call |
 * | --- | --- |
 * | create an archive of entries | {@linkcode createArchive}, or {@linkcode createArchiveFile} for a file on disk |
 * | open one for listing and reading | {@linkcode openArchive}, of a {@linkcode fileSource}, a `Blob` or bytes |
 * | read one that comes through a pipe | {@linkcode readArchive} |
 * | check every byte of one | {@linkcode verifyArchive} |
 * | see what it takes to open one | {@linkcode inspectArchive} |
 * | append a snapshot of what changed | {@linkcode updateArchive}, of a {@linkcode lockFile} |
 * | copy snapshots under a new key | {@linkcode copyArchive}, or {@linkcode copyArchiveFile} to a file on disk |
 * | add, remove or replace its keys | {@linkcode changeKeys}, of a {@linkcode lockFile} |
 * | keep its header, or write a lost one anew | {@linkcode backupHeader}, {@linkcode restoreHeader} |
 * | make keys other than passphrases | {@linkcode KeyFile}, {@linkcode Identity} and its {@linkcode recipientOf} |
 *
 * @module
 */
import type { Source } from "./src/archive/source.ts";
import { AtomicFile } from "./src/disk/atomic_file.ts";
import { FileSource } from "./src/disk/file_source.ts";
import { LockedFile, type LockOptions } from "./src/disk/locked_file.ts";
import { nativeEngine } from "./src/engine/native/engine.ts";
import type { Archive, OpenArchiveOptions } from "./src/library/archive.ts";
import { openArchive as open } from "./src/library/archive.ts";
import {
  type ArchiveCreation,
  createArchive as create,
  type CreatedArchive,
  type CreateOptions,
} from "./src/library/create.ts";
import type { WritableSource } from "./src/archive/key_changes.ts";
import type { AppendableSource } from "./src/archive/update.ts";
import { type CopiedArchive, copyArchive as copy, type CopyOptions } from "./src/library/copy.ts";
import { changeKeys as change, type ChangeKeysOptions, type KeyChange } from "./src/library/change_keys.ts";
import {
  backupHeader as backup,
  type HeaderBackup,
  type HeaderRestore,
  restoreHeader as restore,
} from "./src/library/lost_header.ts";
import type { Entry } from "./src/library/entry.ts";
import type { ArchiveInput, ArchiveStreamInput } from "./src/library/input.ts";
import {
  type ArchiveInspection,
  inspectArchive as inspect,
  type InspectOptions,
  type KeySlotInfo,
} from "./src/library/inspect.ts";
import type { Values } from "./src/library/intake.ts";
import { type Identity, type OpenOptions, type Recipient, recipientOf as publicHalf } from "./src/library/keys.ts";
import { readArchive as read, type ReadOptions, type StreamItem } from "./src/library/read.ts";
import type { ArchiveSummary } from "./src/library/summary.ts";
import { updateArchive as update, type UpdatedArchive, type UpdateOptions } from "./src/library/update.ts";
import { verifyArchive as verify, type VerifyOptions } from "./src/library/verify.ts";

export { ArchiveError, type ArchiveErrorCode, type ArchiveErrorPlace } from "./src/format/errors.ts";
export type { Bytes, ScryptCost } from "./src/engine/engine.ts";
export type { EntryKind } from "./src/format/row.ts";
export type { Totals } from "./src/format/tables.ts";
export type { Source } from "./src/archive/source.ts";
export { TargetError } from "./src/disk/atomic_file.ts";
export { SourceError } from "./src/disk/file_source.ts";
export { LockError, type LockOptions } from "./src/disk/locked_file.ts";
export type { Archive, EntryChange, OpenArchiveOptions, SnapshotInfo, SnapshotName } from "./src/library/archive.ts";
export type { ChangedField, ChangeKind } from "./src/archive/diff.ts";
export type { AppendableSource } from "./src/archive/update.ts";
export { ArchiveBuffer } from "./src/library/memory_target.ts";
export type { CopiedArchive, CopyOptions } from "./src/library/copy.ts";
export type { UpdatedArchive, UpdateOptions } from "./src/library/update.ts";
export { comparePaths } from "./src/format/path.ts";
export { SnapshotError } from "./src/archive/snapshots.ts";
export { SeveralSnapshotsError, SharedContentError } from "./src/archive/stream_reader.ts";
export type {
  ArchiveCreation,
  CreatedArchive,
  CreateOptions,
  CreateProgress,
  KdfOptions,
  StoreOptions,
} from "./src/library/create.ts";
export type { Entry, EntryContent, EntryInfo, EntryOwner } from "./src/library/entry.ts";
export type { ArchiveInput, ArchiveStreamInput } from "./src/library/input.ts";
export type { ArchiveInspection, InspectOptions, KeySlotInfo } from "./src/library/inspect.ts";
export type { Values } from "./src/library/intake.ts";
export {
  Identity,
  KeyFile,
  type KeyOptions,
  type NewKeyOptions,
  type NewKeySlot,
  type OneOrMore,
  type OpenOptions,
  Recipient,
} from "./src/library/keys.ts";
export type { ChangeKeysOptions, KeyChange } from "./src/library/change_keys.ts";
export type { HeaderBackup, HeaderRestore } from "./src/library/lost_header.ts";
export { KeyChangeError, type WritableSource } from "./src/archive/key_changes.ts";
export { decodeRecoveryWords, encodeRecoveryWords } from "./src/text/recovery_words.ts";
export { KeyTextError } from "./src/text/key_text.ts";
export { EntryDroppedError, type StreamedEntry } from "./src/library/passing_entry.ts";
export type { DroppedEntry, ReadOptions, StreamEnd, StreamItem } from "./src/library/read.ts";
export type { Suite } from "./src/library/suite.ts";
export type { ArchiveSummary } from "./src/library/summary.ts";
export type { VerifyOptions } from "./src/library/verify.ts";

/**
 * Creates an archive of entries. They may come in any order and need no folders above them; in path order (a folder,
 * then all below it) nothing has to be sorted. Memory does not grow with their content: an entry is asked for when
 * the one before is stored, and a byte of content when there is room for it.
 *
 * Nothing happens before `readable` is read. Where the archive goes to a file, {@linkcode CreatedArchive.header} can be
 * written over its first bytes at the end.
 *
 * @example Into memory
 * ```ts
 * import { createArchive } from "@coffer/coffer";
 *
 * const { readable } = createArchive([
 *   { path: "notes/today.txt", content: "A line of text" },
 *   { path: "notes/archive", kind: "directory" },
 * ], { passphrase: "correct horse battery staple", kdf: { logN: 15 } });
 * const archive: Blob = await new Response(readable).blob();
 * console.log(archive.size);
 * ```
 *
 * @example From anything that can be iterated over, to anything that can be written to
 * ```ts
 * import { createArchive, type Entry } from "@coffer/coffer";
 *
 * async function* reports(): AsyncGenerator<Entry> {
 *   for (let month = 1; month <= 12; month++) {
 *     const content = new Blob([`Report of month ${month}`]).stream();
 *     yield { path: `reports/${month}.txt`, content, mode: 0o600, mtime: new Date(2024, month) };
 *   }
 * }
 * const written: Uint8Array[] = [];
 * const writable = new WritableStream<Uint8Array>({ write: (chunk) => void written.push(chunk) });
 *
 * const { readable, result } = createArchive(reports(), {
 *   passphrase: "correct horse battery staple",
 *   kdf: { logN: 15 },
 * });
 * await readable.pipeTo(writable);
 * const { id, totals } = await result;
 * console.log(`${totals.files} files, ${totals.bytes} bytes; keep the id to know this very archive again: ${id}`);
 * ```
 *
 * The stream errors, and the result rejects, with a `TypeError` for an entry that cannot be stored (a path that is not
 * allowed, or that two entries have), with what the entries or their content throw, or with the signal's reason.
 *
 * @throws {TypeError} without a key, or for an option that makes no sense.
 * @throws {RangeError} for a passphrase, a key, a level, a cost or a label that is not allowed.
 */
export function createArchive(entries: Values<Entry>, options: CreateOptions): ArchiveCreation {
  return create(nativeEngine, entries, options);
}

/**
 * Opens an archive for random access: reads its header, its end and its catalog's index, a handful of reads whatever
 * its size. What is listed and read later costs the pages and blocks that it needs, and nothing is given out that has
 * not been authenticated.
 *
 * @example
 * ```ts
 * import { createArchive, openArchive } from "@coffer/coffer";
 *
 * const options = { passphrase: "correct horse battery staple", kdf: { logN: 15 } };
 * const { readable } = createArchive([{ path: "notes/today.txt", content: "A line of text" }], options);
 * const blob = await new Response(readable).blob();
 *
 * const archive = await openArchive(blob, options);
 * for await (const { path, kind, size, mtime } of archive.list("notes")) {
 *   console.log(path, kind, size, mtime.toISOString());
 * }
 * const text = await new Response(archive.read("notes/today.txt")).text();
 * if (text !== "A line of text") throw new Error(text);
 * ```
 *
 * @throws {TypeError} without a key, or when `input` is no archive in any of the ways that one can be given.
 * @throws {RangeError} for a passphrase or a key that is not allowed.
 * @throws {ArchiveError} `not-an-archive`, `newer-version`, `wrong-key`, `limit` (it asks for more key derivation than
 * the options allow; nothing has been derived), `truncated`, `trailing-data`, `damaged`, `malformed` or `inconsistent`.
 * What the source throws passes through.
 */
export function openArchive(input: ArchiveInput, options: OpenArchiveOptions): Promise<Archive> {
  return open(nativeEngine, input, options);
}

/**
 * Reads an archive front to back, in one pass and constant memory: what a pipe or a download gives.
 *
 * **Nothing is confirmed before the iteration has ended without an error.** Each byte that comes out was sealed by
 * somebody who has a key, but content comes before the catalog that vouches for it: only at the end is it known that
 * the archive is whole, that no entry stands twice, and that it has them all. So keep what comes under provisional
 * names, take back what is `"dropped"`, commit at `"end"`, and take everything back when the iteration throws.
 *
 * Entries come in the order in which they were stored. The content of each can be read until the next item is asked
 * for; what is not read is skipped.
 *
 * @example
 * ```ts
 * import { createArchive, readArchive } from "@coffer/coffer";
 *
 * const options = { passphrase: "correct horse battery staple", kdf: { logN: 15 } };
 * const { readable } = createArchive([
 *   { path: "a.txt", content: "first" },
 *   { path: "b.txt", content: "second" },
 * ], options);
 *
 * const provisional = new Map<string, string>();
 * let files: ReadonlyMap<string, string> | undefined;
 * for await (const item of readArchive(readable, options)) {
 *   switch (item.type) {
 *     case "entry":
 *       if (item.kind === "file") provisional.set(item.path, await new Response(item.content).text());
 *       break;
 *     case "dropped": // it could not be read to its end when the archive was made
 *       provisional.delete(item.path);
 *       break;
 *     case "end": // everything was there and right
 *       files = provisional;
 *       break;
 *   }
 * }
 * console.log(files); // a.txt and b.txt
 * ```
 *
 * @throws {TypeError} without a key, or (on iterating) when `input` is no archive in any of the ways that one can be
 * given.
 * @throws {RangeError} for a passphrase or a key that is not allowed.
 * @throws {ArchiveError} on iterating: any code but `rolled-back`. What the stream throws passes through.
 */
export function readArchive(
  input: ArchiveStreamInput | ArchiveInput,
  options: ReadOptions,
): AsyncGenerator<StreamItem, undefined, undefined> {
  return read(nativeEngine, input, options);
}

/**
 * Reads every byte of an archive and checks all there is to check: every seal, every limit, and that content, catalog,
 * index, header and end agree. One pass, constant memory. Of several snapshots, and of a deduplicated archive, the
 * newest is then put together with random access: whether it holds what it says, and whether files that were kept or
 * moved have their content. That is left out when `input` is a stream, and of earlier snapshots: who reads them finds
 * out.
 *
 * @example
 * ```ts
 * import { ArchiveError, createArchive, verifyArchive } from "@coffer/coffer";
 *
 * const options = { passphrase: "correct horse battery staple", kdf: { logN: 15 } };
 * const { readable } = createArchive([{ path: "a.txt", content: "first" }], options);
 * const bytes = await new Response(readable).bytes();
 *
 * const { id, totals } = await verifyArchive(bytes, options);
 * console.log(`${id} is good: ${totals.entries} entries`);
 *
 * const cut = bytes.subarray(0, bytes.length - 1);
 * const code = await verifyArchive(cut, options).catch((error) => error instanceof ArchiveError && error.code);
 * if (code !== "truncated") throw new Error(`it is ${code}`);
 * ```
 *
 * @throws {TypeError} without a key, or when `input` is no archive in any of the ways that one can be given.
 * @throws {RangeError} for a passphrase or a key that is not allowed.
 * @throws {ArchiveError} at the first thing that is wrong, with its place: any code but `rolled-back`. What the source
 * or stream throws passes through.
 */
export function verifyArchive(
  input: ArchiveInput | ArchiveStreamInput,
  options: VerifyOptions,
): Promise<ArchiveSummary> {
  return verify(nativeEngine, input, options);
}

/**
 * The public half of an identity: who has it can make archives that the identity opens, and can open none of them.
 *
 * @example
 * ```ts
 * import { createArchive, Identity, openArchive, recipientOf } from "@coffer/coffer";
 *
 * const identity = Identity.generate();
 * const recipient = await recipientOf(identity);
 * const { readable } = createArchive([{ path: "a.txt", content: "for one pair of eyes" }], { recipient });
 * const archive = await openArchive(await new Response(readable).blob(), { identity });
 * console.log(await new Response(archive.read("a.txt")).text());
 * ```
 */
export function recipientOf(identity: Identity): Promise<Recipient> {
  return publicHalf(nativeEngine, identity);
}

/**
 * Changes what opens an archive, in place: nothing but its header is written, in an order in which a crash leaves the
 * keys as they were or as they are to be. Returns the keys as they are then.
 *
 * A key that was removed still opens every copy of the archive, or of its header, that was made before; and who has
 * kept one can open this archive too. To shut somebody out, make a new archive.
 *
 * @example
 * ```ts
 * import { changeKeys, createArchiveFile, KeyFile, lockFile } from "@coffer/coffer";
 *
 * const path = `${await Deno.makeTempDir()}/notes.coffer`;
 * const options = { passphrase: "correct horse battery staple", kdf: { logN: 15 } };
 * await createArchiveFile(path, [{ path: "a.txt", content: "first" }], options);
 * const keyFile = KeyFile.generate();
 * {
 *   using file = await lockFile(path);
 *   await changeKeys(file, { add: [{ keyFile }] }, options);
 *   const left = await changeKeys(file, { remove: [1] }, { keyFile });
 *   console.log(left); // [{ kind: "key-file" }]
 * }
 * ```
 *
 * @throws {TypeError} without a key that opens it, or when `change` is none.
 * @throws {RangeError} for a passphrase, a key or a cost that is not allowed.
 * @throws {KeyChangeError} when the change makes no sense; nothing was written.
 * @throws {ArchiveError} as `openArchive`. What the target throws passes through.
 */
export function changeKeys(
  target: WritableSource,
  how: KeyChange,
  options: ChangeKeysOptions,
): Promise<readonly KeySlotInfo[]> {
  return change(nativeEngine, target, how, options);
}

/**
 * Appends a snapshot to an archive, in place: what the entries bring that its newest snapshot does not have, and the
 * header that knows of it. A crash at any moment leaves the snapshots so far, and all keys.
 *
 * **Entries come in path order**: by the bytes of their names, a folder directly before all below it, as {@linkcode
 * comparePaths} sorts paths. What the newest snapshot has and is not among them **stays as it was**, but for what
 * {@linkcode UpdateOptions.remove} names, what lies below an entry that is no folder, and, with {@linkcode
 * UpdateOptions.replace}, everything. Text, bytes and `Blob`s are compared with what the archive has, and stored when
 * they differ; streams and iterables can be read once only, and are always stored.
 *
 * @example
 * ```ts
 * import { createArchiveFile, lockFile, openArchive, updateArchive } from "@coffer/coffer";
 *
 * const path = `${await Deno.makeTempDir()}/notes.coffer`;
 * const options = { passphrase: "correct horse battery staple", kdf: { logN: 15 } };
 * await createArchiveFile(path, [
 *   { path: "a.txt", content: "first" },
 *   { path: "b.txt", content: "b" },
 *   { path: "drafts/c.txt", content: "c" },
 * ], options);
 * {
 *   using file = await lockFile(path);
 *   const { number, changes } = await updateArchive(file, [
 *     { path: "a.txt", content: "second" },
 *     { path: "d.txt", content: "new" },
 *   ], { ...options, remove: ["drafts"], label: "nightly" });
 *   console.log(number, changes); // 2 { stored: 2, kept: 0, gone: 1 }
 *   const archive = await openArchive(file, options);
 *   for await (const { path, kind } of archive.diff(1)) console.log(kind, path);
 *   // content a.txt, added d.txt, removed drafts/c.txt
 * }
 * ```
 *
 * @throws {TypeError} without a key that opens it; for entries that are not in path order, that would lie below
 * something that is no folder, or that cannot be stored; the archive is as it was.
 * @throws {RangeError} for a passphrase, a key, a level or a label that is not allowed.
 * @throws {ArchiveError} as `openArchive`; `newer-version` also when it must not be changed by this version, and
 * `limit` when it has all the snapshots that an archive can have. What the entries, their content or the target throw
 * passes through.
 */
export function updateArchive(
  target: AppendableSource,
  entries: Values<Entry>,
  options: UpdateOptions,
): Promise<UpdatedArchive> {
  return update(nativeEngine, target, entries, options);
}

/**
 * Copies an archive, or some of its snapshots, under a fresh archive key, with keys of its own: whoever could open the
 * old one cannot open the copy. What no copied snapshot needs is left out. The target is empty at first, and again when
 * the copy fails.
 *
 * @example
 * ```ts
 * import { ArchiveBuffer, copyArchive, createArchive, openArchive, updateArchive } from "@coffer/coffer";
 *
 * const options = { passphrase: "correct horse battery staple", kdf: { logN: 15 } };
 * const { readable } = createArchive([{ path: "a.txt", content: "first" }], options);
 * const archive = new ArchiveBuffer(await new Response(readable).bytes());
 * await updateArchive(archive, [{ path: "a.txt", content: "second" }], options);
 *
 * const copy = new ArchiveBuffer();
 * const to = { passphrase: "another, for somebody else", kdf: { logN: 15 }, snapshots: [2] };
 * const { snapshots } = await copyArchive(archive, copy, options, to);
 * const opened = await openArchive(copy.bytes(), to);
 * console.log(snapshots, await new Response(opened.read("a.txt")).text()); // 1 "second"
 * ```
 *
 * @throws {TypeError} without a key on either side, for a target that is not empty, or when nothing is to be copied.
 * @throws {RangeError} for a passphrase, a key, a level, a cost or a snapshot's name that is not allowed.
 * @throws {SnapshotError} when there is no such snapshot.
 * @throws {ArchiveError} as `openArchive`, and what reading the archive throws. What source and target throw passes
 * through.
 */
export function copyArchive(
  input: ArchiveInput,
  target: AppendableSource,
  from: OpenOptions,
  to: CopyOptions,
): Promise<CopiedArchive> {
  return copy(nativeEngine, input, target, from, to);
}

/**
 * Keeps what brings an archive back whose first kilobytes are lost: its header as text, and the archive key.
 *
 * @example
 * ```ts
 * import { backupHeader, createArchiveFile, encodeRecoveryWords, lockFile, restoreHeader } from "@coffer/coffer";
 *
 * const path = `${await Deno.makeTempDir()}/notes.coffer`;
 * const options = { passphrase: "correct horse battery staple", kdf: { logN: 15 } };
 * await createArchiveFile(path, [{ path: "a.txt", content: "first" }], options);
 * const { text, archiveKey } = await backupHeader(await Deno.readFile(path), options);
 * console.log(encodeRecoveryWords(archiveKey())); // 24 words, for a sheet of paper
 * {
 *   using file = await lockFile(path);
 *   await file.write(0, new Uint8Array(8192)); // the disk lost the archive's start
 *   await restoreHeader(file, { backup: text }, options);
 * }
 * ```
 *
 * @throws {TypeError} without a key, or when `input` is no archive in any of the ways that one can be given.
 * @throws {RangeError} for a passphrase or a key that is not allowed.
 * @throws {ArchiveError} as `openArchive`, as far as its header goes. What the source throws passes through.
 */
export function backupHeader(input: ArchiveInput, options: OpenOptions): Promise<HeaderBackup> {
  return backup(nativeEngine, input, options);
}

/**
 * Writes both copies of an archive's header anew: as a backup has it, which its own keys open, or with new keys when
 * it is lost and `options` have the archive key. Nothing behind the header is touched. Returns the keys as they are
 * then. The keys of a backup are those of its day: one that was removed since comes back with it.
 *
 * @throws {TypeError} without a key, or when a header that is not lost is to get new keys.
 * @throws {RangeError} for a backup, a passphrase, a key or a cost that is not allowed.
 * @throws {KeyChangeError} when the keys find no room in the header; nothing was written.
 * @throws {ArchiveError} `wrong-key` also when the backup is another archive's; otherwise as `openArchive`. What the
 * target throws passes through.
 */
export function restoreHeader(
  target: WritableSource,
  from: HeaderRestore,
  options: ChangeKeysOptions,
): Promise<readonly KeySlotInfo[]> {
  return restore(nativeEngine, target, from, options);
}

/**
 * Says what an archive shows without a key: its cipher, its length, and what it takes to open it. Nothing is derived,
 * and nothing of it is authenticated.
 *
 * @example
 * ```ts
 * import { createArchive, inspectArchive } from "@coffer/coffer";
 *
 * const { readable } = createArchive([], { passphrase: "correct horse battery staple", kdf: { logN: 15 } });
 * const { suite, keySlots } = await inspectArchive(await new Response(readable).blob());
 * for (const slot of keySlots) {
 *   if (slot.kind === "passphrase") console.log(`${suite}; a guess takes ${slot.kdfMemory / 2 ** 20} MiB`);
 * }
 * ```
 *
 * @throws {TypeError} when `input` is no archive in any of the ways that one can be given.
 * @throws {ArchiveError} `not-an-archive`, `newer-version`, `truncated`, `limit` or `damaged`.
 */
export function inspectArchive(input: ArchiveInput, options: InspectOptions = {}): Promise<ArchiveInspection> {
  return inspect(nativeEngine, input, options);
}

/** How an archive file is created. */
export interface CreateFileOptions extends CreateOptions {
  /** Whether a regular file of that name may be replaced; nothing is unless this is true. */
  readonly overwrite?: boolean | undefined;
}

/**
 * Creates an archive of entries as a file: written under a temporary name beside its place, with mode 0600, and given
 * its name when it is complete and on the disk. When anything goes wrong before that, no file is left behind.
 *
 * @example
 * ```ts
 * import { createArchiveFile, fileSource, openArchive } from "@coffer/coffer";
 *
 * const folder = await Deno.makeTempDir();
 * const options = { passphrase: "correct horse battery staple", kdf: { logN: 15 } };
 * const { id } = await createArchiveFile(`${folder}/notes.coffer`, [{ path: "a.txt", content: "first" }], options);
 * {
 *   using file = fileSource(`${folder}/notes.coffer`);
 *   const archive = await openArchive(file, options);
 *   if (archive.id !== id) throw new Error("another archive");
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @throws {TargetError} when something has that name already and must not be replaced.
 * @throws what {@linkcode createArchive} throws and what its stream errors with. I/O errors pass through.
 */
export async function createArchiveFile(
  path: string,
  entries: Values<Entry>,
  options: CreateFileOptions,
): Promise<CreatedArchive> {
  using file = AtomicFile.create(path, { overwrite: options.overwrite ?? false });
  const { readable, result } = createArchive(entries, options);
  for await (const chunk of readable) file.write(chunk);
  const created = await result;
  file.writeAt(0, created.header);
  options.signal?.throwIfAborted();
  file.commit();
  return created;
}

/** How an archive file is copied. */
export interface CopyFileOptions extends CopyOptions {
  /** Whether a regular file of that name may be replaced; nothing is unless this is true. */
  readonly overwrite?: boolean | undefined;
}

/**
 * Copies an archive, or some of its snapshots, to a file: as {@linkcode copyArchive}, and written like that of
 * {@linkcode createArchiveFile}.
 *
 * @example
 * ```ts
 * import { copyArchiveFile, createArchiveFile, fileSource, KeyFile, openArchive } from "@coffer/coffer";
 *
 * const folder = await Deno.makeTempDir();
 * const options = { passphrase: "correct horse battery staple", kdf: { logN: 15 } };
 * await createArchiveFile(`${folder}/notes.coffer`, [{ path: "a.txt", content: "first" }], options);
 * const keyFile = KeyFile.generate();
 * {
 *   using file = fileSource(`${folder}/notes.coffer`);
 *   await copyArchiveFile(file, `${folder}/copy.coffer`, options, { keyFile });
 * }
 * {
 *   using file = fileSource(`${folder}/copy.coffer`);
 *   console.log((await openArchive(file, { keyFile })).totals.files); // 1
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @throws {TargetError} when something has that name already and must not be replaced.
 * @throws what {@linkcode copyArchive} throws. I/O errors pass through.
 */
export async function copyArchiveFile(
  input: ArchiveInput,
  path: string,
  from: OpenOptions,
  to: CopyFileOptions,
): Promise<CopiedArchive> {
  using file = AtomicFile.create(path, { overwrite: to.overwrite ?? false });
  let copied: CopiedArchive;
  {
    using target = await LockedFile.open(file.temporaryPath);
    copied = await copyArchive(input, target, from, to);
  }
  to.signal?.throwIfAborted();
  file.commit();
  return copied;
}

/** A file that is open for reading. */
export interface ArchiveFile extends Source, Disposable {
  /** Closes it; afterwards, reading rejects with a `TypeError`. `using` does it too. */
  close(): void;
}

/**
 * Opens a file on disk for {@linkcode openArchive} and the others. It must not change while it is used.
 *
 * @example
 * ```ts
 * import { createArchiveFile, fileSource, inspectArchive } from "@coffer/coffer";
 *
 * const path = await Deno.makeTempFile();
 * await createArchiveFile(path, [], { archiveKey: crypto.getRandomValues(new Uint8Array(32)), overwrite: true });
 * {
 *   using file = fileSource(path);
 *   console.log((await inspectArchive(file)).length === file.size); // true
 * }
 * await Deno.remove(path);
 * ```
 *
 * @throws {SourceError} when it is not a regular file. I/O errors pass through.
 */
export function fileSource(path: string): ArchiveFile {
  return FileSource.open(path);
}

/** A file that is open for changes, and locked against those of others. */
export interface LockedArchiveFile extends AppendableSource, Disposable {
  /** Lets go of it. `using` does it too. */
  close(): void;
}

/**
 * Opens a file on disk for {@linkcode updateArchive} and {@linkcode changeKeys}, under a lock that keeps other writers
 * out and readers not.
 *
 * @throws {SourceError} when it is not a regular file.
 * @throws {LockError} when another program is changing it. I/O errors pass through.
 */
export function lockFile(path: string, options: LockOptions = {}): Promise<LockedArchiveFile> {
  return LockedFile.open(path, options);
}
