/** Writing the chunk tables of segments (FORMAT.md, "Deduplication"). */
import type { Engine } from "../engine/engine.ts";
import { type ChunkedBlock, encodeChunkTable } from "../format/chunk_table.ts";
import { FRAME_TYPE, type FrameHead } from "../format/frame.ts";
import { type Level, prepareFrame } from "./compress.ts";
import type { FrameContent } from "./frame_cipher.ts";
import type { SealedSpill, SpilledPiece } from "./sealed_spill.ts";

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
