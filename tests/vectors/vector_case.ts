/** What the generator makes a vector from, and the archive most of them begin with. */
import type { Bytes } from "../../src/engine/engine.ts";
import type { ArchiveErrorCode } from "../../src/format/errors.ts";
import type { Key } from "../../src/archive/unlock.ts";
import { TEST_KEY } from "../archive/archive_builder.ts";
import { type Draft, draftOf, type Item, type SealedArchive, sealDraft } from "../archive/archive_draft.ts";
import { directory, file, row } from "../archive/sample_tree.ts";

/** What a reader says at the end: a failure class, or `none`. */
export type Outcome = ArchiveErrorCode | "none";

/** One vector before it is written down. */
export interface VectorCase {
  /** The file's name without its ending. */
  readonly name: string;
  /** What is special about the archive, as a sentence. */
  readonly about: string;
  readonly bytes: Bytes;
  /** What opens it, or does not; the test key unless given. */
  readonly keys?: readonly Key[];
  /** What a reader from front to back says. */
  readonly stream: Outcome;
  /** What a reader with random access says that reads every entry of the catalog. */
  readonly seek: Outcome;
  /** Header copies that are warned about; none unless given. */
  readonly warnings?: number;
  /** What a reader with random access warns about besides; nothing unless given. */
  readonly seekWarnings?: number;
  /** The paths of each snapshot, where all of them can be read. */
  readonly snapshots?: readonly (readonly string[])[];
  /** The archive as its recovery layer mends it, or `no` when some of it cannot be; nothing where that is not asked. */
  readonly mended?: Bytes | "no";
  /** The content given out before the end, where the generator is not to take it from the reader at hand. */
  readonly released?: { readonly stream?: Bytes; readonly seek?: Bytes };
}

/** The archive key as a key. */
export const ARCHIVE_KEY: Key = { kind: "archive-key", archiveKey: TEST_KEY };

/** Content bytes of one block of most vectors. */
export const BLOCK_BYTES = 256;

/** A small tree: the root, a folder, a file of two blocks and a short one, and both kinds of links. */
export function smallTree(): Item[] {
  return [
    directory("."),
    directory("a"),
    file("a/b.txt", "a".repeat(300)),
    { row: row("a/link", "symlink", { link: "b.txt" }) },
    file("c.txt", "hello, world\n"),
    { row: row("d", "hardlink", { link: "a/b.txt" }) },
  ];
}

/** The draft that most vectors change: written to a pipe, because then its header does not depend on its content. */
export function smallDraft(change: (draft: Draft) => void = () => {}): Draft {
  const draft = draftOf(smallTree(), BLOCK_BYTES);
  draft.state = "streamed";
  change(draft);
  return draft;
}

/** The small tree, changed and sealed. */
export function sealSmall(change?: (draft: Draft) => void): SealedArchive {
  return sealDraft(smallDraft(change));
}

/** A case whose archive is the small tree with a change. */
export function changed(
  name: string,
  about: string,
  outcomes: Outcome | readonly [stream: Outcome, seek: Outcome],
  change: (draft: Draft) => void,
): VectorCase {
  const [stream, seek] = typeof outcomes === "string" ? [outcomes, outcomes] : outcomes;
  return { name, about, bytes: sealSmall(change).bytes, stream, seek };
}
