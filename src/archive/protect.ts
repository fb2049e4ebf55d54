/** Gives an archive a recovery record, or another one, or none: its header and its segment, laid out anew. */
import type { Bytes } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { encodeHeaderCopy, type Header, withRecovery } from "../format/header.ts";
import { deriveHeaderKey, KEY_BYTES } from "../format/keys.ts";
import { MAX_GENERATION } from "../format/limits.ts";
import { encodeState } from "../format/locator.ts";
import { BodySink, openBody } from "./body_source.ts";
import type { OpenedHeader } from "./header_reader.ts";
import { checkWritable } from "./header_rewrite.ts";
import { sealRecord } from "./record_cipher.ts";
import { findSegment } from "./segment_tail.ts";
import type { Source } from "./source.ts";

/** How an archive is laid out anew. */
export interface ProtectOptions {
  /** Ends the work early. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes of each piece. */
  readonly onProgress?: (bytes: number) => void;
}

const PIECE_BYTES = 2 ** 20;

/**
 * Writes an archive with a recovery record of `percent` (0: none) to `write`, which takes its bytes in order. Its
 * content, keys and id stay; nothing of it is decrypted, nor checked: who protects what is damaged protects the damage.
 *
 * @throws {ArchiveError} as finding its segment does; `newer-version` when it has several snapshots.
 */
export async function protectArchive(
  source: Source,
  opened: OpenedHeader,
  percent: number,
  write: (bytes: Bytes) => void | Promise<void>,
  { signal, onProgress }: ProtectOptions = {},
): Promise<void> {
  const { keys, copy, bodyOffset } = opened;
  const { engine, suite, archiveKey, id } = keys;
  checkWritable(copy.header);
  const body = openBody(source, opened);
  const { locator, id: locatorHash } = await findSegment(body, opened);
  if (locator.offset > 0) {
    const why = "it has several snapshots, and this version's recovery record is of one; a copy has one";
    throw new ArchiveError("newer-version", `Cannot protect the archive: ${why}`);
  }
  if (copy.header.generation >= MAX_GENERATION) {
    throw new ArchiveError("limit", "Cannot change the archive: it was changed too often; make a copy");
  }
  const state = encodeState({ kind: "known", locatorHash, locator });
  const header: Header = {
    ...copy.header,
    generation: copy.header.generation + 1,
    readFeatures: withRecovery(copy.header.readFeatures, percent),
    state: sealRecord(keys, "state", state, engine.randomBytes(KEY_BYTES)),
  };
  const headerKey = deriveHeaderKey(engine, archiveKey, suite, id);
  for (const name of ["A", "B"] as const) await write(encodeHeaderCopy(engine, header, name, headerKey));
  const sink = percent === 0 ? undefined : new BodySink(engine, { write }, percent);
  for (let done = 0; done < locator.length;) {
    signal?.throwIfAborted();
    const piece = await body.read(bodyOffset + done, Math.min(PIECE_BYTES, locator.length - done));
    if (piece.length === 0) throw new ArchiveError("truncated", "Cannot read the archive: it ended while it was read");
    const { length } = piece;
    await (sink ?? { write }).write(piece);
    done += length;
    onProgress?.(length);
  }
  await sink?.end();
}
