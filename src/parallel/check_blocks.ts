/** Checking the blocks of a stream on several threads. */
import type { BlockOpener, OpenedBlock, OpenSetting, SealedBlock } from "../archive/block_opener.ts";
import { blockOpening } from "../archive/block_opener.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { Crew, type WorkerThread } from "./crew.ts";
import { Ring } from "./ring.ts";
import type { CheckedBlock, CheckReply, CheckTask } from "./verify_worker.ts";

export type { CheckedBlock } from "./verify_worker.ts";

/** Checks blocks on worker threads until it is disposed, which ends them. */
export interface ParallelChecker extends BlockOpener<CheckedBlock>, Disposable {}

/** How blocks are checked in parallel. */
export interface CheckOptions {
  /** Worker threads; 1 means that all is done on this one. */
  readonly jobs: number;
  /** Starts one; default: a `Worker`. */
  readonly start?: () => WorkerThread;
}

/** Blocks that are checked where they are met: a small archive is done before a thread has started. */
const INLINE_BLOCKS = 2;
/** Blocks under way for each worker, so that none waits for the next. */
const BLOCKS_PER_WORKER = 2;

/** What checks the blocks of one archive with the native engine and gives their sizes. */
export function checkInParallel(setting: OpenSetting, options: CheckOptions): ParallelChecker {
  return new CrewChecker(setting, options);
}

function startWorker(): Worker {
  return new Worker(new URL("./verify_worker.ts", import.meta.url), { type: "module", name: "verify" });
}

class CrewChecker implements ParallelChecker {
  readonly width: number;
  readonly #setting: OpenSetting;
  readonly #options: CheckOptions;
  readonly #openHere: ReturnType<typeof blockOpening>;
  readonly #ring: Ring;
  #crew: Crew<OpenSetting, CheckTask, CheckReply> | undefined;
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
    const { jobs, start } = this.#options;
    // Started a block early, they are there when the next one is read.
    if (jobs > 1 && this.#begun === INLINE_BLOCKS) this.#crew = new Crew(jobs, start ?? startWorker, this.#setting);
    if (jobs > 1 && this.#begun > INLINE_BLOCKS) return this.#send(block);
    const { block: { rows, data }, facts } = this.#openHere(block);
    return { block: { entries: rows.count, bytes: data.length }, facts };
  }

  async #send({ frame, head, chunks }: SealedBlock): Promise<OpenedBlock<CheckedBlock>> {
    const { length } = chunks;
    const slot = this.#ring.take(length);
    new Uint8Array(slot.memory).set(chunks);
    try {
      return await (this.#crew as Crew<OpenSetting, CheckTask, CheckReply>).run({
        frame,
        head,
        memory: slot.memory,
        length,
      });
    } finally {
      this.#ring.give(slot);
    }
  }

  [Symbol.dispose](): void {
    this.#crew?.[Symbol.dispose]();
  }
}
