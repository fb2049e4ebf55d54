/** Changes of whole archives before they are sealed, so that what readers see is authentic and wrong. */
import type { Bytes, SuiteId } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { openRecord, type RecordKind, sealRecord } from "../../src/archive/record_cipher.ts";
import type { PagePlace } from "../../src/format/catalog_index.ts";
import { FRAME_TYPE } from "../../src/format/frame.ts";
import { deriveArchiveId } from "../../src/format/keys.ts";
import type { Locator } from "../../src/format/locator.ts";
import { type Slot, SLOT_KIND, slotBytes } from "../../src/format/slots.ts";
import type { Trailer } from "../../src/format/tables.ts";
import { type FrameDraft, TEST_KEY } from "../archive/archive_builder.ts";
import { type Draft, type FrameName, joined } from "../archive/archive_draft.ts";
import { editBlockColumns, editColumns, type RawColumns } from "../archive/raw_columns.ts";
import { mutateBytes, mutateBytesOften } from "./byte_mutations.ts";
import { Chance } from "./chance.ts";
import {
  changeEntries,
  changeExtents,
  changeLists,
  changeSlices,
  changeSomeRow,
  exchangeBlocks,
} from "./row_mutations.ts";

/** An archive to be, and what happens to its bytes when it is sealed. */
export interface Plan {
  readonly draft: Draft;
  readonly after: ((bytes: Bytes) => Bytes)[];
}

/** One kind of change. */
export type Mutation = (plan: Plan, chance: Chance) => void;

const FRAMES: readonly FrameName[] = [
  ...Array<FrameName>(6).fill("block"),
  ...Array<FrameName>(6).fill("page"),
  ...Array<FrameName>(3).fill("index"),
  ...Array<FrameName>(3).fill("trailer"),
  "orphanPage",
  "orphanPage",
  "segmentTable",
  "snapshotTable",
  "padding",
  "end",
  "extra",
];

/** Puts a change behind those that a hook of the draft makes already. */
function onFrame(
  draft: Draft,
  chance: Chance,
  change: (frame: FrameDraft, name: FrameName) => FrameDraft | FrameDraft[],
): void {
  const [wanted, at] = [chance.pick(FRAMES), chance.below(4)];
  const before = draft.onFrame;
  draft.onFrame = (frame, name, index) => {
    const given = before(frame, name, index);
    // In short archives the first of a kind stands for those that are not there.
    if (name !== wanted || (index !== at && !(index === 0 && at > 1))) return given;
    return [given].flat().flatMap((one) => change(one, name));
  };
}

function columnsEdited(frame: FrameDraft, name: FrameName, edit: (columns: RawColumns) => void): FrameDraft {
  const raw = name === "block" ? editBlockColumns(frame.raw, edit) : editColumns(frame.raw, edit);
  return { ...frame, raw };
}

const changeColumns: Mutation = ({ draft }, chance) => {
  const seed = chance.u32();
  onFrame(draft, chance, (frame, name) => {
    const own = new Chance(seed);
    if (frame.raw.length === 0 || name === "padding") return frame;
    return columnsEdited(frame, name, (columns) => {
      if (columns.length === 0) return;
      const at = own.below(columns.length);
      const column = columns[at] as RawColumns[number];
      switch (own.below(8)) {
        case 0:
          columns.splice(at, 1);
          break;
        case 1:
          columns.splice(at, 0, { ...column });
          break;
        case 2:
          column.number = own.pick([0, 1, 14, 15, 20, 21, 24, 27, 28, 127, 128, 129, 255]);
          break;
        case 3:
          columns.splice(own.below(columns.length), 0, ...columns.splice(at, 1));
          break;
        default:
          column.bytes = mutateBytesOften(column.bytes, own);
      }
    });
  });
};

const changeRaw: Mutation = ({ draft }, chance) => {
  const seed = chance.u32();
  onFrame(draft, chance, (frame) => ({ ...frame, raw: mutateBytesOften(frame.raw, new Chance(seed)) }));
};

