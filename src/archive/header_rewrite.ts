/**
 * Writes both header copies anew, in an order in which a crash at any moment leaves the archive with its old header or
 * its new one (FORMAT.md, "Writing").
 */
import type { Bytes } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { encodeHeaderCopy, type Header, type HeaderCopyName } from "../format/header.ts";
import { deriveHeaderKey, KEY_BYTES } from "../format/keys.ts";
import { HEADER_PAGE_BYTES, MAX_GENERATION } from "../format/limits.ts";
import { encodeState, type State } from "../format/locator.ts";
import type { Slot } from "../format/slots.ts";
import type { OpenedHeader } from "./header_reader.ts";
import type { Random } from "./key_slots.ts";
import { openRecord, sealRecord } from "./record_cipher.ts";
import type { Source } from "./source.ts";

/** An archive that can be changed where it is. Whoever gives it sees to it that nobody else changes it meanwhile. */
export interface WritableSource extends Source {
  /** Writes all of the bytes at `offset`, which lies within it. I/O errors reject. */
  write(offset: number, bytes: Bytes): Promise<void>;
  /** Resolves when all that was written is on the disk. */
  sync(): Promise<void>;
}

/** What a rewritten header says that the old one does not. */
export interface HeaderChange {
  readonly slots?: readonly Slot[];
  readonly state?: State;
  readonly readFeatures?: number;
}

/**
 * Checks that this version may change an archive.
 *
 * @throws {ArchiveError} `newer-version`.
 */
export function checkWritable({ writeFeatures }: Header): void {
  if (writeFeatures === 0) return;
  throw new ArchiveError("newer-version", "Cannot change the archive: only a newer version of Coffer may");
}

/**
 * Writes both header copies anew. First both are made equal to the one that counts, or a crash could bring back what an
 * earlier, interrupted change had removed. Returns the header as it is then.
 *
 * @throws {ArchiveError} `malformed`; `limit` when the header was rewritten as often as can be.
 */
export async function rewriteHeader(
  target: WritableSource,
  opened: OpenedHeader,
  change: HeaderChange,
  random: Random,
): Promise<Header> {
  const { keys, copy } = opened;
  const { engine, suite, archiveKey, id } = keys;
  const { header } = copy;
  if (header.generation >= MAX_GENERATION) {
    throw new ArchiveError("limit", "Cannot change the archive: it was changed too often; make a copy");
  }
  const plain = change.state === undefined ? openRecord(keys, "state", header.state) : encodeState(change.state);
  if (plain === undefined) {
    throw new ArchiveError("malformed", "Cannot accept the header: its state does not authenticate");
  }
  const headerKey = deriveHeaderKey(engine, archiveKey, suite, id);
  const encode = (of: Header, name: HeaderCopyName) => encodeHeaderCopy(engine, of, name, headerKey);
  const place = { A: 0, B: header.pages * HEADER_PAGE_BYTES };
  const changed: Header = {
    ...header,
    generation: header.generation + 1,
    readFeatures: change.readFeatures ?? header.readFeatures,
    state: sealRecord(keys, "state", plain, random(KEY_BYTES)),
    slots: change.slots ?? header.slots,
  };
  // All is made before anything is written.
  const next = { A: encode(changed, "A"), B: encode(changed, "B") };
  const put = async (name: HeaderCopyName, bytes: Bytes) => {
    await target.write(place[name], bytes);
    await target.sync();
  };
  const other = copy.name === "A" ? "B" : "A";
  for (const name of [other, copy.name] as const) {
    const bytes = encode(header, name);
    const there = await target.read(place[name], bytes.length);
    if (!engine.equal(bytes, there)) await put(name, bytes);
  }
  await put("B", next.B);
  await put("A", next.A);
  return changed;
}
