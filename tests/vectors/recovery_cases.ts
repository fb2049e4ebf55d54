/**
 * Vectors of the recovery layer: whole, damaged so that it mends and so that it does not, forged, and where it is said.
 */
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { withRecovery } from "../../src/format/header.ts";
import type { State } from "../../src/format/locator.ts";
import { physicalLength } from "../../src/recovery/geometry.ts";
import { RegionEncoder } from "../../src/recovery/region_encoder.ts";
import { seededRandom } from "../archive/archive_builder.ts";
import { type Draft, draftOf, joined, sealDrafts } from "../archive/archive_draft.ts";
import { file } from "../archive/sample_tree.ts";
import { LISTINGS, threeDrafts } from "./segment_cases.ts";
import { type Outcome, smallDraft, type VectorCase } from "./vector_case.ts";

const HEADER_BYTES = 8192;
const CELL = 4096;
const PERCENT = 5;
/** Cells of the region of a segment of one cell: data, a page of tables, two of parity, a page of tables. */
const REGION = 5 * CELL;

/** Puts what follows the data of each segment between their bytes; each of them has so few that it is one region. */
function withRegions(bytes: Bytes, lengths: readonly number[]): Bytes {
  const parts: Bytes[] = [bytes.subarray(0, HEADER_BYTES)];
  let offset = 0;
  let physical = 0;
  for (const length of lengths) {
    const encoder = new RegionEncoder(nativeEngine, PERCENT, { offset, physical });
    const data = bytes.subarray(HEADER_BYTES + offset, HEADER_BYTES + offset + length);
    encoder.add(data);
    parts.push(data, ...[...encoder.finishRegion()].map((piece) => piece.slice()));
    offset += length;
    physical += physicalLength(PERCENT, length);
  }
  return joined(...parts, bytes.subarray(HEADER_BYTES + offset));
}

/** Seals drafts of one page each with a recovery layer, and the header of the segment of that number. */
function sealed(
  drafts: readonly Draft[],
  { features = withRecovery(0, PERCENT), known = drafts.length - 1, physical = known * REGION }: {
    readonly features?: number;
    readonly known?: number;
    readonly physical?: number;
  } = {},
): Bytes {
  const draft = drafts[known] as Draft;
  draft.onHeader = (header) => ({ ...header, readFeatures: (header.readFeatures & 1) + features });
  draft.onState = (state): State => state.kind === "known" ? { ...state, physical } : state;
  const { bytes } = sealDrafts(drafts, known);
  const each = (bytes.length - HEADER_BYTES) / drafts.length;
  return withRegions(bytes, drafts.map(() => each));
}

function altered(bytes: Bytes, alter: (bytes: Bytes) => void): Bytes {
  const copy = bytes.slice();
  alter(copy);
  return copy;
}

/** Changes pages of tables in the place of which nothing else then fits, and makes their checksums hold. */
function forged(bytes: Bytes, pages: readonly number[], change: (page: Bytes) => void): Bytes {
  return altered(bytes, (copy) => {
    for (const at of pages) {
      const page = copy.subarray(at, at + CELL);
      change(page);
      new DataView(page.buffer, page.byteOffset).setUint32(0, nativeEngine.crc32(page.subarray(4)));
    }
  });
}

