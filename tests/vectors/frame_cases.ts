/** Vectors about frames: their heads, their order, what is stored in them, and the archive's end. */
import type { Bytes } from "../../src/engine/engine.ts";
import { FRAME_TYPE } from "../../src/format/frame.ts";
import { MAX_FRAME_BYTES } from "../../src/format/limits.ts";
import type { Locator } from "../../src/format/locator.ts";
import type { FrameDraft, RawHead, SealedFrame } from "../archive/archive_builder.ts";
import { type Draft, draftOf, type FrameName, joined, sealDraft } from "../archive/archive_draft.ts";
import { file } from "../archive/sample_tree.ts";
import { changed, type Outcome, sealSmall, type VectorCase } from "./vector_case.ts";

type Outcomes = Outcome | readonly [stream: Outcome, seek: Outcome];

/** Changes one frame of a draft. */
function onFrame(
  draft: Draft,
  name: FrameName,
  change: (frame: FrameDraft) => FrameDraft | readonly FrameDraft[],
  index = 0,
): void {
  draft.onFrame = (frame, is, at) => is === name && at === index ? change(frame) : frame;
}

function frame(
  name: string,
  about: string,
  outcomes: Outcomes,
  of: FrameName,
  change: (frame: FrameDraft) => FrameDraft | readonly FrameDraft[],
): VectorCase {
  return changed(name, about, outcomes, (draft) => onFrame(draft, of, change));
}

function headCases(): VectorCase[] {
  const head = (name: string, about: string, outcome: Outcomes, of: FrameName, fields: Partial<RawHead>) =>
    frame(`head_${name}`, about, outcome, of, (draft) => ({ ...draft, head: fields }));
  return [
    head("type_0", "A block's frame type is 0", "malformed", "block", { type: 0 }),
    head("type_10", "A block's frame type is 10, which is unknown and may not be passed over", "malformed", "block", {
      type: 10,
    }),
    head("type_127", "The index's frame type is 127", "malformed", "index", { type: 127 }),
    head("codec_2", "A block's codec is unknown", "malformed", "block", { codec: 2 }),
    head("flags", "A head's flags are not zero", "malformed", "block", { flags: 1 }),
    head("reserved", "A head's reserved field is not zero", "malformed", "block", { reserved: 1 }),
    head("raw_over_limit", "A head says 2^24 + 1 raw bytes", "limit", "block", { raw: MAX_FRAME_BYTES + 1, codec: 1 }),
    head("raw_4_gib", "A head says 2^32 - 1 raw bytes", "limit", "block", { raw: 2 ** 32 - 1, codec: 1 }),
    head("stored_over_limit", "A head says 2^24 + 1 stored bytes", "limit", "block", {
      raw: MAX_FRAME_BYTES,
      stored: MAX_FRAME_BYTES + 1,
      codec: 1,
    }),
    head("stored_longer", "A stored frame has more stored bytes than raw ones", "malformed", "block", { raw: 8 }),
    head("zstd_no_shorter", "A compressed frame is no shorter than its raw bytes", "malformed", "block", { codec: 1 }),
    head("crc", "The checksum is of other bytes", "malformed", "block", { crc: 1 }),
    head("rows_of_block_one_more", "A block's head counts a row too many", "malformed", "block", { rows: 4 }),
    head("rows_of_block_one_less", "A block's head counts a row too few", "malformed", "block", { rows: 2 }),
    head("rows_of_block_huge", "A block's head counts 2^32 - 1 rows", "limit", "block", { rows: 2 ** 32 - 1 }),
    head("rows_of_page_one_more", "A page's head counts a row too many", "malformed", "page", { rows: 7 }),
    head("rows_of_page_0", "A page's head counts no rows", "malformed", "page", { rows: 0 }),
    head("rows_of_page_huge", "A page's head counts 2^32 - 1 rows", "limit", "page", { rows: 2 ** 32 - 1 }),
    head("rows_of_index_one_more", "The index's head counts a page too many", "malformed", "index", { rows: 2 }),
    head("rows_of_index_huge", "The index's head counts 2^32 - 1 pages", "malformed", "index", { rows: 2 ** 32 - 1 }),
    head("rows_of_table", "The segment table of a first segment counts a row", "malformed", "segmentTable", { rows: 1 }),
    head("rows_of_trailer", "The trailer's head counts a row", "malformed", "trailer", { rows: 1 }),
    head("rows_of_padding", "The padding's head counts a row", ["malformed", "none"], "padding", { rows: 1 }),
    head("rows_of_end", "The end's head counts a row", ["malformed", "none"], "end", { rows: 1 }),
    frame("table_content", "The snapshot table of a first segment has content", "malformed", "snapshotTable", (draft) => ({
      ...draft,
      raw: new Uint8Array(8),
    })),
    changed("end_content", "The end frame has content", ["malformed", "none"], (draft) => {
      draft.onFrame = (frame, name) => {
        if (name === "end") return { ...frame, raw: new Uint8Array(16) };
        return name === "padding" ? { ...frame, raw: frame.raw.subarray(32) } : frame;
      };
    }),
    frame("fill_not_zero", "The bytes that fill a frame up to 16 are not zero", "malformed", "page", (draft) => ({
      ...draft,
      fill: 1,
    })),
    frame("padding_not_zero", "The padding is not zero", ["malformed", "none"], "padding", (draft) => ({
      ...draft,
      raw: new Uint8Array(draft.raw.length).fill(1),
    })),
    frame("number_skipped", "No frame has the number 0", ["damaged", "none"], "block", (draft) => ({
      ...draft,
      number: 1,
    })),
  ];
}

