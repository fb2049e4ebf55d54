/**
 * What there is no room for in memory, in a temporary file: sealed under a key that nobody but this run ever has, so
 * that the file says nothing but how long it is.
 */
import type { Aead, Bytes, Engine } from "../engine/engine.ts";
import { KEY_BYTES } from "../format/keys.ts";
import { NONCE_BYTES } from "../format/frame.ts";
import { TAG_BYTES } from "../format/limits.ts";

/** A temporary file, made when it is first needed. Whoever makes it removes it. */
export interface SpillFile {
  /** Writes all of the bytes at the end. Errors are thrown. */
  append(bytes: Bytes): void;
  /** Reads from an offset until the bytes are full. Errors are thrown. */
  read(offset: number, into: Bytes): void;
}

/** A piece that was put away. */
export interface SpilledPiece {
  /** Byte offset in the file. */
  readonly offset: number;
  /** Bytes of what was put away. */
  readonly length: number;
  /** Its number: each piece has its own nonce. */
  readonly number: number;
}

/** Pieces of bytes in a temporary file. */
export class SealedSpill {
  readonly #file: SpillFile;
  readonly #aead: Aead;
  readonly #nonce = new Uint8Array(NONCE_BYTES);
  #end = 0;
  #pieces = 0;

  /** Takes a file that is empty, for this alone. */
  constructor(engine: Engine, file: SpillFile) {
    this.#file = file;
    this.#aead = engine.aead(1, engine.randomBytes(KEY_BYTES));
  }

  /** Puts pieces away together; they lie one behind the other, and their numbers rise by one. */
  put(pieces: readonly Bytes[]): SpilledPiece {
    const first = { offset: this.#end, length: pieces[0]?.length ?? 0, number: this.#pieces };
    const sealed = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length + TAG_BYTES, 0));
    let at = 0;
    for (const piece of pieces) {
      const length = piece.length + TAG_BYTES;
      this.#aead.seal(this.#nonceOf(this.#pieces++), piece, sealed.subarray(at, at + length));
      at += length;
    }
    this.#file.append(sealed);
    this.#end += sealed.length;
    return first;
  }

  /**
   * A piece as it was put away.
   *
   * @throws {Error} when the file does not hold it any more.
   */
  take({ offset, length, number }: SpilledPiece): Bytes {
    const sealed = new Uint8Array(length + TAG_BYTES);
    this.#file.read(offset, sealed);
    const piece = new Uint8Array(length);
    if (!this.#aead.open(this.#nonceOf(number), sealed, piece)) {
      throw new Error("Cannot go on: a temporary file was changed by something else");
    }
    return piece;
  }

  #nonceOf(number: number): Bytes {
    const view = new DataView(this.#nonce.buffer);
    view.setUint32(4, Math.floor(number / 2 ** 32));
    view.setUint32(8, number % 2 ** 32);
    return this.#nonce;
  }
}
