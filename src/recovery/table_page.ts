/** The pages that hold the checksums of a region's cells (FORMAT.md, "Tables of a region"). */
import type { Bytes, Engine } from "../engine/engine.ts";
import { RECOVERY_CELL_BYTES as PAGE_BYTES, RECOVERY_CODEWORDS, RECOVERY_TABLE_ENTRIES } from "../format/limits.ts";
import { addMultiple, coefficient, invertCoefficients } from "./field.ts";
import { isRecoveryPercent, parityCells, type RegionShape, regionShape, type SegmentStart } from "./geometry.ts";

const HEADER_BYTES = 64;
const CHECK_BYTES = 4;
const ENTRY_BYTES = 4;

/** Which region it is. */
export interface RegionIdentity {
  /** The layer's percentage. */
  readonly percent: number;
  /** Its place among the regions of its segment, from 0. */
  readonly number: number;
  /** Where its segment begins. */
  readonly segment: SegmentStart;
}

/** What the header of a page says. */
export interface TablePageHeader extends RegionIdentity {
  /** The page's number: half of the pages stand before the parity, the others behind it. */
  readonly page: number;
  /** Data cells of the region. */
  readonly data: number;
}

/** All pages of a region, one behind the other: the checksums, then the pages made of those. */
export function encodeTables(
  engine: Engine,
  identity: RegionIdentity,
  shape: RegionShape,
  checksums: Uint32Array,
): Bytes {
  const { tablePages: half } = shape;
  const pages = new Uint8Array(2 * half * PAGE_BYTES);
  const view = new DataView(pages.buffer);
  for (let i = 0; i < shape.data + parityCells(shape); i++) {
    const page = Math.floor(i / RECOVERY_TABLE_ENTRIES);
    const at = page * PAGE_BYTES + HEADER_BYTES + (i % RECOVERY_TABLE_ENTRIES) * ENTRY_BYTES;
    view.setUint32(at, checksums[i] as number);
  }
  for (let row = 0; row < half; row++) {
    for (let i = 0; i < half; i++) addMultiple(content(pages, half + row), content(pages, i), coefficient(row, i));
  }
  for (let page = 0; page < 2 * half; page++) {
    writeHeader(engine, pageOf(pages, page), { ...identity, page, data: shape.data });
  }
  return pages;
}

function pageOf(pages: Bytes, page: number): Bytes {
  return pages.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
}

function content(pages: Bytes, page: number): Bytes {
  return pageOf(pages, page).subarray(HEADER_BYTES);
}

function viewOf(bytes: Bytes): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function writeHeader(engine: Engine, page: Bytes, header: TablePageHeader): void {
  const view = viewOf(page);
  view.setUint8(4, header.percent);
  view.setUint16(6, header.page);
  view.setUint32(8, header.number);
  view.setUint32(12, header.data);
  view.setBigUint64(16, BigInt(header.segment.offset));
  view.setBigUint64(24, BigInt(header.segment.physical));
  view.setUint32(0, engine.crc32(page.subarray(CHECK_BYTES)));
}

/** What a page says of itself; `undefined` when it is damaged, or no such page at all. */
export function decodeTablePage(engine: Engine, page: Bytes): TablePageHeader | undefined {
  if (page.length < PAGE_BYTES) return undefined;
  const view = viewOf(page);
  const percent = view.getUint8(4);
  // Told at a glance, for most of what is looked at when pages are searched for.
  if (!isRecoveryPercent(percent) || view.getUint8(5) !== 0) return undefined;
  if (view.getUint32(0) !== engine.crc32(page.subarray(CHECK_BYTES, PAGE_BYTES))) return undefined;
  const data = view.getUint32(12);
  const offset = Number(view.getBigUint64(16));
  const physical = Number(view.getBigUint64(24));
  if (data < 1 || data > RECOVERY_CODEWORDS * 255) return undefined;
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(physical)) return undefined;
  const number = view.getUint16(6);
  if (number >= 2 * regionShape(percent, data).tablePages) return undefined;
  return { percent, page: number, number: view.getUint32(8), data, segment: { offset, physical } };
}

/** What the tables of a region say, as far as they are intact. */
export interface DecodedTables {
  /** Checksums of the cells; `undefined` when over half of the pages are lost. */
  readonly checksums: Uint32Array | undefined;
  /** Pages that are damaged. */
  readonly bad: readonly number[];
}

/** Reads the tables: `pages` are all of them, in their order. What does not belong to this region counts as damaged. */
export function decodeTables(
  engine: Engine,
  identity: RegionIdentity,
  shape: RegionShape,
  pages: Bytes,
): DecodedTables {
  const { tablePages: half } = shape;
  const good: number[] = [];
  const bad: number[] = [];
  for (let page = 0; page < 2 * half; page++) {
    const header = decodeTablePage(engine, pageOf(pages, page));
    const fits = header !== undefined && header.page === page && header.data === shape.data &&
      header.percent === identity.percent && header.number === identity.number &&
      header.segment.offset === identity.segment.offset && header.segment.physical === identity.segment.physical;
    (fits ? good : bad).push(page);
  }
  if (good.length < half) return { checksums: undefined, bad };
  const whole = pages.slice(0, half * PAGE_BYTES);
  mendContents(pages, whole, half, good);
  const checksums = new Uint32Array(shape.data + parityCells(shape));
  const view = viewOf(whole);
  for (let i = 0; i < checksums.length; i++) {
    const page = Math.floor(i / RECOVERY_TABLE_ENTRIES);
    const at = page * PAGE_BYTES + HEADER_BYTES + (i % RECOVERY_TABLE_ENTRIES) * ENTRY_BYTES;
    checksums[i] = view.getUint32(at);
  }
  return { checksums, bad };
}

/** Puts the contents of the first half's pages that are bad into `whole`. */
function mendContents(pages: Bytes, whole: Bytes, half: number, good: readonly number[]): void {
  const present = good.filter((page) => page < half);
  const missing = Array.from({ length: half }, (_, i) => i).filter((page) => !present.includes(page));
  if (missing.length === 0) return;
  const rows = good.filter((page) => page >= half).slice(0, missing.length).map((page) => page - half);
  const syndromes = rows.map((row) => {
    const sum = content(pages, half + row).slice();
    for (const page of present) addMultiple(sum, content(pages, page), coefficient(row, page));
    return sum;
  });
  invertCoefficients(rows, missing).forEach((line, i) => {
    const target = content(whole, missing[i] as number);
    target.fill(0);
    syndromes.forEach((sum, j) => addMultiple(target, sum, line[j] as number));
  });
}
