/** Writing and reading the chunk tables of segments (FORMAT.md, "Deduplication"). */
import type { Engine } from "../engine/engine.ts";
import { CHUNK_ID_BYTES, type ChunkedBlock, decodeChunkTable, encodeChunkTable } from "../format/chunk_table.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_TYPE, type FrameHead, frameLength } from "../format/frame.ts";
import type { ChunkIndex } from "./chunk_index.ts";
import { type Level, prepareFrame } from "./compress.ts";
import type { FrameContent } from "./frame_cipher.ts";
import { MIN_SHARED_BYTES } from "./gathering.ts";
import { pauseEvery } from "./pause.ts";
import type { SealedSpill, SpilledPiece } from "./sealed_spill.ts";
import type { Segments } from "./segments.ts";

/** Chunks of one table, but for those of its last block. */
const TABLE_CHUNKS = 65_536;
/** Bytes of tables that wait in memory. */
const TABLES_BYTES = 2 ** 25;

/** Collects the chunks of a segment's blocks into tables. */
export class ChunkTables {
  readonly #engine: Engine;
  readonly #level: Level;
  readonly #spill: (() => SealedSpill) | undefined;
  readonly #tables: (FrameContent | SpilledTable)[] = [];
  #sealed: SealedSpill | undefined;
  #memory = 0;
  #blocks: ChunkedBlock[] = [];
  #chunks = 0;

  /** Tables that there is no room for in memory go where `spill` puts them, if it is given. */
  constructor(engine: Engine, level: Level, spill?: () => SealedSpill) {
    this.#engine = engine;
    this.#level = level;
    this.#spill = spill;
  }

  /** Takes the chunks of the next block. */
  add(block: ChunkedBlock): void {
    if (block.lengths.length === 0) return;
    this.#blocks.push(block);
    this.#chunks += block.lengths.length;
    if (this.#chunks >= TABLE_CHUNKS) this.#flush();
  }

  #flush(): void {
    if (this.#chunks === 0) return;
    const raw = encodeChunkTable(this.#blocks);
    const kind = { type: FRAME_TYPE.chunkTable, rows: this.#chunks };
    const table = prepareFrame(this.#engine, kind, raw, this.#level);
    if (this.#spill !== undefined && this.#memory + table.stored.length > TABLES_BYTES) {
      this.#sealed ??= this.#spill();
      this.#tables.push({ head: table.head, spilled: this.#sealed.put([table.stored]) });
    } else {
      this.#tables.push(table);
      this.#memory += table.stored.length;
    }
    this.#blocks = [];
    this.#chunks = 0;
  }

  /** The tables, ready to be sealed. */
  *finish(): Generator<FrameContent> {
    this.#flush();
    for (const table of this.#tables) {
      if (!("spilled" in table)) yield table;
      else if (this.#sealed !== undefined) yield { head: table.head, stored: this.#sealed.take(table.spilled) };
    }
  }
}

/** A table that was put away. */
interface SpilledTable {
  readonly head: FrameHead;
  readonly spilled: SpilledPiece;
}

/**
 * Takes the chunks that all segments hold into an index, those of the newest first, until it is full. A table that
 * cannot be taken is passed over: what it told of is stored again.
 */
export async function loadChunks(segments: Segments, index: ChunkIndex): Promise<void> {
  const pause = pauseEvery();
  for (let number = segments.newest.locator.segment.number; number >= 0 && !index.isFull; number--) {
    try {
      for await (const blocks of chunkTablesOf(segments, number)) {
        await pause();
        index.expect(blocks.reduce((sum, { lengths }) => sum + lengths.length, 0));
        for (const block of blocks) addTo(index, block);
      }
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
    }
  }
}

function addTo(index: ChunkIndex, { place, lengths, ids }: ChunkedBlock): void {
  const block = index.addBlock(place);
  let dataOffset = 0;
  let at = 0;
  for (const length of lengths) {
    if (length >= MIN_SHARED_BYTES) index.add(ids, block, dataOffset, length, at);
    dataOffset += length;
    at += CHUNK_ID_BYTES;
  }
}

/** The chunk tables of one segment: the frames between its snapshot table and its trailer. */
async function* chunkTablesOf(segments: Segments, number: number): AsyncGenerator<ChunkedBlock[]> {
  const { locator } = await segments.get(number);
  const { tablePlaces: { snapshots } } = await segments.end(number);
  const frames = await segments.frames(number);
  let { frame, offset } = { frame: snapshots.frame + 1, offset: snapshots.offset + snapshots.frameBytes };
  for (; offset < locator.trailer.offset; frame++) {
    const head = await frames.head({ offset, frame });
    if (head.type === FRAME_TYPE.chunkTable) {
      const { raw } = await frames.frame({ offset, frame });
      yield decodeChunkTable(raw, head.rows, number);
    }
    offset += frameLength(head.stored);
  }
}