/** All recovery cases. */
export function recoveryCases(): VectorCase[] {
  const one = sealed([smallDraft()]);
  const two = () => threeDrafts().slice(0, 2);
  const several = sealed(two());
  const ahead = sealed(two(), { known: 0 });
  const cells = draftOf([file("a", seededRandom(5)(5000)), file("b", "short")]);
  cells.state = "streamed";
  const twoCells = sealed([cells]);
  const data = HEADER_BYTES;
  const tables = [data + CELL, data + 4 * CELL];
  const parity = data + 2 * CELL;
  const second = data + REGION;
  const spoil = (bytes: Bytes, ...pages: readonly number[]) =>
    altered(bytes, (copy) => pages.forEach((at) => copy.fill(0x5a, at, at + 1000)));
  const vector = (
    name: string,
    about: string,
    outcomes: Outcome | readonly [stream: Outcome, seek: Outcome],
    bytes: Bytes,
    mended?: Bytes | "no",
    more: Partial<VectorCase> = {},
  ): VectorCase => {
    const [stream, seek] = typeof outcomes === "string" ? [outcomes, outcomes] : outcomes;
    return { name: `recovery_${name}`, about, bytes, stream, seek, ...(mended === undefined ? {} : { mended }), ...more };
  };
  const listed = { snapshots: LISTINGS.slice(0, 2) };
  return [
    vector("whole", "A recovery layer of 5 %, of one data cell", "none", one, one),
    vector("two_cells", "A recovery layer of 5 %, of more data cells than one", "none", twoCells, twoCells),
    vector(
      "two_cells_damaged",
      "Of a region of few cells, all data and one page of the tables are damaged",
      "damaged",
      spoil(twoCells, data, data + CELL, data + 2 * CELL),
      twoCells,
    ),
    vector("damaged", "The data is damaged, and the recovery layer mends it", "damaged", spoil(one, data), one),
    vector("parity_damaged", "A cell of the parity is damaged, and no reader needs it", "none", spoil(one, parity), one),
    vector("table_damaged", "A page of the tables is damaged, and no reader needs it", "none", spoil(one, tables[0]!), one),
    vector("tables_damaged", "All pages of the tables are damaged, and the rest is whole", "none", spoil(one, ...tables), one),
    vector(
      "tables_and_parity_damaged",
      "All pages of the tables are damaged, and the parity is not that of the data",
      "none",
      spoil(one, parity, ...tables),
      "no",
    ),
    vector("hopeless", "Data and parity are damaged beyond mending", "damaged", spoil(one, data, parity, parity + CELL), "no"),
    vector(
      "checksum_forged",
      "The tables say another checksum of the data than it has, and their own hold",
      "none",
      forged(one, tables, (page) => page[64]! ^= 1),
      "no",
    ),
    vector(
      "place_forged",
      "The tables say that their segment begins elsewhere, and their checksums hold",
      "none",
      forged(one, tables, (page) => page[30]! ^= 0x20),
      one,
    ),
    vector("cut_in_tables", "The last page of the tables is cut off", "truncated", one.slice(0, -100), one),
    vector("cut_in_parity", "The archive ends within the parity", "truncated", one.slice(0, parity + 5000), one),
    vector(
      "trailing",
      "Bytes follow the last region",
      "trailing-data",
      joined(one, seededRandom(2)(5000)),
    ),
    vector("percent_0", "The recovery layer has 0 %", "damaged", sealed([smallDraft()], { features: 2 })),
    vector("percent_51", "The recovery layer has 51 %", "damaged", sealed([smallDraft()], { features: 2 + 51 * 256 })),
    vector(
      "percent_alone",
      "There is a percentage, and no recovery layer",
      "newer-version",
      sealed([smallDraft()], { features: 5 * 256 }),
    ),
    vector("several", "Two segments, each with regions of its own", "none", several, several, listed),
    vector(
      "several_damaged",
      "In both segments data is damaged, and pages of the tables",
      "damaged",
      spoil(several, data, tables[0]!, second, second + 4 * CELL),
      several,
    ),
    vector(
      "several_first_hopeless",
      "The first segment is damaged beyond mending, and so is one page of the second, which alone is mended",
      "damaged",
      spoil(several, data, parity, parity + CELL, second),
      "no",
    ),
    vector(
      "several_tables_of_first_damaged",
      "All tables of the first segment are damaged: where it ends, the second one says",
      "none",
      spoil(several, ...tables),
      several,
    ),
    vector(
      "several_cut",
      "The last page of the second segment's tables is cut off",
      "truncated",
      several.slice(0, -CELL),
      several,
    ),
    vector(
      "several_ahead",
      "A second segment with its recovery data is whole, and the header does not know of it",
      ["trailing-data", "none"],
      ahead,
      ahead,
    ),
    vector(
      "several_interrupted",
      "Of a second segment the cell that ends it is not written yet, and its recovery data is",
      ["trailing-data", "none"],
      altered(ahead, (bytes) => bytes.fill(0, second, second + CELL)),
      ahead,
      { seekWarnings: 1 },
    ),
    vector(
      "several_not_the_place",
      "The state says another physical offset than the second segment has",
      ["inconsistent", "damaged"],
      sealed(two(), { physical: REGION - CELL }),
    ),
    vector(
      "several_no_place",
      "The state says no physical offset of a second segment, and there is a recovery layer",
      "malformed",
      sealed(two(), { physical: 0 }),
    ),
    vector(
      "several_unaligned",
      "The state's physical offset is no multiple of 4096",
      "malformed",
      sealed(two(), { physical: REGION + 16 }),
    ),
    vector(
      "place_of_first",
      "The state says a physical offset of the first segment",
      "malformed",
      sealed(two().slice(0, 1), { physical: CELL }),
    ),
    vector(
      "place_without_layer",
      "The state says a physical offset, and there is no recovery layer",
      "malformed",
      (() => {
        const drafts = two();
        (drafts[1] as Draft).onState = (state) => state.kind === "known" ? { ...state, physical: REGION } : state;
        return sealDrafts(drafts).bytes;
      })(),
    ),
  ];
}