const changeHead: Mutation = ({ draft }, chance) => {
  const field = chance.pick(["type", "codec", "flags", "raw", "stored", "rows", "rows", "crc", "reserved"] as const);
  const odd = chance.number(8) % 2 ** 32;
  const near = chance.pick([-1, 1, 2, 16]);
  onFrame(draft, chance, (frame) => {
    const honest = { type: frame.type, raw: frame.raw.length, stored: frame.raw.length, rows: frame.rows ?? 0 };
    const value = field in honest && near !== 16 ? Math.max(0, honest[field as "raw"] + near) : odd;
    return { ...frame, head: { ...frame.head, [field]: field === "type" || field === "codec" ? value % 256 : value } };
  });
};

const changeFrames: Mutation = ({ draft }, chance) => {
  const [how, value] = [chance.below(7), chance.below(256)];
  const type = chance.pick([...Object.values(FRAME_TYPE), 129, 200]);
  onFrame(draft, chance, (frame) => {
    switch (how) {
      case 0:
        return [];
      case 1:
        return [frame, frame];
      case 2:
        return { ...frame, number: value % 12 };
      case 3:
        return { ...frame, fill: value };
      case 4:
        return { ...frame, type };
      case 5:
        return [{ type, raw: new Uint8Array(value) }, frame];
      default:
        return [frame, { type, raw: new Uint8Array(value), rows: value % 3 }];
    }
  });
};

/** Compressed content that is altered: the decoder behind the authentic bytes. */
const changeStored: Mutation = ({ draft }, chance) => {
  const [seed, level, bomb] = [chance.u32(), chance.pick([1, 3, 19]), chance.oneIn(40)];
  onFrame(draft, chance, (frame) => {
    const own = new Chance(seed);
    const raw = bomb ? joined(frame.raw, new Uint8Array(2 ** 22)) : joined(frame.raw, new Uint8Array(own.below(200)));
    const stored = nativeEngine.compress?.(raw, level) ?? raw;
    return { ...frame, raw, stored: own.oneIn(3) ? stored : mutateBytes(stored, own) };
  });
};

const changeSetting: Mutation = ({ draft }, chance) => {
  switch (chance.below(6)) {
    case 0:
      draft.level = chance.pick([undefined, 1, 3]);
      break;
    case 1:
      draft.options = { ...draft.options, suite: chance.pick([1, 2] as const) };
      break;
    case 2:
      draft.state = chance.pick(["known", "streamed"] as const);
      break;
    case 3:
      draft.headerPages = chance.pick([1, 4, 16]);
      break;
    case 4:
      draft.extra.push({ type: chance.pick([128, 129, 255, 10]), raw: chance.bytes(chance.below(200)) });
      break;
    default:
      draft.padding = Array.from({ length: chance.below(3) }, () => ({
        type: FRAME_TYPE.padding,
        raw: new Uint8Array(chance.pick([0, 16, 3000, 4096])).fill(chance.oneIn(8) ? 1 : 0),
      }));
  }
};

const changeIndex: Mutation = ({ draft }, chance) => {
  const seed = chance.u32();
  const before = draft.onIndex;
  draft.onIndex = (honest) => {
    const own = new Chance(seed);
    const pages = before(honest);
    if (pages.length === 0) return pages;
    const at = own.below(pages.length);
    const page = pages[at] as PagePlace;
    if (own.oneIn(5)) return own.oneIn(2) ? pages.toSpliced(at, 1) : pages.toSpliced(at, 0, page);
    if (own.oneIn(4)) return pages.with(at, { ...page, firstPath: own.pick(["", "..", "zz", "a", "."]) });
    const field = own.pick(["frame", "offset", "frameBytes", "rows"] as const);
    return pages.with(at, { ...page, [field]: own.number(page[field]) });
  };
};

const changeTrailer: Mutation = ({ draft }, chance) => {
  const seed = chance.u32();
  const before = draft.onTrailer;
  draft.onTrailer = (honest) => {
    const own = new Chance(seed);
    const trailer = before(honest);
    switch (own.below(5)) {
      case 0:
        return { ...trailer, time: { seconds: own.number(0), nanoseconds: own.number(0) } };
      case 1:
        return {
          ...trailer,
          label: "l".repeat(own.pick([0, 1, 1024, 1025])),
          writer: "w".repeat(own.pick([255, 256])),
        };
      case 2:
        return {
          ...trailer,
          index: { offset: own.number(trailer.index.offset), frame: own.number(trailer.index.frame) },
        };
      case 3: {
        const field = own.pick(Object.keys(trailer.totals) as (keyof Trailer["totals"])[]);
        return { ...trailer, totals: { ...trailer.totals, [field]: own.number(trailer.totals[field]) } };
      }
      default: {
        const field = own.pick(["blocks", "pages", "orphanPages"] as const);
        return { ...trailer, [field]: own.number(trailer[field]) };
      }
    }
  };
};

