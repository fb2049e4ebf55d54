/** Checking the blocks of a stream, and the pages of a file, on several threads. */
import {
  type BlockOpener,
  blockOpening,
  type OpenedBlock,
  type OpenSetting,
  type PlacedFrame,
  PlacedOpener,
  type SealedBlock,
} from "../archive/block_opener.ts";
import type { CheckedPage } from "../archive/page_check.ts";
import type { DecodedBlock } from "../format/decoded_block.ts";
import { sharedPath } from "../disk/descriptors.ts";
import type { FileSource } from "../disk/file_source.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { Backlog, workOfFrame } from "./backlog.ts";
import { Crew, type WorkerThread } from "./crew.ts";
import { startCheckWorker } from "./early_workers.ts";
import { Ring } from "./ring.ts";
import type { BlockReply, CheckedBlock, CheckReply, CheckSetup, CheckTask } from "./verify_worker.ts";

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
  /** Whether they have been started, so that a file's first block is not to be checked before they get any. */
  readonly started?: boolean;
}

/** Blocks that are checked where they are met: a small archive is done before a thread has started. */
const INLINE_BLOCKS = 2;
/** Pieces given to each worker: one to check, one that waits, so that none is ever idle. */
const PIECES_PER_WORKER = 2;
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
    this.width = options.jobs === 1 ? 1 : options.jobs * PIECES_PER_WORKER;
    this.#setting = setting;
    this.#options = options;
    this.#openHere = blockOpening(nativeEngine, setting);
    this.#ring = new Ring(this.width);
  }

  open(block: SealedBlock): OpenedBlock<CheckedBlock> | Promise<OpenedBlock<CheckedBlock>> {
    this.#begun++;
    const { jobs, start = startCheckWorker } = this.#options;
    // Started a block early, they are there when the next one is read.
    if (jobs > 1 && this.#begun === INLINE_BLOCKS) {
      const setup = { setting: this.#setting, archive: undefined, backlog: new SharedArrayBuffer(4) };
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
      return await crew.run({ frame, head, memory: slot.memory, length }) as BlockReply;
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
  readonly #here: PlacedOpener;
  /** For what comes otherwise. */
  readonly #openPiece: ReturnType<typeof blockOpening>;
  readonly #backlog: Backlog;
  #crew: Crew<CheckSetup, CheckTask, CheckReply> | undefined;
  #begun = 0;

  constructor(setting: OpenSetting, options: CheckOptions, file: FileSource, path: string | undefined) {
    this.width = options.jobs === 1 ? 1 : options.jobs * FILE_BLOCKS_PER_JOB;
    this.#setting = setting;
    this.#options = options;
    this.#path = path;
    this.#backlog = new Backlog(options.jobs - 1);
    this.#here = new PlacedOpener(nativeEngine, setting, file);
    this.#openPiece = blockOpening(nativeEngine, setting);
  }

  open(block: SealedBlock): OpenedBlock<CheckedBlock> {
    return sizesOf(this.#openPiece(block));
  }

  openAt(block: PlacedFrame): OpenedBlock<CheckedBlock> | Promise<OpenedBlock<CheckedBlock>> {
    const { jobs, start = startCheckWorker, started = false } = this.#options;
    this.#begun++;
    if (jobs > 1 && this.#begun === (started ? 1 : INLINE_BLOCKS)) {
      const setup = { setting: this.#setting, archive: this.#path, backlog: this.#backlog.memory };
      this.#crew = new Crew(jobs - 1, start, setup);
    }
    return this.#send<BlockReply>(block) ?? sizesOf(this.#here.block(block));
  }

  checkPageAt(page: PlacedFrame): CheckedPage | Promise<CheckedPage> {
    // One row may have so many places that telling of them takes longer than finding them.
    const there = page.head.rows > 1 ? this.#send<CheckedPage>(page) : undefined;
    return there ?? this.#here.page(page);
  }

  /** Gives a frame to a worker, if there is one that has too little to do. */
  #send<Reply extends CheckReply>(frame: PlacedFrame): Promise<Reply> | undefined {
    const work = workOfFrame(frame.head);
    if (this.#crew === undefined || this.#backlog.isEnoughFor(work)) return undefined;
    this.#backlog.add(work);
    return this.#crew.run(frame) as Promise<Reply>;
  }

  [Symbol.dispose](): void {
    this.#crew?.[Symbol.dispose]();
  }
}

function sizesOf({ block: { rows, data }, facts }: OpenedBlock<DecodedBlock>): OpenedBlock<CheckedBlock> {
  return { block: { entries: rows.count, bytes: data.length }, facts };
}
