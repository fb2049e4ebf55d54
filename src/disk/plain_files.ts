/**
 * Files of an extraction target that take nothing but the C library's calls: most files by far, made without an object
 * for any of them. What is unusual about one, or goes wrong with it, is for `makeFile` to deal with.
 */
import type { Bytes } from "../engine/engine.ts";
import { decodeUtf8 } from "../format/bytes.ts";
import type { FileValues } from "../format/row_table.ts";
import { descriptorPath } from "./descriptors.ts";
import { type Libc, libc } from "./libc.ts";
import { ALL_MODE_BITS, type MetadataSetter, PERMISSION_BITS } from "./restore_metadata.ts";
import { CREATE } from "./restore_file.ts";

/** Makes plain files, in one open folder after the other. */
export class PlainFiles {
  readonly #calls: Libc;
  readonly #metadata: MetadataSetter;
  #folder = -1;
  /**
   * By mode whether files of the folder have the one that they are made with, as the first of each shows: the umask
   * takes bits away, and so may what the folder says of its files. Where they have it, no call is needed to set it.
   */
  readonly #isGiven = new Map<number, boolean>();

  private constructor(calls: Libc, metadata: MetadataSetter) {
    this.#calls = calls;
    this.#metadata = metadata;
  }

  /** What makes them; `undefined` where it takes more than those calls. */
  static by(metadata: MetadataSetter): PlainFiles | undefined {
    const calls = libc();
    return calls === undefined || metadata.setsOwners ? undefined : new PlainFiles(calls, metadata);
  }

  /** Says which folder, by its descriptor, comes now; a descriptor that was used before may stand for another one. */
  enter(folder: number): void {
    this.#folder = folder;
    this.#isGiven.clear();
  }

  /**
   * Makes a file exclusively, with all its content and metadata; its name is some of the bytes of its path. False when
   * it is not there, and then nothing of it is.
   */
  make(file: FileValues, nameStart: number, content: Bytes | undefined): boolean {
    const modified = file.seconds * 1000 + Math.floor(file.nanoseconds / 1_000_000);
    if ((content?.length ?? 0) !== file.size || modified < 0) return false;
    const calls = this.#calls;
    const mode = file.mode & this.#metadata.modeBits;
    // Writing takes set-id bits away.
    const isGiven = mode > PERMISSION_BITS ? false : this.#isGiven.get(mode);
    const first = isGiven === false ? 0o600 : mode;
    const descriptor = calls.openBytes(this.#folder, file.paths, nameStart, file.pathEnd, CREATE, first);
    if (descriptor < 0) return false;
    let made = false;
    try {
      made = (content === undefined || calls.write(descriptor, content, 0) === content.length) &&
        ((isGiven ?? this.#learn(descriptor, mode)) || calls.setMode(descriptor, mode) === 0) &&
        calls.setTimes(descriptor, this.#metadata.accessed.getTime(), modified) === 0;
    } finally {
      calls.close(descriptor);
      if (!made) this.#discard(file.paths.subarray(nameStart, file.pathEnd));
    }
    return made;
  }

  #learn(descriptor: number, mode: number): boolean {
    const made = this.#calls.statusOf(descriptor)?.fullMode;
    const isGiven = made !== undefined && (made & ALL_MODE_BITS) === mode;
    this.#isGiven.set(mode, isGiven);
    return isGiven;
  }

  #discard(name: Bytes): void {
    this.#calls.unlink(`${descriptorPath(this.#folder)}/${decodeUtf8(name, "a name")}`);
  }
}
