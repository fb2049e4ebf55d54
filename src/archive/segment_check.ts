/**
 * Checks one segment from front to back: everything in it is compared with everything else, and with the segments
 * before it (FORMAT.md, "One truth").
 */
import type { Bytes, Engine } from "../engine/engine.ts";
import { equalBytes, isZero } from "../format/bytes.ts";
import { type ChunkedBlock, decodeChunkTable } from "../format/chunk_table.ts";
import { checkPagesBefore, decodeIndex, type PagePlace } from "../format/catalog_index.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_TYPE, type FrameHead, FrameOrder } from "../format/frame.ts";
import type { SegmentIdentity } from "../format/keys.ts";
import { TABLE_PAGE_ROWS } from "../format/limits.ts";
import { encodeLocator, type FramePlace, type Locator } from "../format/locator.ts";
import type { Page } from "../format/page.ts";
import type { BlockPlace } from "../format/row.ts";
import { decodeSegmentTable, firstListed, type ListedSegment } from "../format/segment_table.ts";
import {
  decodeSnapshotTable,
  encodeSnapshotTable,
  type ListedSnapshot,
  listedSnapshot,
} from "../format/snapshot_table.ts";
import {
  addTotals,
  checkDeduplicated,
  decodeTrailer,
  emptyTally,
  type Totals,
  type Trailer,
} from "../format/tables.ts";
import { Agreement, type BlockFacts, FactFinder } from "./agreement.ts";
import { CatalogOrder } from "./catalog_order.ts";
import { type CheckedPage, type NamedBlock, PageCheck } from "./page_check.ts";

/** What is known of a block. */
interface KnownBlock {
  readonly offset: number;
  readonly frameBytes: number;
  /** Bytes of its data. */
  readonly dataBytes: number;
}

/** What is known of the segments before the one at hand. */
export class SegmentHistory {
  readonly segments: ListedSegment[] = [];
  readonly snapshots: ListedSnapshot[] = [];
  /** The places of blocks, by segment. */
  readonly blocks: KnownBlock[][] = [];
  /** Where the tables of each segment are. */
  readonly tables: { segments: BlockPlace; snapshots: BlockPlace }[] = [];
}

/** What comes out of a frame that is no block. */
export type CheckedItem =
  | { readonly kind: "page"; readonly page: Page }
  /** Entries that blocks hold and the catalog does not: they vanished or failed while they were stored. */
  | { readonly kind: "orphans"; readonly page: Page }
  | { readonly kind: "trailer"; readonly trailer: Trailer };

/** The checks of one segment. */
export class SegmentCheck {
  readonly order = new FrameOrder();
  readonly agreement: Agreement;
  readonly #pageCheck: PageCheck;
  readonly #segment: SegmentIdentity;
  readonly #offset: number;
  readonly #history: SegmentHistory;
  readonly #blocks: KnownBlock[] = [];
  readonly #deduplicated: boolean;
  readonly #pages: PagePlace[] = [];
  readonly #totals = emptyTally();
  #orphanPages = 0;
  readonly #catalogOrder = new CatalogOrder();
  readonly #orphanOrder = new CatalogOrder();
  #index: FramePlace | undefined;
  #trailer: { readonly place: FramePlace; readonly frameBytes: number; readonly trailer: Trailer } | undefined;
  readonly #tables: { segments?: BlockPlace; snapshots?: BlockPlace } = {};

