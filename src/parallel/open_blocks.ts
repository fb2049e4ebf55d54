/** Opening the blocks of a stream on several threads. */
import {
  type BlockOpener,
  blockOpening,
  type OpenedBlock,
  type OpenSetting,
  type SealedBlock,
} from "../archive/block_opener.ts";
import type { BlockFacts } from "../archive/agreement.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import type { Block } from "../format/block.ts";
import { decodeBlock } from "../format/decoded_block.ts";
import { paddedLength } from "../format/frame.ts";
import { Crew, type WorkerThread } from "./crew.ts";
import type { OpenTask } from "./stream_worker.ts";

/** Opens blocks on worker threads until it is disposed, which ends them. */
export interface ParallelOpener extends BlockOpener<Block>, Disposable {}

/** How blocks are opened in parallel. */
export interface OpenBlocksOptions {
  /** Worker threads; 1 means that all is done on this one. */
  readonly jobs: number;
  /** Starts one; default: a `Worker`. */
  readonly start?: () => WorkerThread;
}

/** Blocks that are opened where they are met: a small archive is done before a thread has started. */
const INLINE_BLOCKS = 2;
/** Blocks under way for each worker, so that none waits for the next. */
const BLOCKS_PER_WORKER = 2;

/**
 * What opens the blocks of one archive with the native engine. A block's data is good until the next one is asked for.
 */
export function openInParallel(setting: OpenSetting, options: OpenBlocksOptions): ParallelOpener {
  return new CrewOpener(setting, options);
}

function startWorker(): Worker {
  return new Worker(new URL("./stream_worker.ts", import.meta.url), { type: "module", name: "stream" });
}

class CrewOpener implements ParallelOpener {
  readonly width: number;
  readonly #setting: OpenSetting;
  readonly #options: OpenBlocksOptions;
  readonly #openHere: ReturnType<typeof blockOpening>;
  /** Used in turn: when a block is to be opened, the one `width` before it has been done with. */
  readonly #slots: SharedArrayBuffer[];
  #crew: Crew<OpenSetting, OpenTask, BlockFacts> | undefined;
  #begun = 0;

  constructor(setting: OpenSetting, options: OpenBlocksOptions) {
    this.width = options.jobs === 1 ? 1 : options.jobs * BLOCKS_PER_WORKER;
    this.#setting = setting;
    this.#options = options;
    // Blocks that wait for their turn need memory of their own.
    this.#openHere = blockOpening(
      nativeEngine,
      setting,
      options.jobs === 1 ? undefined : (length) => new Uint8Array(length),
    );
    this.#slots = Array.from({ length: this.width }, () => new SharedArrayBuffer(0));
  }

  open(block: SealedBlock): OpenedBlock<Block> | Promise<OpenedBlock<Block>> {
    this.#begun++;
    const { jobs, start } = this.#options;
    if (jobs === 1) return this.#openHere(block);
    // Started a block early, they are there when the next one is read.
    if (this.#begun === INLINE_BLOCKS) this.#crew = new Crew(jobs, start ?? startWorker, this.#setting);
    return this.#crew === undefined || this.#begun <= INLINE_BLOCKS
      ? this.#openHere(block)
      : this.#send(this.#crew, block);
  }

  async #send(
    crew: Crew<OpenSetting, OpenTask, BlockFacts>,
    { frame, head, chunks }: SealedBlock,
  ): Promise<OpenedBlock<Block>> {
    const { length } = chunks;
    const turn = this.#begun % this.width;
    let memory = this.#slots[turn] as SharedArrayBuffer;
    // A stored block is opened in place, with its fill.
    const needed = length + paddedLength(head.raw);
    if (memory.byteLength < needed) {
      memory = new SharedArrayBuffer(needed);
      this.#slots[turn] = memory;
    }
    new Uint8Array(memory).set(chunks);
    const facts = await crew.run({ frame, head, memory, length });
    return { block: decodeBlock(new Uint8Array(memory, length, head.raw), head.rows), facts };
  }

  [Symbol.dispose](): void {
    this.#crew?.[Symbol.dispose]();
  }
}
