/**
 * Mends what can be mended in an archive without its content: a header copy, the locator, what stands behind the end
 * (FORMAT.md, "Repair"). Each repair is a step of its own; a crash between any two writes leaves an archive that is no
 * worse and that the next run goes on with.
 */
import type { Bytes } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { encodeHeaderCopy, recoveryPercent, SEVERAL_SEGMENTS } from "../format/header.ts";
import { deriveHeaderKey, KEY_BYTES } from "../format/keys.ts";
import { HEADER_PAGE_BYTES } from "../format/limits.ts";
import { decodeState, encodeLocator, type Locator, RECORD_BYTES } from "../format/locator.ts";
import { openBody, physicalPlace } from "./body_source.ts";
import { findFrames } from "./frame_search.ts";
import type { OpenedHeader } from "./header_reader.ts";
import { checkWritable, rewriteHeader, type WritableSource } from "./header_rewrite.ts";
import { openState } from "./header_state.ts";
import type { Random } from "./key_slots.ts";
import { findLastLocator, type LastSegment, locatorOf, nextFrames } from "./locator_search.ts";
import { openRecord, sealRecord } from "./record_cipher.ts";
import { findSegment, segmentCipher } from "./segment_tail.ts";

/** An archive that can be changed where it is, and made longer or shorter. */
export interface MendableSource extends WritableSource {
  /** Writes all of the bytes at the end. I/O errors reject. */
  append(bytes: Bytes): Promise<void>;
  /** Makes it shorter. */
  truncate(length: number): Promise<void>;
}

/** What may be done. */
export interface RepairOptions {
  /** Whether nothing is written. */
  readonly dryRun?: boolean;
  /** Whether bytes behind the archive that are not part of it are cut off. */
  readonly cutTrailing?: boolean;
  /** Where salts come from; the engine's generator unless given. */
  readonly random?: Random;
  /** Where the archive ends by its recovery record, for one whose header does not know. */
  readonly recordEnd?: number | undefined;
  /** Ends the work before anything is written. */
  readonly signal?: AbortSignal | undefined;
}

/** What is wrong, and what is done about it. */
export interface RepairFinding {
  /** What it is about. */
  readonly what: "header" | "locator" | "state" | "trailing bytes" | "content" | "recovery record";
  /** What is wrong: a sentence without its full stop. */
  readonly problem: string;
  /** How it is mended, or would be: `writing it anew`. Nothing when this cannot be mended, or was not asked for. */
  readonly action: string | undefined;
  /** What else could be done about it. */
  readonly hint?: string;
  /** Whether the archive ends too early, rather than being damaged. */
  readonly isCutOff?: true;
}

/** What the steps share. */
interface Repair {
  readonly target: MendableSource;
  readonly opened: OpenedHeader;
  readonly options: RepairOptions;
  readonly random: Random;
  /** The last segment that is known to be complete, once that is found out. */
  last: LastSegment | undefined;
  /** Whether what follows it is what an interrupted update left: that is cut off without being asked for. */
  torn: boolean;
  /** Whether the header names a locator that is bad and has to stay, so that it is to name a later one. */
  stale: boolean;
}

/** One kind of repair: what is wrong, and a function that mends it. */
interface RepairStep {
  readonly finding: RepairFinding;
  readonly mend?: () => Promise<void>;
}

/** The kinds of repair, in the order in which they are made. */
const STEPS: readonly ((repair: Repair) => Promise<RepairStep | undefined>)[] = [
  mendHeader,
  mendEnd,
  mendNext,
  cutTrailing,
];

/**
 * Looks for everything that can be mended and, unless this is a dry run, mends it. The header has been opened from this
 * very target, under its lock. Returns what was wrong; nothing when all was well.
 *
 * @throws {ArchiveError} `newer-version` when only a newer program may change the archive, or `malformed`. I/O errors
 * pass through.
 */
export async function repairArchive(
  target: MendableSource,
  opened: OpenedHeader,
  options: RepairOptions = {},
): Promise<readonly RepairFinding[]> {
  checkWritable(opened.copy.header);
  const { engine } = opened.keys;
  const random = options.random ?? ((length: number) => engine.randomBytes(length));
  const repair: Repair = { target, opened, options, random, last: undefined, torn: false, stale: false };
  const findings: RepairFinding[] = [];
  // What follows the header is spread over the file by a recovery layer, which mends it without this.
  const steps = recoveryPercent(opened.copy.header) > 0 ? [mendHeader, cutBehindRecord] : STEPS;
  for (const step of steps) {
    const found = await step(repair);
    if (found === undefined) continue;
    findings.push(found.finding);
    options.signal?.throwIfAborted();
    if (options.dryRun !== true) await found.mend?.();
  }
  return findings;
}