function orderCases(): VectorCase[] {
  const drop = (name: string, about: string, outcomes: Outcomes, of: FrameName) =>
    frame(`order_no_${name}`, about, outcomes, of, () => []);
  const twice = (name: string, about: string, outcomes: Outcomes, of: FrameName) =>
    frame(`order_two_${name}`, about, outcomes, of, (draft) => [draft, draft]);
  const before = (name: string, about: string, outcomes: Outcomes, of: FrameName, type: number) =>
    frame(`order_${name}`, about, outcomes, of, (draft) => [{ type, raw: new Uint8Array(0) }, draft]);
  const skippable: FrameDraft = { type: 0x80, raw: Uint8Array.of(1, 2, 3) };
  return [
    drop("index", "There is no index", ["malformed", "inconsistent"], "index"),
    drop("segment_table", "There is no segment table", "malformed", "segmentTable"),
    drop("snapshot_table", "There is no snapshot table", "malformed", "snapshotTable"),
    drop("trailer", "There is no trailer", "malformed", "trailer"),
    changed("order_no_end", "There is no end frame", ["damaged", "none"], (draft) => {
      draft.onFrame = (frame, name) => {
        if (name === "end") return [];
        return name === "padding" ? { ...frame, raw: joined(frame.raw, new Uint8Array(48)) } : frame;
      };
    }),
    drop("padding", "There is no padding, and the length is no multiple of 4096", "malformed", "padding"),
    twice("indexes", "There are two indexes", "malformed", "index"),
    twice("snapshot_tables", "There are two snapshot tables", "malformed", "snapshotTable"),
    twice("trailers", "There are two trailers", ["malformed", "none"], "trailer"),
    before("block_after_page", "A block stands behind the catalog's pages", ["malformed", "none"], "index", 1),
    before("padding_early", "Padding stands before the trailer", "malformed", "trailer", FRAME_TYPE.padding),
    before("unknown_before_index", "A frame that may be passed over stands before the index", ["malformed", "none"], "index", 0x80),
    changed("frame_skippable", "An unknown frame that may be passed over stands before the trailer", "none", (draft) => {
      draft.extra = [skippable, { ...skippable, type: 0xff }];
    }),
    changed("frame_not_skippable", "An unknown frame that may not be passed over stands before the trailer", "malformed", (draft) => {
      draft.extra = [{ ...skippable, type: 0x7f }];
    }),
    changed("padding_two_frames", "The padding is two frames", "none", (draft) => {
      onFrame(draft, "padding", (frame) => [
        { ...frame, raw: new Uint8Array(16) },
        { ...frame, raw: frame.raw.subarray(16 + 64) },
      ]);
    }),
  ];
}

