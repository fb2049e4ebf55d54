/**
 * Restoring the files of one block, the same on every thread: the block is read and compared with the catalog, and its
 * files are written into folders and files that the main thread has opened.
 */
import { IndexedBlock } from "../archive/block_index.ts";
import { rangesInFile } from "../archive/body_source.ts";
import { checkPlace, openExpected } from "../archive/frame_source.ts";
import { FrameCipher } from "../archive/frame_cipher.ts";
import type { RowMark } from "../format/rows.ts";
import type { SegmentAccess } from "../archive/segments.ts";
import { descriptorPath } from "../disk/descriptors.ts";
import { diskCalls, writeFully } from "../disk/disk_calls.ts";
import { files as disk } from "../disk/files.ts";
import { O_WRONLY } from "../disk/open_flags.ts";
import { PlainFiles } from "../disk/plain_files.ts";
import { makeFile } from "../disk/restore_file.ts";
import { type MetadataOptions, MetadataSetter } from "../disk/restore_metadata.ts";
import type { Piece } from "../disk/restore_options.ts";
import { isFree } from "../disk/restorer.ts";
import { isFatal, isSystemError, systemCode } from "../disk/system_error.ts";
import type { SuiteId } from "../engine/engine.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_TYPE } from "../format/frame.ts";
import type { BlockPlace, Extent, Row } from "../format/row.ts";
import { encodeError, type RemoteError } from "./remote_error.ts";
import { FileCursor, type PackedFiles } from "./restore_message.ts";

/** What restoring the files of an archive takes. */
export interface RestoreSetting {
  readonly suite: SuiteId;
  /** Where the body begins in the archive. */
  readonly bodyOffset: number;
  /** The percentage of the recovery layer; 0 without one. */
  readonly recovery: number;
  /** Blocks that are kept open; at least 1. */
  readonly keptBlocks: number;
  readonly metadata: Pick<MetadataOptions, "sameOwner" | "samePermissions">;
  /** Not zero when no further file is to be begun. */
  readonly stop: SharedArrayBuffer;
}

/** Files of one block. */
export interface RestoreGroup {
  /** The block; `undefined` when none of the files has content. */
  readonly place: BlockPlace | undefined;
  /** What opens it. */
  readonly access: SegmentAccess | undefined;
  readonly files: PackedFiles;
}

/** What is to be said of one file besides that it was written. */
export type RestoreRemark =
  /** Its name is taken; nothing was done. */
  | { readonly index: number; readonly kind: "taken" }
  /** It could not be written, and nothing of it is left. */
  | { readonly index: number; readonly kind: "failed"; readonly error: RemoteError }
  /** It is there, but something of its metadata could not be set. */
  | { readonly index: number; readonly kind: "metadata"; readonly what: string; readonly error: RemoteError };

/** What became of the files. */
export interface RestoreReply {
  /** For each file, the bytes written, and the end of the farthest of them. */
  readonly written: Float64Array<ArrayBuffer>;
  /** In the order of the files. */
  readonly remarks: readonly RestoreRemark[];
}

/** A block, and the memory that it lies in. */
interface KeptBlock {
  readonly place: BlockPlace;
  readonly block: IndexedBlock;
  readonly raw: Uint8Array<ArrayBuffer>;
}

class BlockReader {
  readonly #setting: RestoreSetting;
  #cipher: { readonly segment: number; readonly cipher: FrameCipher } | undefined;
  readonly #archive: number;
  #sealed = new Uint8Array(0);
  /** Those used last go last. */
  readonly #kept: KeptBlock[] = [];

  constructor(setting: RestoreSetting, archive: number) {
    this.#setting = setting;
    this.#archive = archive;
  }

