/** Checking the blocks of a stream on several threads. */
import {
  type BlockOpener,
  blockOpening,
  type OpenedBlock,
  type OpenSetting,
  type PlacedBlock,
  placedOpening,
  type SealedBlock,
} from "../archive/block_opener.ts";
import type { DecodedBlock } from "../format/decoded_block.ts";
import { sharedPath } from "../disk/descriptors.ts";
import type { FileSource } from "../disk/file_source.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { Crew, type WorkerThread } from "./crew.ts";
import { type EarlyWorkers, workersFor } from "./early_workers.ts";
import { Ring } from "./ring.ts";
import type { CheckedBlock, CheckReply, CheckSetup, CheckTask } from "./verify_worker.ts";

export type { CheckedBlock } from "./verify_worker.ts";

/** Checks blocks on worker threads until it is disposed, which ends them. */
export interface ParallelChecker extends BlockOpener<CheckedBlock>, Disposable {}

/** How blocks are checked in parallel. */
export interface CheckOptions {
  /** Threads that check; 1 means that all is done on this one. */
  readonly jobs: number;
  /**
   * The archive, where it is a file whose stream leaves its blocks: whoever checks one reads it. It stays open until
   * the checker is disposed.
   */
  readonly file?: FileSource;
  /** Starts one; default: a `Worker`. */
  readonly start?: () => WorkerThread;
}

/** Blocks that are checked where they are met: a small archive is done before a thread has started. */
const INLINE_BLOCKS = 2;
/** Blocks given to each worker: one to check, one that waits, so that none is ever idle. */
const BLOCKS_PER_WORKER = 2;
/**
 * Blocks of a file under way for each thread. Of one that is checked only numbers are kept until its turn comes, and
 * this thread is to go on while a worker starts.
 */
const FILE_BLOCKS_PER_JOB = 16;

/** What checks the blocks of one archive with the native engine and gives their sizes. */
export function checkInParallel(setting: OpenSetting, options: CheckOptions): ParallelChecker {
  const { jobs, file } = options;
  const path = file === undefined || jobs === 1 ? undefined : sharedPath(file.descriptor);
  if (file === undefined || (path === undefined && jobs > 1)) return new PieceChecker(setting, options);
  return new FileChecker(setting, options, file, path);
}

/** Starts what {@linkcode checkInParallel} is to check a file with, where it is large. */
export function startChecking(archive: string, jobs: number): EarlyWorkers {
  return workersFor(archive, jobs, startWorker);
}

function startWorker(): Worker {
  return new Worker(new URL("./verify_worker.ts", import.meta.url), { type: "module", name: "verify" });
}

/** Checks what comes in pieces: this thread reads it, and workers check. */
class PieceChecker implements ParallelChecker {
  readonly width: number;
  readonly #setting: OpenSetting;
  readonly #options: CheckOptions;
  readonly #openHere: ReturnType<typeof blockOpening>;
  readonly #ring: Ring;
  #crew: Crew<CheckSetup, CheckTask, CheckReply> | undefined;
  #begun = 0;

  constructor(setting: OpenSetting, options: CheckOptions) {
    this.width = options.jobs === 1 ? 1 : options.jobs * BLOCKS_PER_WORKER;
    this.#setting = setting;
    this.#options = options;
    this.#openHere = blockOpening(nativeEngine, setting);
    this.#ring = new Ring(this.width);
  }

  open(block: SealedBlock): OpenedBlock<CheckedBlock> | Promise<OpenedBlock<CheckedBlock>> {
    this.#begun++;
    const { jobs, start = startWorker } = this.#options;
    // Started a block early, they are there when the next one is read.
    if (jobs > 1 && this.#begun === INLINE_BLOCKS) {
      const setup = { setting: this.#setting, archive: undefined, done: new SharedArrayBuffer(4) };
      this.#crew = new Crew(jobs, start, setup);
    }
    return jobs > 1 && this.#begun > INLINE_BLOCKS ? this.#send(block) : sizesOf(this.#openHere(block));
  }

  async #send({ frame, head, chunks }: SealedBlock): Promise<OpenedBlock<CheckedBlock>> {
    const { length } = chunks;
    const slot = this.#ring.take(length);
    new Uint8Array(slot.memory).set(chunks);
    try {
      const crew = this.#crew as Crew<CheckSetup, CheckTask, CheckReply>;
      return await crew.run({ frame, head, memory: slot.memory, length });
    } finally {
      this.#ring.give(slot);
    }
  }

  [Symbol.dispose](): void {
    this.#crew?.[Symbol.dispose]();
  }
}

/** Checks a file: workers read and check, and this thread does too while they have enough to do. */
class FileChecker implements ParallelChecker {
  readonly width: number;
  readonly #setting: OpenSetting;
  readonly #options: CheckOptions;
  readonly #path: string | undefined;
  readonly #openHere: ReturnType<typeof placedOpening>;
  /** For what comes otherwise. */
  readonly #openPiece: ReturnType<typeof blockOpening>;
  /**
   * Blocks that workers were given, and, in memory that they count in, how many are done: replies wait for the event
   * loop.
   */
  #given = 0;
  readonly #done = new SharedArrayBuffer(4);
  #crew: Crew<CheckSetup, CheckTask, CheckReply> | undefined;
  #begun = 0;

  constructor(setting: OpenSetting, options: CheckOptions, file: FileSource, path: string | undefined) {
    this.width = options.jobs === 1 ? 1 : options.jobs * FILE_BLOCKS_PER_JOB;
    this.#setting = setting;
    this.#options = options;
    this.#path = path;
    this.#openHere = placedOpening(nativeEngine, setting, file);
    this.#openPiece = blockOpening(nativeEngine, setting);
  }

  open(block: SealedBlock): OpenedBlock<CheckedBlock> {
    return sizesOf(this.#openPiece(block));
  }

  openAt(block: PlacedBlock): OpenedBlock<CheckedBlock> | Promise<OpenedBlock<CheckedBlock>> {
    const { jobs, start = startWorker } = this.#options;
    this.#begun++;
    if (jobs > 1 && this.#begun === INLINE_BLOCKS) {
      this.#crew = new Crew(jobs - 1, start, { setting: this.#setting, archive: this.#path, done: this.#done });
    }
    const waiting = this.#given - Atomics.load(new Int32Array(this.#done), 0);
    if (this.#crew === undefined || waiting >= (jobs - 1) * BLOCKS_PER_WORKER) return sizesOf(this.#openHere(block));
    this.#given++;
    return this.#crew.run(block);
  }

  [Symbol.dispose](): void {
    this.#crew?.[Symbol.dispose]();
  }
}

function sizesOf({ block: { rows, data }, facts }: OpenedBlock<DecodedBlock>): OpenedBlock<CheckedBlock> {
  return { block: { entries: rows.count, bytes: data.length }, facts };
}