/** Bytes of sealed frames moved about, without the key. */
function surgeryCases(): VectorCase[] {
  const { bytes, bodyOffset, frames } = sealSmall();
  const other = sealSmall((draft) => draft.options = { seed: 2 });
  const place = (i: number) => {
    const { offset = 0, frameBytes = 0 } = frames[i] ?? {};
    return { start: bodyOffset + offset, end: bodyOffset + offset + frameBytes };
  };
  const [first, second] = [place(0), place(1)];
  const cut = (start: number, end?: number): Bytes => bytes.subarray(start, end);
  const make = (name: string, about: string, bytes: Bytes): VectorCase => ({
    name: `spliced_${name}`,
    about,
    bytes,
    stream: "damaged",
    seek: "damaged",
  });
  return [
    make(
      "blocks_swapped",
      "Two blocks have changed places",
      joined(cut(0, first.start), cut(second.start, second.end), cut(first.start, first.end), cut(second.end)),
    ),
    make("block_doubled", "A block stands twice", joined(cut(0, first.end), cut(first.start))),
    make("block_dropped", "A block is missing", joined(cut(0, first.start), cut(first.end))),
    make(
      "block_foreign",
      "A block is of another archive of the same key",
      joined(cut(0, first.start), other.bytes.subarray(first.start, first.end), cut(first.end)),
    ),
    make(
      "block_replaced_by_another",
      "A block's place holds another block of the archive, cut to its length",
      joined(cut(0, second.start), cut(first.start, first.start + second.end - second.start), cut(second.end)),
    ),
    {
      ...make("salt_foreign", "The segment's salt is another", joined(cut(0, bodyOffset), new Uint8Array(32), cut(bodyOffset + 32))),
      seek: "none",
    },
    {
      ...make("body_foreign", "Header and body are of two archives of one key", joined(cut(0, bodyOffset), other.bytes.subarray(bodyOffset))),
      stream: "none",
      seek: "none",
    },
  ];
}

function locatorCases(): VectorCase[] {
  const fields = (name: string, about: string, outcomes: Outcomes, change: (locator: Locator) => Locator) =>
    changed(`locator_${name}`, about, outcomes, (draft) => draft.onLocator = change);
  const page = sealSmall().frames.find(({ type }) => type === FRAME_TYPE.page) as SealedFrame;
  return [
    changed("locator_damaged", "The last 256 bytes are damaged", "damaged", (draft) => {
      draft.onLocatorRecord = (record) => record.map((byte) => byte ^ 1);
    }),
    changed("locator_damaged_known", "The last 256 bytes are damaged, and the header knows their hash", "damaged", (draft) => {
      draft.state = "known";
      const whole = sealDraft(draft);
      const hash = whole.builder.engine.sha256(whole.bytes.slice(-256));
      draft.onLocatorRecord = (record) => record.map((byte) => byte ^ 1);
      draft.onState = (state) => state.kind === "known" ? { ...state, locatorHash: hash } : state;
    }),
    fields("offset", "The locator says that the segment begins later", "malformed", (at) => ({ ...at, offset: 4096 })),
    fields("longer", "The locator says that the segment is longer", ["inconsistent", "malformed"], (at) => ({
      ...at,
      length: at.length + 4096,
    })),
    fields("length_0", "The locator says that the segment has no bytes", "malformed", (at) => ({ ...at, length: 0 })),
    fields("number", "The locator says that the segment is the second", ["inconsistent", "malformed"], (at) => ({
      ...at,
      segment: { ...at.segment, number: 1 },
    })),
    fields("link", "The locator of the first segment has a link", ["inconsistent", "malformed"], (at) => ({
      ...at,
      segment: { ...at.segment, link: new Uint8Array(32).fill(1) },
    })),
    fields("salt", "The locator has another salt than the segment", ["inconsistent", "damaged"], (at) => ({
      ...at,
      segment: { ...at.segment, salt: new Uint8Array(32).fill(1) },
    })),
    fields("snapshots_0", "The locator counts no snapshot", "malformed", (at) => ({ ...at, snapshots: 0 })),
    fields("snapshots_2", "The locator counts two snapshots", ["inconsistent", "malformed"], (at) => ({
      ...at,
      snapshots: 2,
    })),
    fields("generation", "The locator is of a later generation than the header", "rolled-back", (at) => ({
      ...at,
      generation: 2,
    })),
    fields("index_place", "The locator places the index elsewhere", ["inconsistent", "damaged"], (at) => ({
      ...at,
      index: { ...at.index, offset: at.index.offset - 16 },
    })),
    fields("index_is_a_page", "The locator names a page as the index", "inconsistent", (at) => ({
      ...at,
      index: { offset: page.offset, frame: page.frame },
    })),
    fields("trailer_place", "The locator names another frame as the trailer", "inconsistent", (at) => ({
      ...at,
      trailer: { offset: at.trailer.offset - 48, frame: at.trailer.frame - 1 },
    })),
    fields("trailer_length", "The locator says that the trailer is shorter", "inconsistent", (at) => ({
      ...at,
      trailerBytes: at.trailerBytes - 16,
    })),
    fields("trailer_beyond", "The locator says that the trailer ends behind the segment", "malformed", (at) => ({
      ...at,
      trailerBytes: 2 ** 50,
    })),
  ];
}

