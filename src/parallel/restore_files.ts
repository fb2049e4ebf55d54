/** Restoring the files of an archive with random access, block by block, on one thread or several. */
import type { CatalogEntry, FrameSetting } from "../archive/archive.ts";
import type { SegmentAccess } from "../archive/segments.ts";
import type { MetadataOptions } from "../disk/restore_metadata.ts";
import type { FileCrew, FileHost } from "../disk/restorer.ts";
import type { DecodedPage, PageEntry } from "../format/page.ts";
import type { BlockPlace, Extent } from "../format/row.ts";
import { byBlock, inOneBlock, nameOf, sum } from "./block_extents.ts";
import { Backlog, workOfFiles } from "./backlog.ts";
import { Crew, WorkerFailure, type WorkerThread } from "./crew.ts";
import { startRestoreWorker } from "./early_workers.ts";
import type { RestoreSetup, RestoreTask } from "./extract_worker.ts";
import { damageOf, type EntryFile, failureOf, FileGroup, fileOf, firstOf, type OpenPart } from "./file_group.ts";
import { decodeError } from "./remote_error.ts";
import { groupRestorer, type RestoreRemark, type RestoreReply } from "./restore_group.ts";
import { transferOf } from "./restore_message.ts";

/** How files are restored in parallel. */
export interface RestoreFilesOptions {
  /** Threads that restore, this one among them. With 1 it does the same work, block by block, and starts none. */
  readonly jobs: number;
  /** The archive's descriptor, open for reading by position until the crew has stopped. */
  readonly descriptor: number;
  /** What opens the blocks of a place's segment. */
  readonly access: (place: BlockPlace) => Promise<SegmentAccess>;
  /** As the target was told. */
  readonly metadata: Pick<MetadataOptions, "sameOwner" | "samePermissions">;
  /** Whether files share content; not unless given. */
  readonly deduplicated?: boolean;
  /** Starts a worker; default: a `Worker`. */
  readonly start?: () => WorkerThread;
}

/** Blocks that each thread keeps open where files share content, and the one that restores alone. */
const KEPT_BLOCKS = 4;
const KEPT_BLOCKS_ALONE = 16;
/** Groups under way for each thread: what is restored here may be behind all that workers have. */
const GROUPS_PER_JOB = 4;
/**
 * Files of one group; blocks may hold more, and are then opened again. The first groups are smaller, each twice as
 * large as the one before: nobody has anything to do until the first is given out.
 */
const MAX_FILES = 4096;
const FIRST_FILES = 128;
/** Files that wait for others of their block. */
const MAX_WAITING = 65_536;
/** Bytes that are restored here, since an archive as small is restored before a thread has started. */
const SMALL_BYTES = 2 ** 22;

/** A group that a worker has. */
interface GroupUnderWay {
  readonly group: FileGroup;
  readonly reply: Promise<RestoreReply>;
}

/**
 * A crew that restores files on worker threads, with the native engine; `undefined` where only the main thread can
 * keep the target contained, or where the archive is too small for it to pay.
 */
export function restoreInParallel(
  host: FileHost,
  setting: FrameSetting,
  options: RestoreFilesOptions,
): FileCrew | undefined {
  const batch = setting.end < SMALL_BYTES ? undefined : host.target.beginBatch(host.distinctPlaces);
  if (batch === undefined) return undefined;
  batch[Symbol.dispose]();
  return new FilesInParallel(host, setting, options);
}

class FilesInParallel implements FileCrew {
  readonly #host: FileHost;
  readonly #crew: Crew<RestoreSetup, RestoreTask, RestoreReply>;
  readonly #restore: ReturnType<typeof groupRestorer>;
  readonly #width: number;
  readonly #backlog: Backlog;
  readonly #access: RestoreFilesOptions["access"];
  readonly #stop = new SharedArrayBuffer(4);
  readonly #underWay: GroupUnderWay[] = [];
  #group: FileGroup | undefined;
  #mostFiles = FIRST_FILES;
  /** Files of one block that another one than the group's has, by block: it is opened once for all of them. */
  #waiting = new Map<string, { readonly entry: CatalogEntry; readonly path: string }[]>();
  #waitingCount = 0;
  /** Whether groups follow each other as their files do, and nothing else decides who gets a place. */
  #isInOrder: boolean;
  #part: OpenPart | undefined;