  /**
   * Begins with a segment at an offset, behind those of a history, which it joins at its end. `deduplicated` is what
   * the header says.
   */
  constructor(
    engine: Engine,
    segment: SegmentIdentity,
    offset: number,
    history: SegmentHistory,
    deduplicated: boolean,
  ) {
    this.#deduplicated = deduplicated;
    this.agreement = new Agreement(engine);
    const facts = new FactFinder(engine, this.agreement.key);
    this.#pageCheck = new PageCheck(facts, segment.number, deduplicated);
    this.#segment = segment;
    this.#offset = offset;
    this.#history = history;
    history.blocks.push(this.#blocks);
  }

  /** Takes the next block. */
  block({ offset }: FramePlace, frameBytes: number, facts: BlockFacts): void {
    this.agreement.addFacts(facts);
    this.#blocks.push({ offset, frameBytes, dataBytes: facts.dataBytes });
  }

  /** Takes the next page, catalog or orphan, which is good by itself. */
  page(head: FrameHead, place: FramePlace, frameBytes: number, checked: CheckedPage): void {
    if (head.type === FRAME_TYPE.orphanPage) {
      this.#takeOrphans(checked);
      return;
    }
    this.#takePage(checked);
    this.#pages.push({ ...place, firstPath: checked.edges.first.path, frameBytes, rows: head.rows });
  }

  /** Takes the content of another frame. */
  content(head: FrameHead, raw: Bytes, place: FramePlace, frameBytes: number): CheckedItem | undefined {
    const { number } = this.#segment;
    switch (head.type) {
      case FRAME_TYPE.page:
      case FRAME_TYPE.orphanPage: {
        const { page, checked } = this.#pageCheck.check(head, raw);
        this.page(head, place, frameBytes, checked);
        return { kind: head.type === FRAME_TYPE.page ? "page" : "orphans", page };
      }
      case FRAME_TYPE.index:
        this.agreement.close();
        this.#index = place;
        this.#checkIndex(decodeIndex(raw, head.rows, place.offset), place);
        return undefined;
      case FRAME_TYPE.segmentTable:
        this.#tables.segments = { ...place, frameBytes };
        this.#checkSegments(raw, head.rows);
        return undefined;
      case FRAME_TYPE.snapshotTable:
        this.#tables.snapshots = { ...place, frameBytes };
        this.#checkSnapshots(raw, head.rows);
        return undefined;
      case FRAME_TYPE.trailer: {
        const trailer = decodeTrailer(raw, number);
        checkDeduplicated(trailer, this.#deduplicated);
        this.#trailer = { place, frameBytes, trailer };
        this.#checkTrailer(trailer);
        return { kind: "trailer", trailer };
      }
      case FRAME_TYPE.padding:
        if (!isZero(raw)) throw new ArchiveError("malformed", "Cannot accept the archive: its padding is not zero");
        return undefined;
      case FRAME_TYPE.chunkTable:
        this.#checkChunks(decodeChunkTable(raw, head.rows, number));
        return undefined;
      default:
        return undefined;
    }
  }

  #takePage({ edges, totals, blocks, facts }: CheckedPage): void {
    this.#catalogOrder.next(edges);
    addTotals(this.#totals, totals);
    this.#checkPlaces(blocks);
    this.agreement.addPageFacts(facts);
  }

  #takeOrphans({ edges, blocks, facts }: CheckedPage): void {
    if (this.#orphanPages === 0) this.agreement.close();
    this.#orphanPages++;
    this.#orphanOrder.next(edges);
    this.#checkPlaces(blocks);
    this.agreement.addPageFacts(facts);
  }

  #checkPlaces(blocks: readonly NamedBlock[]): void {
    for (const { place, sharedEnd, path } of blocks) {
      const found = this.#blockAt(place);
      if (found === undefined || sharedEnd > found.dataBytes) throw misplaced(path);
    }
  }

  /** The block at a place, where there is one. */
  #blockAt({ segment = 0, frame, offset, frameBytes }: BlockPlace): KnownBlock | undefined {
    const found = this.#history.blocks[segment]?.[frame];
    return found?.offset === offset && found.frameBytes === frameBytes ? found : undefined;
  }

