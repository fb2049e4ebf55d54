/**
 * Builds the bytes of archives, honest or hostile, with everything in them properly sealed. Whoever holds the key can
 * make these, so what a reader refuses in them is one violation of the format and never a broken tag.
 *
 * Frames are laid out and sealed here from FORMAT.md and not by `src/archive`, so that a mistake which the writer and
 * the reader share does not go unseen.
 */
import type { Aead, Bytes, Engine, SuiteId } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import {
  deriveArchiveId,
  deriveHeaderKey,
  deriveMarkKey,
  deriveSegmentKey,
  KEY_BYTES,
  type SegmentIdentity,
} from "../../src/format/keys.ts";
import { encodeHeaderCopy, type Header, type HeaderCopyName } from "../../src/format/header.ts";
import type { BlockPlace } from "../../src/format/row.ts";
import { type RecordKeys, type RecordKind, sealRecord } from "../../src/archive/record_cipher.ts";

const CHUNK_BYTES = 65_520;
const TAG_BYTES = 16;
const HEAD_BYTES = 24;
const HEAD_END = 8 + HEAD_BYTES + TAG_BYTES;
const NONCE_MORE = 0;
const NONCE_LAST = 1;
const NONCE_HEAD = 2;

/** Every field of a frame's head, the reserved ones included. */
export interface RawHead {
  readonly type: number;
  readonly codec: number;
  readonly flags: number;
  readonly raw: number;
  readonly stored: number;
  readonly rows: number;
  readonly crc: number;
  readonly reserved: number;
}

/** One frame to seal. */
export interface FrameDraft {
  readonly type: number;
  /** Its raw bytes. */
  readonly raw: Bytes;
  /** The head's row count; 0 unless given. */
  readonly rows?: number;
  /** zstd level; stored as it is unless given. */
  readonly level?: number;
  /** What is stored, whatever `raw` is; the head then says zstd. */
  readonly stored?: Bytes;
  /** Head fields that are to say something else. */
  readonly head?: Partial<RawHead>;
  /** The number it is sealed under, instead of the next one; the frames behind it go on from there. */
  readonly number?: number;
  /** The byte that fills the stored bytes up to a multiple of 16; 0 unless given. */
  readonly fill?: number;
}

/** A frame that was sealed, and where it stands. */
export interface SealedFrame extends BlockPlace {
  readonly type: number;
}

/** Bytes and their offset from the body's start. */
export interface PlacedBytes {
  readonly offset: number;
  readonly bytes: Bytes;
}

/** What an archive is made from. */
export interface BuilderOptions {
  readonly engine?: Engine;
  readonly suite?: SuiteId;
  readonly archiveKey?: Bytes;
  /** Everything random comes from this number. */
  readonly seed?: number;
  /** What the segment follows; nothing unless given. */
  readonly behind?: { readonly number: number; readonly link: Bytes; readonly offset: number };
}

/** The archive key of built archives, unless another is given. */
export const TEST_KEY: Bytes = Uint8Array.from({ length: KEY_BYTES }, (_, i) => 7 * i + 1);

/** Random-looking bytes, the same for each seed: SHA-256 of the seed and a counter. */
export function seededRandom(seed: number, engine: Engine = nativeEngine): (length: number) => Bytes {
  let counter = 0;
  return (length) => {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) {
      const block = engine.sha256(new Uint8Array(Float64Array.of(seed, counter++).buffer));
      out.set(block.subarray(0, Math.min(32, length - at)), at);
    }
    return out;
  };
}

/** The twelve bytes: frame number (7), chunk (4), flag (1). */
function nonceOf(frame: number, chunk: number, flag: number): Bytes {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(frame) * 256n);
  view.setUint32(7, chunk);
  view.setUint8(11, flag);
  return bytes;
}

function encodeRawHead(head: RawHead): Bytes {
  const bytes = new Uint8Array(HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, head.type);
  view.setUint8(1, head.codec);
  view.setUint16(2, head.flags);
  view.setUint32(4, head.raw);
  view.setUint32(8, head.stored);
  view.setUint32(12, head.rows);
  view.setUint32(16, head.crc);
  view.setUint32(20, head.reserved);
  return bytes;
}

/** One archive while it is built: the segment's bytes in order, then whatever header is asked for. */
export class ArchiveBuilder {
  readonly engine: Engine;
  readonly keys: RecordKeys;
  readonly segment: SegmentIdentity;
  /** Random-looking bytes. */
  readonly random: (length: number) => Bytes;
  /** The frames sealed so far. */
  readonly frames: SealedFrame[] = [];
  readonly #aead: Aead;
  readonly #markKey: Bytes;
  readonly #pieces: PlacedBytes[] = [];
  readonly #start: number;
  #offset: number;
  #number = 0;

