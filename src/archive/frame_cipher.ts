/** Seals and opens frames (FORMAT.md, "Frames"). One cipher belongs to one segment, because its key does. */
import type { Aead, Bytes, Engine, SuiteId } from "../engine/engine.ts";
import { isZero } from "../format/bytes.ts";
import { ArchiveError } from "../format/errors.ts";
import {
  chunkCount,
  chunksLength,
  CODEC,
  decodeHead,
  encodeHead,
  FRAME_OVERHEAD,
  type FrameHead,
  frameLength,
  HEAD_BYTES,
  MARK_BYTES,
  NONCE_BYTES,
  NONCE_FLAG,
  paddedLength,
  writeNonce,
} from "../format/frame.ts";
import { deriveMarkKey } from "../format/keys.ts";
import { MAX_CHUNK_BYTES, TAG_BYTES } from "../format/limits.ts";
import { zstdFault } from "../format/zstd.ts";

/** A frame's content, ready to be sealed. */
export interface FrameContent {
  /** What the head will say. */
  readonly head: FrameHead;
  /** The stored bytes; `head.stored` of them. */
  readonly stored: Bytes;
}

/** Seals and opens the frames of one segment. */
export class FrameCipher {
  readonly #engine: Engine;
  readonly #aead: Aead;
  readonly #markKey: Bytes;
  readonly #nonce = new Uint8Array(NONCE_BYTES);
  /** The opened bytes of the frame at hand; reused, because buffers this large are new pages each time. */
  #scratch = new Uint8Array(0);

  /** Binds a cipher to a segment's key. */
  constructor(engine: Engine, suite: SuiteId, segmentKey: Bytes) {
    this.#engine = engine;
    this.#aead = engine.aead(suite, segmentKey);
    this.#markKey = deriveMarkKey(engine, segmentKey);
  }

  /** A frame's mark: eight bytes that only a key holder tells from random ones. */
  mark(frame: number): Bytes {
    const number = new Uint8Array(8);
    const view = new DataView(number.buffer);
    view.setUint32(0, Math.floor(frame / 2 ** 32));
    view.setUint32(4, frame % 2 ** 32);
    return this.#engine.hmacSha256(this.#markKey, number).subarray(0, MARK_BYTES);
  }

