/** Which chunks the segments of an archive hold, for what is stored next (FORMAT.md, "Deduplication"). */
import type { Bytes } from "../engine/engine.ts";
import { CHUNK_ID_BYTES, type ChunkedBlock, decodeChunkTable } from "../format/chunk_table.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_TYPE, frameLength } from "../format/frame.ts";
import type { ChunkIndex } from "./chunk_index.ts";
import { MIN_SHARED_BYTES } from "./gathering.ts";
import { pauseEvery } from "./pause.ts";
import type { Segments } from "./segments.ts";

/** Archives of more chunks are taken into the index at once: the tables of so many are 26 MiB of memory. */
const MAX_SEARCHED_CHUNKS = 2 ** 20;
/** After so many searches there is enough to be looked for that the index pays. */
const MAX_SEARCHES = 16;

/** What is known of chunks that were stored before. */
export interface KnownChunks {
  /** Has what {@linkcode lookUp} found, and gets what is stored now. */
  readonly index: ChunkIndex;
  /** Looks for chunks by their ids, one behind the other: what is stored of them, the index has then. */
  lookUp(ids: Bytes): Promise<void> | undefined;
}

/** Of an archive that is new. */
export function noChunks(index: ChunkIndex): KnownChunks {
  return { index, lookUp: () => undefined };
}

/** A block of a table, and its number in the index once a chunk of it is there. */
interface SearchedBlock extends ChunkedBlock {
  number: number;
}

/**
 * The chunks of all segments, those of the newest first, until the index is full. A table that cannot be taken is
 * passed over: what it told of is stored again.
 *
 * An update asks for few of them. As long as it does, the tables are searched for what it asks for, all of that at
 * once: to pass over an id costs little, to take it into the index does not.
 */
export class StoredChunks implements KnownChunks {
  readonly index: ChunkIndex;
  readonly #segments: Segments;
  /** The tables, in the order of the search; `undefined` before they are read, and once they are in the index. */
  #tables: SearchedBlock[] | undefined;
  #isRead = false;
  #searches = 0;

  /** Takes the segments of an archive, and an index that has nothing yet. */
  constructor(segments: Segments, index: ChunkIndex) {
    this.#segments = segments;
    this.index = index;
  }

  async lookUp(ids: Bytes): Promise<void> {
    if (!this.#isRead) {
      this.#isRead = true;
      await this.#read();
    }
    if (this.#tables === undefined || ids.length === 0) return;
    if (++this.#searches > MAX_SEARCHES) return await this.#takeAll();
    const filter = filterOf(ids);
    for (const block of this.#tables) this.#search(block, filter);
  }

  /** Takes what may be meant by a filter, which is a few more than are. */
  #search(block: SearchedBlock, filter: Uint8Array): void {
    const { ids, lengths } = block;
    let dataOffset = 0;
    for (let i = 0; i < lengths.length; i++) {
      const at = i * CHUNK_ID_BYTES;
      const length = lengths[i] as number;
      // Beginnings, see `filterOf`: written out, because most of this runs before it is compiled.
      if (filter[(ids[at] as number) * 256 + (ids[at + 1] as number)] !== 0) this.#add(block, at, dataOffset, length);
      dataOffset += length;
    }
  }

  #add(block: SearchedBlock, at: number, dataOffset: number, length: number): void {
    if (length < MIN_SHARED_BYTES) return;
    if (block.number === 0) block.number = this.index.addBlock(block.place);
    this.index.add(block.ids, block.number, dataOffset, length, at);
  }

  async #takeAll(): Promise<void> {
    const tables = this.#tables ?? [];
    this.#tables = undefined;
    this.#expect(tables);
    const pause = pauseEvery();
    for (const block of tables) {
      await pause();
      this.#take(block);
    }
  }

  #expect(blocks: readonly ChunkedBlock[]): void {
    this.index.expect(chunkCount(blocks));
  }

  #take(block: SearchedBlock): void {
    let dataOffset = 0;
    for (let i = 0; i < block.lengths.length; i++) {
      const length = block.lengths[i] as number;
      this.#add(block, i * CHUNK_ID_BYTES, dataOffset, length);
      dataOffset += length;
    }
  }

  /** Reads the tables: to be searched, or into the index where there are too many. */
  async #read(): Promise<void> {
    const pause = pauseEvery();
    this.#tables = [];
    let chunks = 0;
    for (let number = this.#segments.newest.locator.segment.number; number >= 0 && !this.index.isFull; number--) {
      try {
        for await (const blocks of chunkTablesOf(this.#segments, number)) {
          await pause();
          chunks += chunkCount(blocks);
          if (chunks > MAX_SEARCHED_CHUNKS) await this.#takeAll();
          if (this.#tables === undefined) this.#expect(blocks);
          for (const block of blocks) {
            const searched = { ...block, number: 0 };
            if (this.#tables === undefined) this.#take(searched);
            else this.#tables.push(searched);
          }
        }
      } catch (error) {
        if (!(error instanceof ArchiveError)) throw error;
      }
    }
  }
}

function chunkCount(blocks: readonly ChunkedBlock[]): number {
  return blocks.reduce((sum, { lengths }) => sum + lengths.length, 0);
}

/** For each pair of bytes, as one number, whether an id begins with it. Ids are as good as random. */
function filterOf(ids: Bytes): Uint8Array {
  const filter = new Uint8Array(2 ** 16);
  for (let at = 0; at < ids.length; at += CHUNK_ID_BYTES) {
    filter[(ids[at] as number) * 256 + (ids[at + 1] as number)] = 1;
  }
  return filter;
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