/** Frames of several raw sizes, compressed. */
function sizeCases(): VectorCase[] {
  const zeros = (name: string, about: string, outcomes: Outcomes, bytes: number) => {
    const draft = draftOf([file("zeros", new Uint8Array(bytes))], MAX_FRAME_BYTES);
    draft.state = "streamed";
    draft.level = 3;
    return { name, about, bytes: sealDraft(draft).bytes, stream: outcomes as Outcome, seek: outcomes as Outcome };
  };
  // A block's rows take 67 bytes here; the padding that is left shows in the name if that ever changes.
  const rows = blockRowsBytes();
  return [
    zeros("block_raw_largest", "A block has 2^24 raw bytes", "none", MAX_FRAME_BYTES - rows),
    zeros("block_raw_too_large", "A block has 2^24 + 1 raw bytes", "limit", MAX_FRAME_BYTES - rows + 1),
  ];
}

function blockRowsBytes(): number {
  let bytes = 0;
  const draft = draftOf([file("zeros", new Uint8Array(MAX_FRAME_BYTES - 100))], MAX_FRAME_BYTES);
  draft.onFrame = (frame, name) => {
    if (name === "block") bytes = frame.raw.length - (MAX_FRAME_BYTES - 100);
    return frame;
  };
  sealDraft(draft);
  return bytes;
}

/** Archives cut off, and archives with something behind them. */
function endCases(): VectorCase[] {
  return (["streamed", "known"] as const).flatMap((state) => {
    const { bytes, bodyOffset, frames } = sealSmall((draft) => draft.state = state);
    const kind = state === "known" ? "in a file" : "written to a pipe";
    const cutAt = (what: string, about: string, length: number): VectorCase => ({
      name: `cut_${state}_${what}`,
      about: `Cut off ${about}; ${kind}`,
      bytes: bytes.slice(0, length),
      stream: "truncated",
      seek: "truncated",
    });
    const frameCuts = frames.flatMap(({ offset, frameBytes, type }, i) => {
      const end = bodyOffset + offset + frameBytes;
      const name = Object.entries(FRAME_TYPE).find(([, number]) => number === type)?.[0] ?? "";
      const words = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      return [cutAt(`${i}_behind_${words}`, `behind frame ${i}`, end)];
    });
    const followed = (what: string, about: string, tail: Bytes): VectorCase => ({
      name: `followed_${state}_by_${what}`,
      about: `Followed by ${about}; ${kind}`,
      bytes: joined(bytes, tail),
      stream: "trailing-data",
      seek: "trailing-data",
    });
    return [
      cutAt("in_copy_a", "in header copy A", 4095),
      { ...cutAt("behind_copy_a", "behind header copy A", 4096), warnings: 1 },
      { ...cutAt("in_copy_b", "in header copy B", 8191), warnings: 1 },
      cutAt("behind_header", "behind the header", bodyOffset),
      cutAt("in_salt", "in the segment's salt", bodyOffset + 31),
      cutAt("behind_salt", "behind the segment's salt", bodyOffset + 32),
      cutAt("in_head", "in the head of frame 0", bodyOffset + 32 + 47),
      cutAt("in_chunk", "in the chunk of frame 0", bodyOffset + 32 + 49),
      ...frameCuts,
      cutAt("in_locator", "one byte before its end", bytes.length - 1),
      // Behind what the header knows, one byte may be left of an update.
      ...(state === "known" ? [] : [followed("1", "one byte", Uint8Array.of(0))]),
      followed("255", "255 bytes", new Uint8Array(255).fill(7)),
      followed("256", "256 bytes", new Uint8Array(256).fill(7)),
      followed("4096", "4096 bytes", new Uint8Array(4096).fill(7)),
      followed("locator", "a copy of its own locator", bytes.slice(-256)),
      followed("page", "a copy of its own last 4096 bytes", bytes.slice(-4096)),
      followed("archive", "a copy of itself", bytes),
    ];
  });
}

/** All vectors about frames and the archive's end. */
export function frameCases(): VectorCase[] {
  return [
    ...headCases(),
    ...orderCases(),
    ...surgeryCases(),
    ...locatorCases(),
    ...sizeCases(),
    ...endCases(),
    {
      name: "not_an_archive",
      about: "Some other file",
      bytes: new TextEncoder().encode("#!/bin/sh\necho hello\n".repeat(500)),
      stream: "not-an-archive",
      seek: "not-an-archive",
    },
    { name: "empty_file", about: "No bytes at all", bytes: new Uint8Array(0), stream: "not-an-archive", seek: "not-an-archive" },
    {
      name: "whole_empty",
      about: "A whole archive of nothing",
      bytes: sealDraft(Object.assign(draftOf([]), { state: "streamed" as const })).bytes,
      stream: "none",
      seek: "none",
    },
  ];
}