  /**
   * Seals one frame: mark, head and chunks in one byte string. Each frame number is sealed once per segment; see
   * `FrameNumbers`. It is put into what `allocate` gives.
   */
  seal(
    frame: number,
    { head, stored }: FrameContent,
    allocate: (length: number) => Bytes = (length) => new Uint8Array(length),
  ): Bytes {
    const out = allocate(frameLength(stored.length));
    out.set(this.mark(frame), 0);
    writeNonce(this.#nonce, frame, 0, NONCE_FLAG.head);
    this.#aead.seal(this.#nonce, encodeHead(head), out.subarray(MARK_BYTES, FRAME_OVERHEAD));
    const chunks = chunkCount(stored.length);
    const padded = paddedLength(stored.length);
    let at = FRAME_OVERHEAD;
    for (let chunk = 0; chunk < chunks; chunk++) {
      const start = chunk * MAX_CHUNK_BYTES;
      const end = Math.min(start + MAX_CHUNK_BYTES, padded);
      let plain = stored.subarray(start, Math.min(end, stored.length));
      if (plain.length < end - start) {
        const filled = new Uint8Array(end - start);
        filled.set(plain);
        plain = filled;
      }
      writeNonce(this.#nonce, frame, chunk, chunk === chunks - 1 ? NONCE_FLAG.last : NONCE_FLAG.more);
      this.#aead.seal(this.#nonce, plain, out.subarray(at, at + plain.length + TAG_BYTES));
      at += plain.length + TAG_BYTES;
    }
    return out;
  }

  /**
   * Opens a frame's head. `bytes` begins where the frame begins.
   *
   * @throws {ArchiveError} `damaged` when mark or tag do not hold, `malformed` or `limit` for what was sealed.
   */
  openHead(frame: number, bytes: Bytes): FrameHead {
    const head = new Uint8Array(HEAD_BYTES);
    writeNonce(this.#nonce, frame, 0, NONCE_FLAG.head);
    const opened = this.#engine.equal(this.mark(frame), bytes.subarray(0, MARK_BYTES)) &&
      this.#aead.open(this.#nonce, bytes.subarray(MARK_BYTES, FRAME_OVERHEAD), head);
    if (!opened) {
      throw new ArchiveError("damaged", `Cannot open frame ${frame}: its head does not authenticate`, { frame });
    }
    return decodeHead(head, frame);
  }

  /**
   * Opens the head of a frame whose mark may be damaged; `undefined` when its tag does not hold. The tag alone says
   * that the head is genuine and has this number.
   *
   * @throws {ArchiveError} `malformed` or `limit` for what was sealed.
   */
  tryHead(frame: number, bytes: Bytes): FrameHead | undefined {
    if (bytes.length < FRAME_OVERHEAD) return undefined;
    const head = new Uint8Array(HEAD_BYTES);
    writeNonce(this.#nonce, frame, 0, NONCE_FLAG.head);
    const opened = this.#aead.open(this.#nonce, bytes.subarray(MARK_BYTES, FRAME_OVERHEAD), head);
    return opened ? decodeHead(head, frame) : undefined;
  }

  /**
   * Opens each chunk of a frame for itself, into fresh memory: the stored bytes, zeros where a chunk does not
   * authenticate or is not among the bytes given, and which chunks do.
   */
  openChunksApart(frame: number, head: FrameHead, chunks: Bytes): { readonly stored: Bytes; readonly held: boolean[] } {
    const padded = paddedLength(head.stored);
    const opened = new Uint8Array(padded);
    const count = chunkCount(head.stored);
    const held: boolean[] = [];
    for (let chunk = 0; chunk < count; chunk++) {
      const start = chunk * MAX_CHUNK_BYTES;
      const end = Math.min(start + MAX_CHUNK_BYTES, padded);
      const at = start + chunk * TAG_BYTES;
      writeNonce(this.#nonce, frame, chunk, chunk === count - 1 ? NONCE_FLAG.last : NONCE_FLAG.more);
      const sealed = chunks.subarray(at, at + end - start + TAG_BYTES);
      held.push(
        sealed.length === end - start + TAG_BYTES &&
          this.#aead.open(this.#nonce, sealed, opened.subarray(start, end)),
      );
    }
    return { stored: opened.subarray(0, head.stored), held };
  }

  /**
   * Opens a frame's chunks and gives its raw bytes, checked against the checksum taken when they were read. They are
   * put into what `allocate` gives: fresh memory unless the caller reuses some.
   *
   * @throws {ArchiveError} `damaged` or `malformed`.
   */
  openContent(
    frame: number,
    head: FrameHead,
    chunks: Bytes,
    allocate: (length: number) => Bytes = (length) => new Uint8Array(length),
  ): Bytes {
    let raw: Bytes;
    if (head.codec === CODEC.stored) {
      raw = this.#openChunks(frame, head, chunks, allocate(paddedLength(head.stored)));
    } else {
      const stored = this.#openChunks(frame, head, chunks, this.#scratchOf(paddedLength(head.stored)));
      const fault = zstdFault(stored, head.raw);
      raw = allocate(fault === undefined ? head.raw : 0);
      if (fault !== undefined || !this.#engine.decompress(stored, raw)) {
        throw new ArchiveError("malformed", `Cannot accept frame ${frame}: ${fault ?? "it does not decompress"}`, {
          frame,
        });
      }
    }
    if (this.#engine.crc32(raw) !== head.crc) {
      throw new ArchiveError("malformed", `Cannot accept frame ${frame}: its bytes changed before they were sealed`, {
        frame,
      });
    }
    return raw;
  }

  #scratchOf(length: number): Bytes {
    if (this.#scratch.length < length) this.#scratch = new Uint8Array(length);
    return this.#scratch.subarray(0, length);
  }

  /** Opens all chunks into `opened`, which has room for the padded bytes, and gives the stored ones of them. */
  #openChunks(frame: number, head: FrameHead, chunks: Bytes, opened: Bytes): Bytes {
    if (chunks.length !== chunksLength(head.stored)) throw new RangeError("Cannot open a frame: wrong number of bytes");
    const padded = opened.length;
    const count = chunkCount(head.stored);
    for (let chunk = 0; chunk < count; chunk++) {
      const start = chunk * MAX_CHUNK_BYTES;
      const end = Math.min(start + MAX_CHUNK_BYTES, padded);
      const at = start + chunk * TAG_BYTES;
      writeNonce(this.#nonce, frame, chunk, chunk === count - 1 ? NONCE_FLAG.last : NONCE_FLAG.more);
      const sealed = chunks.subarray(at, at + end - start + TAG_BYTES);
      if (!this.#aead.open(this.#nonce, sealed, opened.subarray(start, end))) {
        throw new ArchiveError("damaged", `Cannot open frame ${frame}: chunk ${chunk} does not authenticate`, {
          frame,
        });
      }
    }
    if (!isZero(opened.subarray(head.stored))) {
      throw new ArchiveError("malformed", `Cannot accept frame ${frame}: its fill is not zero`, { frame });
    }
    return opened.subarray(0, head.stored);
  }
}