function changedLocator(locator: Locator, own: Chance): Locator {
  const field = own.pick(
    ["generation", "offset", "length", "trailerBytes", "snapshots", "index", "trailer", "salt"] as const,
  );
  if (field === "index" || field === "trailer") {
    const inner = own.pick(["offset", "frame"] as const);
    return { ...locator, [field]: { ...locator[field], [inner]: own.number(locator[field][inner]) } };
  }
  if (field === "salt") {
    const other = own.oneIn(2) ? { salt: own.bytes(32) } : { number: own.number(0) };
    return { ...locator, segment: { ...locator.segment, ...other } };
  }
  const value = own.oneIn(2) ? locator[field] + own.pick([-4096, 4096]) : own.number(locator[field]);
  return { ...locator, [field]: Math.max(0, field === "generation" ? value % 2 ** 32 : value) };
}

const changeLocator: Mutation = ({ draft }, chance) => {
  const [seed, where] = [chance.u32(), chance.below(3)];
  const [locator, state] = [draft.onLocator, draft.onState];
  if (where !== 1) draft.onLocator = (honest) => changedLocator(locator(honest), new Chance(seed));
  if (where !== 0) {
    draft.onState = (honest) => {
      const given = state(honest);
      return given.kind === "known" ? { ...given, locator: changedLocator(given.locator, new Chance(seed)) } : given;
    };
  }
};

/** Opens a record, changes what it says byte for byte, and seals it again. */
function resealedRecord(draft: Draft, kind: RecordKind, record: Bytes, own: Chance): Bytes {
  const suite: SuiteId = draft.options.suite ?? 1;
  const id = deriveArchiveId(nativeEngine, TEST_KEY);
  const keys = { engine: nativeEngine, suite, archiveKey: TEST_KEY, id };
  const plain = openRecord(keys, kind, record);
  if (plain === undefined) return record;
  const out = new Uint8Array(plain.length);
  out.set(mutateBytesOften(plain, own).subarray(0, plain.length));
  return sealRecord(keys, own.oneIn(12) ? "state" : kind, out, own.bytes(32));
}

const changeRecord: Mutation = ({ draft }, chance) => {
  const seed = chance.u32();
  if (chance.oneIn(2)) {
    const before = draft.onLocatorRecord;
    draft.onLocatorRecord = (record) => resealedRecord(draft, "locator", before(record), new Chance(seed));
    return;
  }
  const before = draft.onHeader;
  draft.onHeader = (header, name) => {
    const given = before(header, name);
    return { ...given, state: resealedRecord(draft, "state", given.state, new Chance(seed)) };
  };
};

const changeHeader: Mutation = ({ draft }, chance) => {
  const [seed, only] = [chance.u32(), chance.pick([undefined, undefined, "A", "B"] as const)];
  const before = draft.onHeader;
  draft.onHeader = (header, name) => {
    const given = before(header, name);
    if (only !== undefined && only !== name) return given;
    const own = new Chance(seed);
    const field = own.pick(
      ["generation", "readFeatures", "writeFeatures", "ignorableFeatures", "suite", "pages"] as const,
    );
    if (field === "suite") return { ...given, suite: given.suite === 1 ? 2 : 1 };
    if (field === "pages") return { ...given, pages: own.pick([1, 4, 16]) };
    return { ...given, [field]: own.pick([0, 1, 2, 3, 4, 2 ** 31, 2 ** 32 - 1]) };
  };
};