  /** Chunks lie in blocks of this segment; whether they have these ids concerns writers alone. */
  #checkChunks(blocks: readonly ChunkedBlock[]): void {
    for (const { place, lengths } of blocks) {
      const dataBytes = this.#blockAt(place)?.dataBytes ?? -1;
      let told = 0;
      for (const length of lengths) told += length;
      if (told <= dataBytes) continue;
      throw new ArchiveError(
        "inconsistent",
        "Cannot accept the archive: its chunk table tells of bytes that are not there",
      );
    }
  }

  #checkIndex(pages: readonly PagePlace[], place: FramePlace): void {
    checkPagesBefore(pages, place);
    const same = pages.length === this.#pages.length && pages.every((page, i) => {
      const found = this.#pages[i] as PagePlace;
      return page.firstPath === found.firstPath && page.frame === found.frame && page.offset === found.offset &&
        page.frameBytes === found.frameBytes && page.rows === found.rows;
    });
    if (!same) throw new ArchiveError("inconsistent", "Cannot accept the archive: its index and its catalog disagree");
    if (!this.agreement.holds()) {
      throw new ArchiveError("inconsistent", "Cannot accept the archive: its blocks and its catalog disagree");
    }
  }

  #checkTrailer(trailer: Trailer): void {
    const index = this.#index as FramePlace;
    const totals: Totals = this.#totals;
    // What a stack of runs holds can only be counted with all of them at hand.
    const counted = trailer.runs !== undefined ||
      (Object.keys(totals) as (keyof Totals)[]).every((name) => totals[name] === trailer.totals[name]);
    const same = trailer.index.offset === index.offset && trailer.index.frame === index.frame &&
      trailer.blocks === this.#blocks.length && trailer.pages === this.#pages.length &&
      trailer.orphanPages === this.#orphanPages && counted;
    if (!same) {
      throw new ArchiveError("inconsistent", "Cannot accept the archive: its trailer and its content disagree");
    }
  }

  /** Every row must be what the segments before say of themselves, and every page reference where the page is. */
  #checkSegments(raw: Bytes, rows: number): void {
    const { segments, tables } = this.#history;
    const table = decodeSegmentTable(raw, rows, { segment: this.#segment, offset: this.#offset });
    const start = firstListed(this.#segment.number);
    const same = table.rows.every(({ locator, id }, i) => {
      const found = segments[start + i] as ListedSegment;
      return equalBytes(encodeLocator(locator), encodeLocator(found.locator)) && equalBytes(id, found.id);
    }) && table.pages.every(({ salt, link, place }, i) => {
      const holder = TABLE_PAGE_ROWS * (i + 1);
      const { segment } = (segments[holder] as ListedSegment).locator;
      return equalBytes(salt, segment.salt) && equalBytes(link, segment.link) &&
        isSamePlace(place, tables[holder]?.segments);
    });
    if (!same) throw new ArchiveError("inconsistent", "Cannot accept the archive: its segment table is not true");
  }

  #checkSnapshots(raw: Bytes, rows: number): void {
    const { snapshots, tables } = this.#history;
    const { number } = this.#segment;
    const table = decodeSnapshotTable(raw, rows, number, this.#offset);
    const listed = { pages: table.pages, rows: snapshots.slice(firstListed(number)) };
    const same = equalBytes(encodeSnapshotTable(table), encodeSnapshotTable(listed)) &&
      table.pages.every((place, i) => isSamePlace(place, tables[TABLE_PAGE_ROWS * (i + 1)]?.snapshots));
    if (!same) throw new ArchiveError("inconsistent", "Cannot accept the archive: its snapshot table is not true");
  }

  /**
   * Takes the locator that ends the segment, `length` bytes long.
   *
   * @throws {ArchiveError} `inconsistent`.
   */
  end(found: ListedSegment, length: number): void {
    const index = this.#index as FramePlace;
    const trailer = this.#trailer as { place: FramePlace; frameBytes: number; trailer: Trailer };
    const expected: Locator = {
      generation: found.locator.generation,
      segment: this.#segment,
      offset: this.#offset,
      length,
      index: { offset: index.offset, frame: index.frame },
      trailer: { offset: trailer.place.offset, frame: trailer.place.frame },
      trailerBytes: trailer.frameBytes,
      snapshots: this.#segment.number + 1,
    };
    if (!equalBytes(encodeLocator(found.locator), encodeLocator(expected))) {
      throw new ArchiveError("inconsistent", "Cannot accept the archive: its locator and its content disagree");
    }
    this.#history.segments.push(found);
    this.#history.snapshots.push(listedSnapshot(trailer.trailer));
    const { segments, snapshots } = this.#tables;
    this.#history.tables.push({ segments: segments as BlockPlace, snapshots: snapshots as BlockPlace });
  }
}

function misplaced(path: string): ArchiveError {
  const say = `Cannot accept ${JSON.stringify(path)}: the catalog places it in a block that is not there`;
  return new ArchiveError("inconsistent", say, { path });
}

function isSamePlace(a: BlockPlace, b: BlockPlace | undefined): boolean {
  return b !== undefined && a.offset === b.offset && a.frame === b.frame && a.frameBytes === b.frameBytes;
}
