/**
 * Checks a page by itself, wherever that is done, and says what of it has to be compared with the rest of its segment
 * (FORMAT.md, "One truth").
 */
import type { Bytes } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_TYPE, type FrameHead } from "../format/frame.ts";
import { type DecodedPage, decodePage } from "../format/page.ts";
import type { BlockPlace } from "../format/row.ts";
import { emptyTally, tally, type Totals } from "../format/tables.ts";
import type { FactFinder, PageFacts } from "./agreement.ts";
import { edgesOf, type PageEdges } from "./catalog_order.ts";

/** A block that a page has extents in. */
export interface NamedBlock {
  readonly place: BlockPlace;
  /** Where the farthest of those that are shared ends in its data: of them, only the bytes have to be there. */
  readonly sharedEnd: number;
  /** The path of one of them. */
  readonly path: string;
}

/** What a page that is good by itself says. */
export interface CheckedPage {
  readonly edges: PageEdges;
  /** What its rows add to what the catalog holds. */
  readonly totals: Totals;
  /** The blocks that it names, each once. */
  readonly blocks: readonly NamedBlock[];
  readonly facts: PageFacts;
}

/** Checks the pages of one segment. */
export class PageCheck {
  readonly #facts: FactFinder;
  readonly #segment: number;
  readonly #deduplicated: boolean;

  /** Takes what finds out facts, the segment's number, and whether files may share content. */
  constructor(facts: FactFinder, segment: number, deduplicated: boolean) {
    this.#facts = facts;
    this.#segment = segment;
    this.#deduplicated = deduplicated;
  }

  /**
   * Decodes a catalog or orphan page and checks all that it shows by itself.
   *
   * @throws {ArchiveError} `malformed`, `unsafe` or `limit`.
   */
  check({ type, rows }: FrameHead, raw: Bytes): { readonly page: DecodedPage; readonly checked: CheckedPage } {
    const page = type === FRAME_TYPE.page
      ? decodePage(raw, rows, undefined, this.#segment, this.#deduplicated)
      : decodePage(raw, rows, "an orphan page", this.#segment);
    if (type === FRAME_TYPE.page) checkComplete(page);
    else checkBegun(page);
    return {
      page,
      checked: {
        edges: edgesOf(page),
        totals: totalsOf(page),
        blocks: blocksOf(page),
        facts: this.#facts.page(page),
      },
    };
  }
}

/** Nothing in a catalog is provisional. */
function checkComplete({ rows }: DecodedPage): void {
  if (rows.firstProvisional() === undefined) return;
  throw new ArchiveError("malformed", "Cannot accept the catalog: it has a provisional row");
}

/** A provisional row among orphans is of a file that was begun. */
function checkBegun({ rows, extents }: DecodedPage): void {
  for (let i = 0; i < rows.count; i++) {
    if (rows.isProvisional(i) && extents.of(i).length === 0) {
      throw new ArchiveError("malformed", "Cannot accept an orphan page: a provisional row has no extents");
    }
  }
}

function totalsOf({ rows, continues }: DecodedPage): Totals {
  const totals = emptyTally();
  for (let i = 0; i < rows.count; i++) {
    if (!continues && rows.mark(i) !== "gone") {
      tally(totals, { kind: rows.kind(i), size: rows.sizes[i] as number });
    }
  }
  return totals;
}

function blocksOf({ rows, extents }: DecodedPage): NamedBlock[] {
  const named = new Map<BlockPlace, { place: BlockPlace; sharedEnd: number; path: string }>();
  // Extents in one block have its place in common.
  let place: BlockPlace | undefined;
  for (let i = 0; i < rows.count; i++) {
    const behind = extents.starts[i + 1] as number;
    for (let at = extents.starts[i] as number; at < behind; at++) {
      const block = extents.block(at);
      if (block !== place && !named.has(block)) {
        named.set(block, { place: block, sharedEnd: 0, path: rows.paths.text(i) });
      }
      place = block;
      if (!extents.isShared(at)) continue;
      const found = named.get(block);
      const end = extents.dataEnd(at);
      if (found === undefined || end <= found.sharedEnd) continue;
      found.sharedEnd = end;
      found.path = rows.paths.text(i);
    }
  }
  return [...named.values()];
}