  /** A block, good until others are read. */
  read(place: BlockPlace, access: SegmentAccess): IndexedBlock {
    const { segment = 0, frame, offset, frameBytes } = place;
    const index = this.#kept.findIndex(({ place: kept }) =>
      kept.frame === frame && kept.offset === offset && kept.segment === place.segment
    );
    if (index >= 0) {
      const [found] = this.#kept.splice(index, 1) as [KeptBlock];
      this.#kept.push(found);
      return found.block;
    }
    let raw: Uint8Array<ArrayBuffer> =
      (this.#kept.length < this.#setting.keptBlocks ? undefined : this.#kept.shift())?.raw ??
        new Uint8Array(0);
    checkPlace(place, { start: access.start.offset, end: access.end });
    if (this.#cipher?.segment !== segment) {
      this.#cipher = { segment, cipher: new FrameCipher(nativeEngine, this.#setting.suite, access.segmentKey) };
    }
    const { cipher } = this.#cipher;
    if (this.#sealed.length < frameBytes) this.#sealed = new Uint8Array(frameBytes);
    const sealed = this.#sealed.subarray(0, frameBytes);
    const { recovery, bodyOffset } = this.#setting;
    let filled = 0;
    const sealedRange = { offset: bodyOffset + offset, length: frameBytes };
    for (const range of rangesInFile(recovery, bodyOffset, access.start, sealedRange)) {
      for (let at = 0; at < range.length;) {
        const count = disk.read(this.#archive, sealed.subarray(filled, filled + range.length - at), range.offset + at);
        if (count === 0) {
          throw new ArchiveError("truncated", "Cannot read the archive: it ended while it was read", { offset });
        }
        at += count;
        filled += count;
      }
    }
    const allocate = (length: number) => {
      if (raw.length < length) raw = new Uint8Array(length);
      return raw.subarray(0, length);
    };
    const block = new IndexedBlock(place, openExpected(cipher, place, FRAME_TYPE.block, sealed, allocate));
    this.#kept.push({ place, block, raw });
    return block;
  }
}

/** What restores one group after the other, out of an archive that this thread has open for reading by position. */
export function groupRestorer(setting: RestoreSetting, archive: number): (group: RestoreGroup) => RestoreReply {
  const reader = new BlockReader(setting, archive);
  const stop = new Int32Array(setting.stop);
  let remarks: RestoreRemark[] = [];
  let index = 0;
  const metadata = new MetadataSetter(diskCalls, setting.metadata, (_path, what, error) => {
    remarks.push({ index, kind: "metadata", what, error: encodeError(error) });
  });
  const tools = { calls: diskCalls, metadata };
  const plain = PlainFiles.by(metadata);
  return ({ place, access, files }) => {
    const block = place === undefined || access === undefined ? undefined : reader.read(place, access);
    const written = new Float64Array(files.count * 2);
    const cursor = new FileCursor(files);
    let folder: number | undefined;
    remarks = [];
    while (cursor.next() && Atomics.load(stop, 0) === 0) {
      index = cursor.index;
      if (plain !== undefined && cursor.isPlain) {
        if (folder !== cursor.folder) {
          folder = cursor.folder;
          plain.enter(files.folders[folder] as number);
        }
        const bytes = makePlain(plain, cursor, place, block);
        if (bytes !== undefined) {
          written[2 * index] = bytes;
          written[2 * index + 1] = bytes;
          continue;
        }
      }
      const { row, extents, mark, goal } = cursor.file();
      const pieces = piecesOf(row, extents, mark, place, block);
      try {
        if (goal.kind === "descriptor") {
          writePieces(goal.descriptor, pieces);
        } else {
          const location = `${descriptorPath(files.folders[goal.folder] as number)}/${goal.name}`;
          makeFile(tools, location, row, goal.name, pieces, () => removeQuietly(location));
        }
        for (const { fileOffset, bytes } of pieces) {
          written[2 * index] = (written[2 * index] as number) + bytes.length;
          written[2 * index + 1] = fileOffset + bytes.length;
        }
      } catch (error) {
        if (!isSystemError(error)) throw error;
        if (goal.kind === "name" && systemCode(error) === "EEXIST") remarks.push({ index, kind: "taken" });
        else remarks.push({ index, kind: "failed", error: encodeError(error) });
        if (isFatal(error)) break;
      }
    }
    return { written, remarks };
  };
}

/** Makes the file at hand, when that takes nothing unusual; gives its bytes, or `undefined` when it is not there. */
function makePlain(
  plain: PlainFiles,
  file: FileCursor,
  place: BlockPlace | undefined,
  block: IndexedBlock | undefined,
): number | undefined {
  if (file.extents === 0) return plain.make(file, file.nameStart, undefined) ? 0 : undefined;
  if (place === undefined || block === undefined) return undefined;
  const content = block.ownSlice(file, place, file.fileOffset, file.length, file.dataOffset);
  // What is free is left a hole.
  if (content === undefined || isFree(content)) return undefined;
  return plain.make(file, file.nameStart, content) ? content.length : undefined;
}

function piecesOf(
  row: Row,
  extents: readonly Omit<Extent, "block">[],
  mark: RowMark | undefined,
  place: BlockPlace | undefined,
  block: IndexedBlock | undefined,
): Piece[] {
  const pieces: Piece[] = [];
  for (const extent of extents) {
    if (place === undefined || block === undefined) throw new TypeError("Cannot restore content without its block");
    const bytes = block.slice(row, { ...extent, block: place }, mark);
    if (!isFree(bytes)) pieces.push({ fileOffset: extent.fileOffset, bytes });
  }
  return pieces;
}

/** Writes to a file that the main thread has open and keeps open meanwhile. */
function writePieces(theirs: number, pieces: readonly Piece[]): void {
  if (pieces.length === 0) return;
  const descriptor = diskCalls.open(descriptorPath(theirs), O_WRONLY);
  try {
    for (const piece of pieces) writeFully(diskCalls, descriptor, piece.bytes, piece.fileOffset);
  } finally {
    diskCalls.close(descriptor);
  }
}

function removeQuietly(location: string): void {
  try {
    disk.unlink(location);
  } catch {
    // What led here matters more, and is on its way.
  }
}