  constructor(
    host: FileHost,
    setting: FrameSetting,
    { jobs, descriptor, access, metadata, deduplicated = false, start }: RestoreFilesOptions,
  ) {
    this.#host = host;
    this.#isInOrder = host.distinctPlaces;
    this.#access = access;
    this.#width = jobs * GROUPS_PER_JOB;
    this.#backlog = new Backlog(jobs - 1);
    const { sameOwner = false, samePermissions = false } = metadata;
    const restoring = {
      ...setting,
      keptBlocks: !deduplicated ? 1 : jobs === 1 ? KEPT_BLOCKS_ALONE : KEPT_BLOCKS,
      metadata: { sameOwner, samePermissions },
      stop: this.#stop,
    };
    this.#restore = groupRestorer(restoring, descriptor);
    const setup = { setting: restoring, descriptor, backlog: this.#backlog.memory };
    this.#crew = new Crew(jobs - 1, start ?? startRestoreWorker, setup);
  }

  takeRow(page: DecodedPage, index: number): boolean {
    const group = this.#group;
    const { extents } = page;
    const first = extents.starts[index] as number;
    const count = (extents.starts[index + 1] as number) - first;
    if (group === undefined || count > 1) return false;
    const place = count === 0 ? undefined : extents.block(first);
    // What is shared may wait.
    if (!group.fits(place) || (count > 0 && extents.isShared(first))) return false;
    const bytes = count === 0 ? 0 : extents.length(first);
    if (!this.#host.reserve(bytes)) return false;
    const { paths } = page.rows;
    const folder = group.batch.beside(paths, index) ??
      this.#host.restoring(paths.text(index), () => group.batch.addStored(paths, index));
    if (typeof folder === "string") {
      this.#host.settle(bytes, 0);
      return folder === "refused";
    }
    group.addRow(page, index, folder, bytes, place);
    return true;
  }

  take(entry: CatalogEntry, more: boolean, path: string): boolean | Promise<boolean> {
    const whole = !entry.continued && !more && inOneBlock(entry.extents);
    // Most files by far: no promise for them.
    if (whole && this.#fits(entry)) {
      const done = this.#addWhole(entry, path);
      if (done !== undefined) return done;
    }
    if (!whole) return this.#takePieces(entry, more, path);
    if (this.#mayWait(entry)) return this.#wait(entry, path);
    return this.#takeWhole(entry, path);
  }

  /** Whether a file comes as well later: its content was stored with others, and nothing is at its place. */
  #mayWait({ extents }: PageEntry): boolean {
    return this.#host.distinctPlaces && this.#group?.place !== undefined && extents[0]?.shared === true;
  }

  #wait(entry: CatalogEntry, path: string): boolean | Promise<boolean> {
    this.#isInOrder = false;
    const name = nameOf((entry.extents[0] as Extent).block);
    const list = this.#waiting.get(name);
    if (list === undefined) this.#waiting.set(name, [{ entry, path }]);
    else list.push({ entry, path });
    return ++this.#waitingCount < MAX_WAITING || this.#takeWaiting().then(() => true);
  }

  /** Takes the files that wait, block by block. */
  async #takeWaiting(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    this.#waitingCount = 0;
    for (const list of waiting.values()) {
      for (const { entry, path } of list) {
        const done = this.#fits(entry) ? this.#addWhole(entry, path) : undefined;
        const taken = done ?? await this.#takeWhole(entry, path);
        if (!taken) await this.#host.restoreHere(entry, path);
      }
    }
  }