/** Writes a bad copy of the header anew, from the good one. */
// deno-lint-ignore require-await -- a step is asynchronous
async function mendHeader({ target, opened }: Repair): Promise<RepairStep | undefined> {
  const { keys, copy, badCopies } = opened;
  const { header } = copy;
  const [bad] = badCopies;
  if (bad === undefined) return undefined;
  // A copy that counts and whose checksum alone is bad is written anew too, but never both at once.
  const other = copy.name === "A" ? "B" : "A";
  const order = ([other, copy.name] as const).filter((name) => badCopies.includes(name));
  const mend = async () => {
    const headerKey = deriveHeaderKey(keys.engine, keys.archiveKey, keys.suite, keys.id);
    for (const name of order) {
      const at = name === "A" ? 0 : header.pages * HEADER_PAGE_BYTES;
      await target.write(at, encodeHeaderCopy(keys.engine, header, name, headerKey));
      await target.sync();
    }
  };
  const names = badCopies.join(" and ");
  return {
    finding: {
      what: "header",
      problem: `header copy ${names} is damaged or out of date`,
      action: `writing copy ${names} anew from the good one`,
    },
    mend,
  };
}

/** Finds the end of the last segment, and writes the locator there anew when it is bad. */
async function mendEnd(repair: Repair): Promise<RepairStep | undefined> {
  const { keys, copy } = repair.opened;
  const plain = openRecord(keys, "state", copy.header.state);
  if (plain === undefined) {
    throw new ArchiveError("malformed", "Cannot accept the header: its state does not authenticate");
  }
  const state = decodeState(plain);
  return state.kind === "known"
    ? await mendKnownEnd(repair, state.locator, state.locatorHash)
    : await mendStreamedEnd(repair);
}

/** The header says all that the locator did. */
async function mendKnownEnd(repair: Repair, locator: Locator, hash: Bytes): Promise<RepairStep | undefined> {
  const { target, opened, options } = repair;
  const { engine } = opened.keys;
  const end = opened.bodyOffset + locator.offset + locator.length;
  if (target.size < end - RECORD_BYTES) return cutOff(`it should be ${end - target.size} bytes longer`);
  const record = await target.read(end - RECORD_BYTES, RECORD_BYTES);
  repair.last = { locator, id: hash, end };
  const found = record.length < RECORD_BYTES ? undefined : openRecord(opened.keys, "locator", record);
  if (found === undefined) {
    if ((await nextFrames(target, opened, repair.last, options.signal)) === undefined) {
      return writeLocator(repair, locator, true);
    }
    // The keys of what follows hang on the bytes that were here.
    repair.stale = true;
    const problem = "the locator that the header names is damaged, and an update follows that hangs on it as it was";
    return { finding: { what: "locator", problem, action: undefined } };
  }
  if (!engine.equal(found, encodeLocator(locator))) {
    const problem = "the header and the locator that ends the archive disagree, and both are authentic";
    return { finding: { what: "locator", problem, action: undefined } };
  }
  if (engine.equal(engine.sha256(record), hash)) return undefined;
  // A repair was interrupted between the locator and the header.
  return {
    finding: {
      what: "state",
      problem: "the header names another locator than the one that ends the archive, and both say the same",
      action: "writing the header anew, with the locator's name",
    },
    mend: () => writeState(repair, locator, record),
  };
}

/** The header says nothing of the end, as the archive went through a pipe. */
async function mendStreamedEnd(repair: Repair): Promise<RepairStep | undefined> {
  const { target, opened } = repair;
  repair.last = await findLastLocator(target, opened);
  return repair.last === undefined ? await walk(repair) : undefined;
}

/** Walks the segment from its start to its end frame; what its locator said follows from that. */
async function walk(repair: Repair): Promise<RepairStep | undefined> {
  const { target, opened, options } = repair;
  const { bodyOffset, keys } = opened;
  const salt = (await target.read(bodyOffset, KEY_BYTES)).slice();
  if (salt.length < KEY_BYTES) return cutOff("nothing follows its header");
  const segment = { salt, number: 0, link: new Uint8Array(KEY_BYTES) };
  const cipher = segmentCipher(keys, segment);
  const start = bodyOffset + KEY_BYTES;
  const map = await findFrames(target, cipher, { start, end: target.size, signal: options.signal });
  if (map.end === undefined) {
    return map.gaps.length > 0 || map.places.length === 0
      ? damaged(`frames that should be there cannot be found, from byte ${map.gaps[0]?.start ?? start} on`)
      : cutOff("it ends within its data");
  }
  const locator = await locatorOf(target, opened, map, { segment, start: bodyOffset, snapshots: 1 });
  if (locator === undefined) {
    return damaged("its end is there, and its trailer or its index is not, or not in its place");
  }
  return writeLocator(repair, locator, false);
}

/** Writes a locator in its place and, where the header names it, the header. */
function writeLocator(repair: Repair, locator: Locator, isNamed: boolean): RepairStep {
  const { target, opened, random } = repair;
  const end = opened.bodyOffset + locator.offset + locator.length;
  const record = sealRecord(opened.keys, "locator", encodeLocator(locator), random(KEY_BYTES));
  repair.last = { locator, id: opened.keys.engine.sha256(record), end };
  const mend = async () => {
    if (target.size < end) {
      await target.truncate(end - RECORD_BYTES);
      await target.append(record);
    } else {
      await target.write(end - RECORD_BYTES, record);
    }
    await target.sync();
    if (isNamed) await writeState(repair, locator, record);
  };
  const missing = target.size < end ? "incomplete" : "damaged";
  return {
    finding: {
      what: "locator",
      problem: `the locator that ends the archive is ${missing}`,
      action: isNamed ? "writing it anew, and the header with its new name" : "writing it anew",
    },
    mend,
  };
}

