/** Gives an archive a recovery record, or another one, or none: its header and its segments, laid out anew. */
import type { Bytes } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { encodeHeaderCopy, type Header, isDeduplicated, withRecovery, withSeveral } from "../format/header.ts";
import { deriveHeaderKey, KEY_BYTES } from "../format/keys.ts";
import { MAX_GENERATION } from "../format/limits.ts";
import { encodeState, knownState } from "../format/locator.ts";
import { physicalLength, type SegmentStart } from "../recovery/geometry.ts";
import { BodySink } from "./body_sink.ts";
import { openBody } from "./body_source.ts";
import type { OpenedHeader } from "./header_reader.ts";
import { checkWritable } from "./header_rewrite.ts";
import { sealRecord } from "./record_cipher.ts";
import { findSegment } from "./segment_tail.ts";
import { Segments } from "./segments.ts";
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
 * content, keys and id stay; nothing of its snapshots is decrypted, nor checked: who protects what is damaged protects
 * the damage. Returns the number of the newest segment.
 *
 * @throws {ArchiveError} as finding its segments does.
 */
export async function protectArchive(
  source: Source,
  opened: OpenedHeader,
  percent: number,
  write: (bytes: Bytes) => void | Promise<void>,
  { signal, onProgress }: ProtectOptions = {},
): Promise<number> {
  const { keys, copy, bodyOffset } = opened;
  const { engine, suite, archiveKey, id } = keys;
  checkWritable(copy.header);
  const body = openBody(source, opened);
  const newest = await findSegment(body, opened);
  const segments = new Segments(body, keys, bodyOffset, newest, isDeduplicated(copy.header));
  const starts: SegmentStart[] = [];
  let physicalBytes = 0;
  for (let number = 0; number <= newest.locator.segment.number; number++) {
    const { offset, length } = (await segments.get(number)).locator;
    starts.push({ offset, physical: physicalBytes });
    physicalBytes += physicalLength(percent, length);
  }
  if (copy.header.generation >= MAX_GENERATION) {
    throw new ArchiveError("limit", "Cannot change the archive: it was changed too often; make a copy");
  }
  const { locator, id: locatorHash } = newest;
  const { physical } = starts.at(-1) as SegmentStart;
  const state = encodeState(knownState(locatorHash, locator, physical));
  const header: Header = {
    ...copy.header,
    generation: copy.header.generation + 1,
    readFeatures: withRecovery(
      locator.segment.number > 0 ? withSeveral(copy.header.readFeatures) : copy.header.readFeatures,
      percent,
    ),
    state: sealRecord(keys, "state", state, engine.randomBytes(KEY_BYTES)),
  };
  const headerKey = deriveHeaderKey(engine, archiveKey, suite, id);
  for (const name of ["A", "B"] as const) await write(encodeHeaderCopy(engine, header, name, headerKey));
  const sink = percent === 0 ? undefined : new BodySink(engine, { write }, percent);
  for (const [number, start] of starts.entries()) {
    sink?.begin(start);
    const end = starts[number + 1]?.offset ?? locator.offset + locator.length;
    for (let at = start.offset; at < end;) {
      signal?.throwIfAborted();
      const piece = await body.read(bodyOffset + at, Math.min(PIECE_BYTES, end - at));
      const { length } = piece;
      if (length === 0) throw new ArchiveError("truncated", "Cannot read the archive: it ended while it was read");
      await (sink ?? { write }).write(piece);
      at += length;
      onProgress?.(length);
    }
    await sink?.end();
  }
  return locator.segment.number;
}