/** Bytes of a header copy, under a MAC or only a checksum that holds, or under none. */
const changeCopy: Mutation = ({ draft }, chance) => {
  const [seed, only] = [chance.u32(), chance.pick([undefined, undefined, "A", "B"] as const)];
  const how = chance.below(4);
  const before = draft.onCopy;
  draft.onCopy = (copy, name, builder) => {
    const given = before(copy, name, builder);
    if (only !== undefined && only !== name) return given;
    const change = (bytes: Bytes) => {
      const own = new Chance(seed);
      const at = own.oneIn(2) ? own.below(32) : own.oneIn(2) ? 288 + own.below(600) : own.below(bytes.length);
      bytes.set(mutateBytes(bytes.slice(at, at + 64), own).subarray(0, 64).subarray(0, bytes.length - at), at);
    };
    if (how === 3) {
      const bytes = given.slice();
      change(bytes);
      return bytes;
    }
    return builder.alterCopy(given, change, how === 2 ? "checksum" : "mac");
  };
};

const changeSlots: Mutation = ({ draft }, chance) => {
  const { slots } = draft;
  if (slots.length === 0 || chance.oneIn(6)) {
    const bytes = joined(Uint8Array.of(0, chance.pick([4, 77, 255]), 0, 3), chance.bytes(3));
    const unknown: Slot = { kind: "unknown", number: bytes[1] as number, bytes };
    for (let count = chance.pick([1, 1, 2, 33]); count > 0; count--) slots.push(unknown);
    return;
  }
  const at = chance.below(slots.length);
  const slot = slots[at] as Slot;
  switch (chance.below(4)) {
    case 0:
      slots.splice(at, 1);
      break;
    case 1:
      for (let count = chance.pick([1, 8]); count > 0; count--) slots.push(slot);
      break;
    default: {
      const bytes = mutateBytes(slotBytes(slot), chance);
      slots[at] = { kind: "unknown", number: SLOT_KIND.passphrase, bytes };
    }
  }
};

/** What can be done without a key, behind everything else. */
const changeSealed: Mutation = ({ after }, chance) => {
  const seed = chance.u32();
  after.push((bytes) => {
    const own = new Chance(seed);
    const at = own.oneIn(3) ? own.below(Math.min(bytes.length, 8192)) : own.below(bytes.length);
    switch (own.below(7)) {
      case 0:
        return bytes.subarray(0, at);
      case 1:
        return joined(bytes, own.oneIn(2) ? bytes.subarray(at) : own.bytes(own.pick([1, 256, 4096])));
      case 2:
        return joined(bytes.subarray(0, at), bytes.subarray(at + own.pick([1, 16, 4096])));
      case 3:
        return bytes.map((byte, i) => i >= at && i < at + 4096 ? 0 : byte);
      case 4: {
        const pages = Math.floor(bytes.length / 4096);
        const [from, to] = [4096 * own.below(pages), 4096 * own.below(pages)];
        const moved = bytes.slice();
        moved.set(bytes.subarray(from, from + 4096), to);
        return moved;
      }
      default:
        return bytes.map((byte, i) => i === at ? byte ^ 2 ** own.below(8) : byte);
    }
  });
};

const onDraft = (change: (draft: Draft, chance: Chance) => void): Mutation => ({ draft }, chance) =>
  change(draft, chance);

/** All kinds of changes by name; those that reach far stand in it more than once. */
export const MUTATIONS: readonly (readonly [name: string, mutation: Mutation])[] = [
  ["row", onDraft(changeSomeRow)],
  ["row", onDraft(changeSomeRow)],
  ["row", onDraft(changeSomeRow)],
  ["entries", onDraft(changeEntries)],
  ["slices", onDraft(changeSlices)],
  ["extents", onDraft(changeExtents)],
  ["lists", onDraft(changeLists)],
  ["exchange", onDraft(exchangeBlocks)],
  ["columns", changeColumns],
  ["columns", changeColumns],
  ["raw", changeRaw],
  ["head", changeHead],
  ["frames", changeFrames],
  ["stored", changeStored],
  ["setting", changeSetting],
  ["index", changeIndex],
  ["trailer", changeTrailer],
  ["locator", changeLocator],
  ["record", changeRecord],
  ["header", changeHeader],
  ["copy", changeCopy],
  ["slots", changeSlots],
  ["sealed", changeSealed],
];

/** Applies the change that a gene stands for. */
export function mutate(plan: Plan, gene: number): void {
  const chance = new Chance(gene);
  const [, mutation] = chance.pick(MUTATIONS);
  mutation(plan, chance);
}
