/** Mends an archive by its recovery record: in place through a journal, or into a new file. It takes no key. */
import {
  type ExaminedRegion,
  examineRecovery,
  findRecoveryRecord,
  type RecoveryRecord,
} from "../archive/recovery_record.ts";
import type { MendableSource } from "../archive/repair.ts";
import type { Source } from "../archive/source.ts";
import type { Bytes, Engine } from "../engine/engine.ts";
import { ANCHOR_BYTES, type JournalAnchor, type JournalFiles, JournalWriter, replayJournal } from "./mend_journal.ts";

/** What a recovery record said of an archive. */
export interface MendReport {
  /** Its percentage. */
  readonly percent: number;
  /** Pages of 4,096 bytes that were mended and hold the archive's data, those that were missing at its end included. */
  readonly dataPages: number;
  /** Pages of the recovery record itself that were mended. */
  readonly recordPages: number;
  /** Where more is bad than can be mended, as bytes of the file. Nothing was written there. */
  readonly hopeless: readonly { readonly start: number; readonly end: number }[];
  /** Pages that an earlier repair had left in its journal; they were written first. */
  readonly fromJournal: number;
  /** Bytes that stand behind the archive. */
  readonly trailingBytes: number;
  /** Bytes of the archive, as it should be. */
  readonly fileBytes: number;
}

/** How an archive is mended. */
export interface MendOptions {
  /** Whether nothing is written. */
  readonly dryRun?: boolean;
  /** Ends the work before the archive is touched. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes of each region that was examined. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Mends an archive in place: every region, or nothing of one that has more damage than its record can mend. `undefined`
 * when it has no recovery record. I/O errors pass through; the archive is then untouched, or the journal has the rest.
 */
export async function mendInPlace(
  engine: Engine,
  target: MendableSource,
  journalPath: string,
  journals: JournalFiles,
  options: MendOptions = {},
): Promise<MendReport | undefined> {
  const { dryRun = false } = options;
  const fromJournal = dryRun ? 0 : await replayJournal(journalPath, journals, target);
  const record = await findRecoveryRecord(engine, target);
  if (record === undefined) return undefined;
  const counts = new Counts(record, target.size, fromJournal);
  let journal: JournalWriter | undefined;
  try {
    for await (const region of examineRecovery(engine, target, record, options)) {
      if (!counts.take(region)) break;
      if (dryRun || region.mended === undefined || region.mended.length === 0) continue;
      journal ??= new JournalWriter(journalPath, journals.layer, await identityOf(target, region));
      for (const { offset, bytes } of region.mended) journal.add(region.offset + offset, bytes);
    }
    options.signal?.throwIfAborted();
    journal?.finish();
  } catch (error) {
    journal?.abandon();
    throw error;
  }
  if (journal !== undefined) await replayJournal(journalPath, journals, target);
  return counts.report();
}

/**
 * Copies an archive to `write`, which takes its bytes in order, mended as far as that is possible. Nothing is asked for
 * when it has no record.
 */
export async function mendInto(
  engine: Engine,
  source: Source,
  write: (bytes: Bytes) => void | Promise<void>,
  options: MendOptions = {},
): Promise<MendReport | undefined> {
  const record = await findRecoveryRecord(engine, source);
  if (record === undefined) return undefined;
  const counts = new Counts(record, source.size, 0);
  await copy(source, 0, record.bodyOffset, write);
  let at = record.bodyOffset;
  for await (const region of examineRecovery(engine, source, record, options)) {
    if (!counts.take(region)) break;
    for (const { offset, bytes } of region.mended ?? []) {
      await copy(source, at, region.offset + offset - at, write);
      await write(bytes);
      at = region.offset + offset + bytes.length;
    }
    // Of the last one, all may not be there.
    const end = region.mended === undefined
      ? Math.min(region.offset + region.length, Math.max(source.size, at))
      : region.offset + region.length;
    await copy(source, at, end - at, write);
    at = end;
  }
  return counts.report();
}

const COPY_BYTES = 2 ** 20;

async function copy(
  source: Source,
  offset: number,
  length: number,
  write: (bytes: Bytes) => void | Promise<void>,
): Promise<void> {
  for (let done = 0; done < length;) {
    const bytes = await source.read(offset + done, Math.min(COPY_BYTES, length - done));
    if (bytes.length === 0) throw new RangeError("Cannot copy the archive: it became shorter meanwhile");
    await write(bytes);
    done += bytes.length;
  }
}

/**
 * What tells one archive from another: the first and the last page of a region that are good, and so not written.
 * Behind the first 64 bytes even a page of the tables has nothing that two archives share.
 */
async function identityOf(
  source: Source,
  { offset, length, mended = [] }: ExaminedRegion,
): Promise<readonly JournalAnchor[]> {
  const bad = new Set(mended.map((page) => page.offset));
  const pages = Array.from({ length: length / PAGE_BYTES }, (_, i) => i * PAGE_BYTES).filter((page) => !bad.has(page));
  const anchors: JournalAnchor[] = [];
  for (const page of [pages.at(0), pages.at(-1)]) {
    if (page === undefined) continue;
    const at = offset + page + UNSHARED_OFFSET;
    anchors.push({ offset: at, bytes: (await source.read(at, ANCHOR_BYTES)).slice() });
  }
  return anchors;
}

const PAGE_BYTES = 4096;
const UNSHARED_OFFSET = 64;

class Counts {
  readonly #record: RecoveryRecord;
  readonly #fromJournal: number;
  readonly #size: number;
  #dataPages = 0;
  #recordPages = 0;
  readonly #hopeless: { readonly start: number; readonly end: number }[];
  #end: number;

  constructor(record: RecoveryRecord, size: number, fromJournal: number) {
    this.#record = record;
    this.#size = size;
    this.#fromJournal = fromJournal;
    this.#hopeless = record.gaps.map(({ offset, length }) => ({ start: offset, end: offset + length }));
    this.#end = record.fileBytes;
  }

  /** Takes what was found in the next region; `false` when that, with all behind it, turns out to be none. */
  take({ number, badData, badParity, badTables, mended, offset, length }: ExaminedRegion): boolean {
    if (mended === undefined && number >= this.#record.certainRegions) {
      this.#end = offset;
      return false;
    }
    if (mended === undefined) {
      this.#hopeless.push({ start: offset, end: offset + length });
      return true;
    }
    this.#dataPages += badData.length;
    this.#recordPages += badParity.length + badTables.length;
    return true;
  }

  report(): MendReport {
    const { percent } = this.#record;
    const fileBytes = this.#end;
    return {
      percent,
      dataPages: this.#dataPages,
      recordPages: this.#recordPages,
      hopeless: this.#hopeless.toSorted((a, b) => a.start - b.start),
      fromJournal: this.#fromJournal,
      trailingBytes: Math.max(0, this.#size - fileBytes),
      fileBytes,
    };
  }
}
