/** Finds the header's copies, with or without a key (FORMAT.md, "Reading the header"). */
import type { Bytes, Engine } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { bodyOffset, decodeHeaderCopy, hasMagic, type HeaderCopy, type HeaderCopyName } from "../format/header.ts";
import { HEADER_PAGE_BYTES, HEADER_PAGE_COUNTS } from "../format/limits.ts";
import type { Slot, SlotLimits } from "../format/slots.ts";
import { type KdfLimits, type Key, unlock } from "./unlock.ts";
import type { RecordKeys } from "./record_cipher.ts";

/** How the warning about a header that is gone begins. */
export const LOST_HEADER = "its header is lost, both copies";

/** Gives the archive's first bytes: `length`, or fewer when it is shorter. */
export type PeekStart = (length: number) => Promise<Bytes>;

/** The copies that could be decoded, and why others could not. */
export interface FoundCopies {
  readonly copies: readonly HeaderCopy[];
  readonly faults: ReadonlyMap<HeaderCopyName, ArchiveError>;
}

/** A header that a key has opened. */
export interface OpenedHeader {
  readonly keys: RecordKeys;
  /** The copy that counts. */
  readonly copy: HeaderCopy;
  /** The slot that opened; none when the archive key itself was given. */
  readonly slot: Slot | undefined;
  /** Where the body starts. */
  readonly bodyOffset: number;
  /** Present when there is no header any more, and this one was put together from the archive's end. */
  readonly isLost?: true;
  /** The copies that are damaged or out of date. */
  readonly badCopies: readonly HeaderCopyName[];
  /** What is wrong with the other copy, as sentences; the archive opens all the same. */
  readonly warnings: readonly string[];
}

const LARGEST_PAGES = Math.max(...HEADER_PAGE_COUNTS);

/**
 * Finds both copies; limits on their key slots are kept unless they are only to be shown. Copy B is looked for where
 * an intact copy A says; when no intact one is there, in all its possible places, and all that can be decoded are
 * given: what A says may be forged.
 *
 * @throws {ArchiveError} `not-an-archive`, `newer-version`, `truncated`, `limit` or `damaged` when no copy can be used.
 */
export async function findCopies(
  engine: Engine,
  peek: PeekStart,
  limits: SlotLimits = "kept",
): Promise<FoundCopies> {
  const copies: HeaderCopy[] = [];
  const faults = new Map<HeaderCopyName, ArchiveError>();
  const attempt = (bytes: Bytes, name: HeaderCopyName): HeaderCopy | undefined => {
    try {
      const copy = decodeHeaderCopy(engine, bytes, name, limits);
      copies.push(copy);
      faults.delete(name);
      return copy;
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      const isFound = copies.some((copy) => copy.name === name);
      if (!isFound && (!faults.has(name) || error.code !== "not-an-archive")) faults.set(name, error);
      return undefined;
    }
  };
  let start = await peek(bodyOffset(1));
  const namedPages = hasMagic(start, "A") ? start[10] ?? 1 : 1;
  if (namedPages > 1 && HEADER_PAGE_COUNTS.includes(namedPages)) start = await peek(bodyOffset(namedPages));
  const a = attempt(start, "A");
  const named = a?.intact ? a.header.pages : undefined;
  const b = named === undefined ? undefined : attempt(start.subarray(named * HEADER_PAGE_BYTES), "B");
  if (!b?.intact) {
    start = await peek(bodyOffset(LARGEST_PAGES));
    for (const pages of HEADER_PAGE_COUNTS) {
      if (pages !== named) attempt(start.subarray(pages * HEADER_PAGE_BYTES), "B");
    }
  }
  if (copies.length === 0) throw noCopy(start, faults);
  return { copies, faults };
}

/** Which failure to report when no copy can be used. */
function noCopy(start: Bytes, faults: ReadonlyMap<HeaderCopyName, ArchiveError>): ArchiveError {
  if (start.length === 0) return new ArchiveError("not-an-archive", "Cannot read the archive: it is empty");
  const found = [...faults.values()].filter((fault) => fault.code !== "not-an-archive");
  for (const code of ["newer-version", "limit", "truncated"] as const) {
    const fault = found.find((fault) => fault.code === code);
    if (fault !== undefined) return fault;
  }
  if (found.length > 0) {
    return new ArchiveError("damaged", "Cannot read the archive: both copies of its header are damaged");
  }
  return new ArchiveError("not-an-archive", "Cannot read the archive: it is not a Coffer archive");
}

/** Finds and opens the header. */
export async function openHeader(
  engine: Engine,
  peek: PeekStart,
  keys: readonly Key[],
  limits: KdfLimits,
): Promise<OpenedHeader> {
  const found = await findCopies(engine, peek);
  const { archiveKey, id, slot, copy, bad } = await unlock(engine, found.copies, keys, limits);
  const { suite, pages } = copy.header;
  const names = new Set<HeaderCopyName>([...bad.map((other) => other.name), ...found.faults.keys()]);
  const warnings = [...names].map((name) => `header copy ${name} is damaged or out of date; the other one is good`);
  return {
    keys: { engine, suite, archiveKey, id },
    copy,
    slot,
    bodyOffset: bodyOffset(pages),
    badCopies: [...names],
    warnings,
  };
}