  /** Whether an entry can go into the group at hand. */
  #fits({ extents }: PageEntry): boolean {
    return this.#group?.fits(extents[0]?.block) === true;
  }

  /** Adds a whole file to the group at hand; `undefined` when there is no room for it. */
  #addWhole(entry: CatalogEntry, path: string): boolean | undefined {
    const group = this.#group as FileGroup;
    const bytes = sum(entry.extents);
    if (!this.#host.reserve(bytes)) return undefined;
    const place = this.#host.restoring(path, () => group.batch.add(path));
    if (typeof place === "string") {
      this.#host.settle(bytes, 0);
      return place === "refused" ? true : undefined;
    }
    const { row, extents, mark } = entry;
    group.add({ row, extents, mark, goal: { kind: "name", ...place } }, { entry, path, part: undefined }, bytes);
    return true;
  }

  async #takeWhole(entry: CatalogEntry, path: string): Promise<boolean> {
    await this.#nextGroup();
    const done = this.#addWhole(entry, path);
    if (done !== undefined) return done;
    // The limit is near: what is set aside and not needed comes back when all is written.
    await this.#drain();
    await this.#nextGroup();
    return this.#addWhole(entry, path) ?? false;
  }

  async #takePieces(entry: CatalogEntry, more: boolean, path: string): Promise<boolean> {
    if (this.#part?.name !== entry.row.path) {
      const handle = this.#host.restoring(path, () => this.#host.target.beginFile(path));
      this.#part = { name: entry.row.path, handle, pending: 0, bytes: 0, failure: undefined, ended: undefined };
    }
    const part = this.#part;
    for (const extents of byBlock(entry.extents)) {
      const { handle } = part;
      const descriptor = handle?.descriptor;
      if (handle === undefined || descriptor === undefined || part.failure !== undefined) break;
      const bytes = sum(extents);
      const piece = { ...entry, extents };
      if (!this.#fits(piece)) await this.#nextGroup();
      if (!this.#host.reserve(bytes)) {
        // The limit is near: what is set aside and not needed comes back when all is written.
        await this.#drain();
        part.bytes += await this.#host.restorePiece(piece, handle);
        continue;
      }
      const { row, mark } = entry;
      part.pending++;
      const share = { row, extents, mark, goal: { kind: "descriptor" as const, descriptor } };
      (this.#group as FileGroup).add(share, { entry: piece, path, part }, bytes);
    }
    if (!more) {
      this.#part = undefined;
      part.ended = entry.row;
      this.#endPart(part);
    }
    return true;
  }

  /** Finishes a file when all of it is there, or drops it when some of it failed. */
  #endPart(part: OpenPart): void {
    const { handle, ended, failure } = part;
    if (part.pending > 0 || handle === undefined) return;
    if (failure !== undefined) {
      this.#host.restoring(handle.path, () => handle.failed(failure));
    } else if (ended !== undefined) {
      const there = this.#host.restoring(handle.path, () => handle.finish(ended));
      if (there) this.#host.restored(ended, part.bytes);
    }
  }

  /** Gives the group at hand away and begins another. */
  async #nextGroup(): Promise<void> {
    await this.#send();
    // One file may be all there is, and this thread may have no worker to wait for.
    await this.#host.turn();
    const batch = this.#host.target.beginBatch(this.#host.distinctPlaces);
    if (batch === undefined) throw new TypeError("Cannot restore on several threads: the target is not contained");
    this.#group = new FileGroup(batch, this.#mostFiles);
    this.#mostFiles = Math.min(MAX_FILES, 2 * this.#mostFiles);
  }

  async #send(): Promise<void> {
    const group = this.#group;
    this.#group = undefined;
    if (group === undefined) return;
    if (group.files.count === 0) {
      group.batch[Symbol.dispose]();
      return;
    }
    const access = group.place === undefined ? undefined : await this.#access(group.place);
    const work = workOfFiles(group.files.count, group.reserved);
    const reply = this.#backlog.isEnoughFor(work) ? this.#runHere(group, access) : this.#runThere(group, access, work);
    // Its failure is met when its turn comes, or hidden by an earlier one.
    reply.catch(() => {});
    this.#underWay.push({ group, reply });
    while (this.#underWay.length >= this.#width) await this.#settleOldest();
  }

  #runThere(
    { files, place, batch }: FileGroup,
    access: SegmentAccess | undefined,
    work: number,
  ): Promise<RestoreReply> {
    const packed = files.finish(batch.folders);
    this.#backlog.add(work);
    return this.#crew.run({ place, access, files: packed, work }, transferOf(packed));
  }

  /** This thread would only wait while workers have enough to do. */
  // deno-lint-ignore require-await -- an async function, so that errors reject
  async #runHere({ files, place, batch }: FileGroup, access: SegmentAccess | undefined): Promise<RestoreReply> {
    return this.#restore({ place, access, files: files.finish(batch.folders) });
  }

  async #drain(): Promise<void> {
    await this.#send();
    while (this.#underWay.length > 0) await this.#settleOldest();
  }

  async #settleOldest(): Promise<void> {
    const { group, reply } = this.#underWay[0] as GroupUnderWay;
    let done: RestoreReply;
    try {
      done = await reply;
    } catch (error) {
      throw error instanceof WorkerFailure ? failureOf(group, error) : damageOf(group, error);
    }
    this.#underWay.shift();
    group.batch[Symbol.dispose]();
    await this.#settle(group, done);
  }

  async #settle(group: FileGroup, { written, remarks }: RestoreReply): Promise<void> {
    this.#host.settle(group.reserved, bytesOf(written, 0, group.files.count));
    let next = 0;
    for (const run of group.runs) {
      const end = run.first + run.count;
      for (let index = run.first; index < end;) {
        const remarked = remarks[next]?.index ?? end;
        const quietEnd = run.page === undefined ? index : Math.min(end, remarked);
        if (run.page !== undefined && quietEnd > index) {
          // Most files by far: there is nothing to be said of them.
          const from = run.row + index - run.first;
          const rows = { table: run.page.rows, from, to: from + quietEnd - index };
          group.batch.writtenRows(rows);
          this.#host.restoredRows(rows, bytesOf(written, index, quietEnd));
          index = quietEnd;
          continue;
        }
        const own: RestoreRemark[] = [];
        for (; remarks[next]?.index === index; next++) own.push(remarks[next] as RestoreRemark);
        await this.#settleOne(group, fileOf(run, index), own, written.subarray(2 * index, 2 * index + 2));
        index++;
      }
    }
  }

  async #settleOne(
    { batch }: FileGroup,
    { entry, path, part }: EntryFile,
    remarks: readonly RestoreRemark[],
    [bytes = 0, end = 0]: Float64Array,
  ): Promise<void> {
    let there = true;
    for (const remark of remarks) {
      there &&= remark.kind === "metadata";
      if (remark.kind === "taken") {
        await this.#host.restoreHere(entry, path);
        continue;
      }
      const error = decodeError(remark.error);
      if (remark.kind === "metadata") batch.metadataFailed(path, remark.what, error);
      else if (part !== undefined) part.failure ??= error;
      else this.#host.restoring(path, () => batch.failed(path, error));
    }
    if (part !== undefined) {
      part.pending--;
      part.bytes += bytes;
      part.handle?.wrote(end);
      this.#endPart(part);
    } else if (there) {
      batch.written(path);
      this.#host.restored(entry.row, bytes);
    }
  }

  async giveOut(): Promise<string | undefined> {
    await this.#takeWaiting();
    await this.#send();
    const [oldest] = this.#underWay;
    if (oldest === undefined) return undefined;
    return this.#isInOrder ? firstOf(oldest.group).entry.row.path : "";
  }

  async finish(): Promise<void> {
    await this.#takeWaiting();
    await this.#drain();
  }

  async stop(): Promise<void> {
    Atomics.store(new Int32Array(this.#stop), 0, 1);
    // Not ended in the middle of a file: what they have begun would be left behind.
    await Promise.allSettled(this.#underWay.map(({ reply }) => reply));
    this.#crew[Symbol.dispose]();
    for (const { group } of this.#underWay.splice(0)) group.batch[Symbol.dispose]();
    this.#group?.batch[Symbol.dispose]();
    this.#group = undefined;
  }
}

/** The bytes that were written of some files. */
function bytesOf(written: Float64Array, from: number, to: number): number {
  let bytes = 0;
  for (let i = from; i < to; i++) bytes += written[2 * i] as number;
  return bytes;
}