  /** Begins with the segment's salt. */
  constructor(options: BuilderOptions = {}) {
    const { engine = nativeEngine, suite = 1, archiveKey = TEST_KEY, seed = 1, behind } = options;
    this.engine = engine;
    this.random = seededRandom(seed, engine);
    this.keys = { engine, suite, archiveKey, id: deriveArchiveId(engine, archiveKey) };
    const { number, link, offset } = behind ?? { number: 0, link: new Uint8Array(KEY_BYTES), offset: 0 };
    this.segment = { salt: this.random(KEY_BYTES), number, link };
    this.#start = this.#offset = offset;
    const key = deriveSegmentKey(engine, archiveKey, suite, this.keys.id, this.segment);
    this.#aead = engine.aead(suite, key);
    this.#markKey = deriveMarkKey(engine, key);
    this.append(this.segment.salt);
  }

  /** Bytes of the body so far, those of earlier segments included. */
  get offset(): number {
    return this.#offset;
  }

  /** The number of the next frame. */
  get nextNumber(): number {
    return this.#number;
  }

  /** Puts bytes into the body as they are. */
  append(bytes: Bytes): void {
    this.#pieces.push({ offset: this.#offset, bytes });
    this.#offset += bytes.length;
  }

  /** Takes the next number and leaves room for its frame, which is made when it is read. */
  leave(type: number, frameBytes: number): SealedFrame {
    const place = { type, frame: this.#number++, offset: this.#offset, frameBytes };
    this.#offset += frameBytes;
    this.frames.push(place);
    return place;
  }

  /** Seals a frame and puts it into the body; returns its place. */
  frame(draft: FrameDraft): SealedFrame {
    const number = draft.number ?? this.#number;
    const bytes = this.seal(number, draft);
    const place = { type: draft.type, frame: number, offset: this.#offset, frameBytes: bytes.length };
    this.append(bytes);
    this.#number = number + 1;
    this.frames.push(place);
    return place;
  }

  /** Seals a frame under any number: mark, head and chunks. */
  seal(number: number, draft: FrameDraft): Bytes {
    const stored = draft.stored ?? (draft.level === undefined ? draft.raw : this.#compress(draft.raw, draft.level));
    const head = encodeRawHead({
      type: draft.type,
      codec: stored === draft.raw ? 0 : 1,
      flags: 0,
      raw: draft.raw.length,
      stored: stored.length,
      rows: draft.rows ?? 0,
      crc: this.engine.crc32(draft.raw),
      reserved: 0,
      ...draft.head,
    });
    const plain = new Uint8Array(Math.ceil(stored.length / 16) * 16).fill(draft.fill ?? 0);
    plain.set(stored);
    const chunks = Math.ceil(plain.length / CHUNK_BYTES);
    const out = new Uint8Array(HEAD_END + plain.length + chunks * TAG_BYTES);
    out.set(this.#mark(number));
    this.#aead.seal(nonceOf(number, 0, NONCE_HEAD), head, out.subarray(8));
    for (let chunk = 0; chunk < chunks; chunk++) {
      const start = chunk * CHUNK_BYTES;
      const flag = chunk === chunks - 1 ? NONCE_LAST : NONCE_MORE;
      const room = out.subarray(HEAD_END + start + chunk * TAG_BYTES);
      this.#aead.seal(nonceOf(number, chunk, flag), plain.subarray(start, start + CHUNK_BYTES), room);
    }
    return out;
  }

  #compress(raw: Bytes, level: number): Bytes {
    const stored = this.engine.compress?.(raw, level);
    return stored === undefined || stored.length >= raw.length ? raw : stored;
  }

  #mark(number: number): Bytes {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
    return this.engine.hmacSha256(this.#markKey, bytes).subarray(0, 8);
  }

  /** Seals a locator or a state record. */
  record(kind: RecordKind, plain: Bytes): Bytes {
    return sealRecord(this.keys, kind, plain, this.random(KEY_BYTES));
  }

  /** Encodes one header copy, its MAC included. */
  headerCopy(header: Header, name: HeaderCopyName): Bytes {
    return encodeHeaderCopy(this.engine, header, name, this.#headerKey(header.suite));
  }

  #headerKey(suite: SuiteId): Bytes {
    return deriveHeaderKey(this.engine, this.keys.archiveKey, suite, this.keys.id);
  }

  /** Changes bytes of a header copy and makes its MAC and its checksum, or only the latter, hold again. */
  alterCopy(copy: Bytes, alter: (bytes: Bytes) => void, seals: "mac" | "checksum" = "mac"): Bytes {
    const bytes = copy.slice();
    const macOffset = bytes.length - 2 * KEY_BYTES;
    alter(bytes);
    if (seals === "mac") {
      bytes.set(this.engine.hmacSha256(this.#headerKey(this.keys.suite), bytes.subarray(0, macOffset)), macOffset);
    }
    bytes.set(this.engine.sha256(bytes.subarray(0, macOffset + KEY_BYTES)), macOffset + KEY_BYTES);
    return bytes;
  }

  /** The bytes of the body so far, by their places: all but the room that was left. */
  get pieces(): readonly PlacedBytes[] {
    return this.#pieces;
  }

  /** The segment so far, with zeros where room was left. */
  body(): Bytes {
    const body = new Uint8Array(this.#offset - this.#start);
    for (const { offset, bytes } of this.#pieces) body.set(bytes, offset - this.#start);
    return body;
  }
}
