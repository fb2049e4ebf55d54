/** Inputs of the micro-benchmarks: bytes and rows like those of a source tree. */
import type { BlockPart } from "../src/archive/block_builder.ts";
import type { PageEntry } from "../src/format/page.ts";
import type { Extent, Row, Slice } from "../src/format/row.ts";
import { smallFiles } from "./corpora.ts";
import { Random } from "./random.ts";
import { TextWriter } from "./text.ts";

/** Text that compresses to about a quarter. */
export function textSample(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  new TextWriter(11).fill(bytes);
  return bytes;
}

/** Bytes that do not compress; `length` is a multiple of 4. */
export function randomSample(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  new Random(12).fill(bytes);
  return bytes;
}

/** The files of a source tree with their rows, in path order as a walk gives them. */
export function sampleFiles(count: number): { readonly row: Row; readonly bytes: Uint8Array<ArrayBuffer> }[] {
  const random = new Random(13);
  const files = Array.from(smallFiles(count), ({ path, bytes, modifiedMs }) => {
    const row: Row = {
      path,
      kind: "file",
      mode: 0o644,
      size: bytes.length,
      mtime: { seconds: Math.floor(modifiedMs / 1000), nanoseconds: (modifiedMs % 1000) * 1_000_000 },
      ctime: 1_748_800_000 + random.below(3600),
      dev: 64_769,
      inode: 5_000_000 + random.below(200_000),
      owner: { uid: 1000, gid: 1000, user: "user", group: "user" },
      link: "",
      changed: false,
      contentHash: undefined,
    };
    return { row, bytes: bytes.slice() };
  });
  const key = ({ row }: { readonly row: Row }) => row.path.replaceAll("/", "\0");
  return files.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** One block of such files: what is planned for it, its rows with their slices, and its data. */
export function sampleBlock(count: number): {
  readonly parts: readonly BlockPart[];
  readonly entries: readonly { readonly row: Row; readonly provisional: false; readonly slices: readonly Slice[] }[];
  readonly data: Uint8Array<ArrayBuffer>;
} {
  const files = sampleFiles(count);
  let dataOffset = 0;
  const entries = files.map(({ row }) => {
    const slices = [{ fileOffset: 0, length: row.size, dataOffset }];
    dataOffset += row.size;
    return { row, provisional: false as const, slices };
  });
  const data = new Uint8Array(dataOffset);
  for (const [i, { bytes }] of files.entries()) data.set(bytes, entries[i]?.slices[0]?.dataOffset ?? 0);
  const parts = files.map(({ row, bytes }): BlockPart => ({
    row,
    offset: 0,
    length: bytes.length,
    last: true,
    content: { kind: "bytes", bytes },
  }));
  return { parts, entries, data };
}

/** One catalog page of such files, stored in blocks of 2 MiB. */
export function samplePage(count: number): readonly PageEntry[] {
  const blockBytes = 2 ** 21;
  let frame = 0;
  let filled = 0;
  return sampleFiles(count).map(({ row }) => {
    if (filled + row.size > blockBytes) {
      frame++;
      filled = 0;
    }
    const block = { frame, offset: 32 + frame * 700_000, frameBytes: 690_000 };
    const extents: Extent[] = [{ fileOffset: 0, length: row.size, dataOffset: filled, block }];
    filled += row.size;
    return { row, provisional: false, extents };
  });
}
