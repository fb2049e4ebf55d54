/** What restoring is told, and what it tells. */
import type { Bytes } from "../engine/engine.ts";
import type { DiskCalls } from "./disk_calls.ts";
import type { RestoreProblemKind } from "./refusal.ts";
import type { MetadataOptions } from "./restore_metadata.ts";
import type { ExistingPolicy } from "./target_names.ts";

/** An entry that was not restored, or not fully. */
export interface RestoreProblem {
  /** Its path below the target. */
  readonly path: string;
  /** What kind of problem. */
  readonly kind: RestoreProblemKind;
  /** What is wrong, as the end of a sentence. */
  readonly reason: string;
  /** The system's error, where there was one. */
  readonly error?: unknown;
}

/** How a target is filled. */
export interface RestoreOptions extends MetadataOptions {
  /** Where to: made when it does not exist, with the folders above it. A symlink to a folder is followed. */
  readonly directory: string;
  /**
   * What to do about an entry whose name is taken: tell (`refuse`, the default), leave it without a word (`skip`) or
   * replace it (`overwrite`). Folders are never replaced, and existing ones keep their metadata unless overwriting.
   */
  readonly existing?: ExistingPolicy;
  /** The system calls; default: the system's. */
  readonly calls?: DiskCalls;
  /** Called for each entry that was not restored, or not fully. */
  readonly onProblem: (problem: RestoreProblem) => void;
}

/** Some bytes of a file. */
export interface Piece {
  /** Byte offset in the file. */
  readonly fileOffset: number;
  /** The bytes. */
  readonly bytes: Bytes;
}