async function writeState({ target, opened, random }: Repair, locator: Locator, record: Bytes): Promise<void> {
  const locatorHash = opened.keys.engine.sha256(record);
  const { number } = locator.segment;
  const { readFeatures } = opened.copy.header;
  const several = number > 0 && readFeatures % (2 * SEVERAL_SEGMENTS) < SEVERAL_SEGMENTS ? SEVERAL_SEGMENTS : 0;
  const change = { state: { kind: "known", locatorHash, locator } as const, readFeatures: readFeatures + several };
  await rewriteHeader(target, opened, change, random);
}

/**
 * A segment behind the last one that is known: an update that was interrupted. A complete one gets its locator, if that
 * is bad, and the header that names it.
 */
async function mendNext(repair: Repair): Promise<RepairStep | undefined> {
  const { target, opened, options, last } = repair;
  const next = last === undefined ? undefined : await nextFrames(target, opened, last, options.signal);
  if (last === undefined || next === undefined) return undefined;
  const { keys, bodyOffset } = opened;
  const { map, segment } = next;
  const start = last.end;
  if (map.end === undefined) {
    repair.torn = true;
    return undefined;
  }
  const locator = await locatorOf(target, opened, map, { segment, start, snapshots: last.locator.snapshots + 1 });
  if (locator === undefined) {
    repair.last = undefined;
    return damaged(`an update stands behind byte ${start} whose end is there, and parts of which are not`);
  }
  const end = bodyOffset + locator.offset + locator.length;
  const record = await target.read(end - RECORD_BYTES, RECORD_BYTES);
  // Complete, and only the header does not know of it yet: every reader takes it, and the next update names it.
  if (record.length === RECORD_BYTES && openRecord(keys, "locator", record) !== undefined) {
    repair.last = { locator, id: keys.engine.sha256(record), end };
    if (!repair.stale) return undefined;
    return {
      finding: {
        what: "state",
        problem: "the header does not name the last snapshot",
        action: "writing the header anew, with the last locator's name",
      },
      mend: () => writeState(repair, locator, record),
    };
  }
  return writeLocator(repair, locator, true);
}

/** Cuts off what an interrupted update left, and anything else that follows the archive when that is asked for. */
async function cutTrailing(repair: Repair): Promise<RepairStep | undefined> {
  return repair.last === undefined ? undefined : await cutAt(repair, repair.last.end);
}

// deno-lint-ignore require-await -- a step is asynchronous
async function cutAt({ target, torn, options }: Repair, end: number): Promise<RepairStep | undefined> {
  if (target.size <= end) return undefined;
  const bytes = target.size - end;
  const what = "trailing bytes";
  const problem = torn
    ? `${bytes} bytes follow the last snapshot: an update was interrupted before its end was written`
    : `${bytes} bytes follow the archive that do not belong to it`;
  if (!torn && options.cutTrailing !== true) {
    return { finding: { what, problem, action: undefined, hint: "--cut-trailing cuts them off" } };
  }
  const mend = async () => {
    await target.truncate(end);
    await target.sync();
  };
  return { finding: { what, problem, action: `cutting them off, so that the archive ends at byte ${end}` }, mend };
}

/**
 * As the steps above, of an archive with a recovery layer: what follows its newest segment is all that is left to do.
 */
async function cutBehindRecord(repair: Repair): Promise<RepairStep | undefined> {
  const { target, opened, options } = repair;
  const state = openState(opened);
  if (state.kind === "streamed") {
    return options.recordEnd === undefined ? undefined : await cutAt(repair, options.recordEnd);
  }
  const body = openBody(target, opened);
  try {
    const { locator, tail } = await findSegment(body, opened);
    const end = opened.bodyOffset + (physicalPlace(body, locator)?.end ?? 0);
    repair.torn = tail > 0;
    return await cutAt(repair, end);
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    const { end = 0 } = physicalPlace(body, state.locator) ?? {};
    // A dry run has not mended what would be mended.
    if (options.dryRun === true && error.code !== "trailing-data") return undefined;
    if (error.code === "trailing-data") return await cutAt(repair, opened.bodyOffset + end);
    return error.code === "truncated"
      ? cutOff(`it should end at byte ${opened.bodyOffset + end}`)
      : damaged(error.message);
  }
}

function cutOff(why: string): RepairStep {
  const hint = "coffer salvage takes out what is there";
  const problem = `the archive is cut off: ${why}`;
  return { finding: { what: "content", problem, action: undefined, hint, isCutOff: true } };
}

function damaged(problem: string): RepairStep {
  const hint = "coffer salvage takes out what is intact";
  return { finding: { what: "content", problem, action: undefined, hint } };
}
