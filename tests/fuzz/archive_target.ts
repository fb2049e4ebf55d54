/**
 * An input as a short list of numbers, the archive that follows from it, and what every reader owes whatever the
 * archive is: an `ArchiveError` or a result, the same result in every way of reading, in bounded time and memory.
 */
import { createHash } from "node:crypto";
import type { Bytes, Engine } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { portableEngine } from "../../src/engine/portable/engine.ts";
import type { OpenOptions } from "../../src/archive/archive.ts";
import { openSalvage } from "../../src/archive/salvage_open.ts";
import { SeveralSnapshotsError, SharedContentError } from "../../src/archive/stream_reader.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { ByteWriter } from "../../src/format/bytes.ts";
import { encodeCanonicalRow } from "../../src/format/rows.ts";
import { sealDraft } from "../archive/archive_draft.ts";
import { codeOf, type Piece, readBySeeking, readByStream, type ReadEntry, type Reading } from "../archive/reading.ts";
import { atRandomSplits, CountedSource } from "../archive/sources.ts";
import { BASE_COUNT, baseDraft, KDF_LIMITS, KEYS } from "./base_drafts.ts";
import type { Chance } from "./chance.ts";
import { mutate, type Plan } from "./draft_mutations.ts";

/** What an archive is made from. */
export interface ArchiveRecipe {
  readonly target: "archive";
  /** Which honest archive it begins with. */
  readonly base: number;
  /** Which keys open it. */
  readonly keys: number;
  /** Its changes, one number each. */
  readonly genes: readonly number[];
}

/** A rule that was broken. */
export class Finding extends Error {
  override readonly name = "Finding";
}

/** A recipe at random. */
export function randomRecipe(chance: Chance): ArchiveRecipe {
  const genes = Array.from({ length: 1 + chance.below(chance.oneIn(3) ? 5 : 2) }, () => chance.u32());
  return { target: "archive", base: chance.below(BASE_COUNT), keys: chance.below(KEYS.length), genes };
}

/** A recipe that is much like one that reached something new. */
export function nearRecipe(recipe: ArchiveRecipe, chance: Chance): ArchiveRecipe {
  const genes = [...recipe.genes];
  if (genes.length > 1 && chance.oneIn(3)) genes.splice(chance.below(genes.length), 1);
  if (genes.length < 8) genes.splice(chance.below(genes.length + 1), 0, chance.u32());
  return { ...recipe, genes, ...(chance.oneIn(8) ? { base: chance.below(BASE_COUNT) } : {}) };
}

/** An archive that was made, and what opens it. */
export interface BuiltArchive {
  readonly bytes: Bytes;
  readonly options: Omit<OpenOptions, "onWarning">;
}

/** Makes an archive; `undefined` when the changes ask for what cannot be written down at all, such as a size of -1. */
export function buildArchive({ base, keys, genes }: ArchiveRecipe): BuiltArchive | undefined {
  const plan: Plan = { draft: baseDraft(base), after: [] };
  let bytes: Bytes;
  try {
    for (const gene of genes) mutate(plan, gene);
    bytes = sealDraft(plan.draft).bytes;
  } catch {
    return undefined;
  }
  for (const change of plan.after) bytes = change(bytes);
  return { bytes, options: { keys: KEYS[keys % KEYS.length] ?? [], kdfLimits: KDF_LIMITS } };
}

/** A reading as the fuzzer compares it: code, warnings, and a hash of rows, places and contents. */
export interface Told {
  readonly code: string;
  readonly message: string;
  readonly warnings: number;
  readonly digest: string;
  readonly entries: readonly ReadEntry[];
}

/** Pieces that touch are one: how blocks were cut is not part of a file. */
function* mergedPieces(pieces: readonly Piece[]): Generator<readonly [offset: number, parts: Bytes[]]> {
  let start = 0;
  let end = -1;
  let parts: Bytes[] = [];
  for (const { fileOffset, bytes } of pieces) {
    if (fileOffset !== end) {
      if (parts.length > 0) yield [start, parts];
      [start, parts] = [fileOffset, []];
    }
    parts.push(bytes);
    end = fileOffset + bytes.length;
  }
  if (parts.length > 0) yield [start, parts];
}

function digestOf(entries: readonly ReadEntry[]): string {
  const hash = createHash("sha256");
  const scratch = new ByteWriter();
  for (const { row, pieces } of entries) {
    scratch.reset();
    encodeCanonicalRow(row, scratch);
    hash.update(scratch.view());
    for (const [offset, parts] of mergedPieces(pieces)) {
      hash.update(`${offset}:${parts.reduce((sum, part) => sum + part.length, 0)}:`);
      for (const part of parts) hash.update(part);
    }
  }
  return hash.digest("hex");
}

function told(reading: Reading): Told {
  const { error, warnings, entries } = reading;
  const digest = error === undefined ? digestOf(entries) : "";
  return { code: codeOf(reading), message: error?.message ?? "", warnings: warnings.length, digest, entries };
}

/** What is said of an archive that is whole and cannot be restored in one pass. */
const SHARED = "shared content";

/** Reads from front to back; that an archive says it has more than one pass can read is an answer like others. */
async function streamed(
  engine: Engine,
  pieces: Iterable<Bytes>,
  options: BuiltArchive["options"],
  width?: number,
): Promise<Told> {
  // Perhaps they are read twice.
  const all = [...pieces];
  try {
    return told(await readByStream(engine, all, options, width));
  } catch (error) {
    if (error instanceof SharedContentError) {
      // It can be checked all the same; what comes out of blocks is not all of the files.
      const checked = told(await readByStream(engine, all, { ...options, segments: "all" }, width));
      return checked.code === "none" ? { ...checked, code: SHARED, digest: "", entries: [] } : checked;
    }
    if (!(error instanceof SeveralSnapshotsError)) throw error;
    return { code: "several snapshots", message: error.message, warnings: 0, digest: "", entries: [] };
  }
}

function same(what: string, a: Told, b: Told): void {
  if (a.code !== b.code || a.warnings !== b.warnings || a.digest !== b.digest) {
    throw new Finding(
      `${what}: "${a.code}" with ${a.warnings} warnings (${a.message || a.digest}), and "${b.code}" with ` +
        `${b.warnings} (${b.message || b.digest})`,
    );
  }
}

/** Takes everything out that salvage gives, and says what came out whole. */
async function salvageAll(
  engine: Engine,
  { bytes, options }: BuiltArchive,
): Promise<ReadonlyMap<string, boolean> | ArchiveError> {
  const whole = new Map<string, boolean>();
  try {
    const salvage = await openSalvage(engine, new CountedSource(bytes), options);
    for await (const event of salvage.events()) {
      if (event.kind === "file") whole.set(event.row.path, event.lost.length === 0 && !event.isRowLost);
      if (event.kind === "lost") whole.set(event.row.path, false);
      if (event.kind === "bare" && !whole.has(event.row.path)) whole.set(event.row.path, true);
      if (event.kind === "link" || event.kind === "folder") whole.set(event.row.path, true);
      if (event.kind === "withdrawn") whole.delete(event.row.path);
    }
    const { damage } = salvage.summary();
    for (const { start, end } of damage) {
      if (!(start >= 0 && start < end && end <= bytes.length)) throw new Finding(`Damage from ${start} to ${end}`);
    }
  } catch (error) {
    if (error instanceof ArchiveError) return error;
    throw error;
  }
  return whole;
}

/** Which of the costlier checks are made. */
export interface Checks {
  readonly salvage: boolean;
  readonly otherEngine: boolean;
  readonly splits: boolean;
}

/** All checks, for inputs that are looked at once. */
export const ALL_CHECKS: Checks = { salvage: true, otherEngine: true, splits: true };

/**
 * Reads an archive in every way asked for. Returns what was seen, as signs that tell one kind of outcome from another.
 *
 * @throws {Finding} when two ways disagree that must not; what a reader throws besides `ArchiveError` passes through.
 */
export async function checkArchive(built: BuiltArchive, checks: Checks): Promise<readonly string[]> {
  const { bytes, options } = built;
  const stream = await streamed(nativeEngine, [bytes], options);
  const seek = told(await readBySeeking(nativeEngine, new CountedSource(bytes), options));
  const signs = [`stream ${signOf(stream)}`, `seek ${signOf(seek)}`];
  // Reading the whole is stricter: what it takes, random access takes too and gives the same.
  if (stream.code === "none") same("By stream and by seeking", stream, seek);
  if (stream.code === SHARED && seek.code !== "none") {
    throw new Finding(`What is whole by stream is ${seek.code} by seeking: ${seek.message}`);
  }
  const whole = stream.code === SHARED ? seek : stream;
  if (checks.splits) {
    const split = await streamed(nativeEngine, atRandomSplits(bytes, bytes.length), options, 3);
    same("As a whole and in pieces", stream, split);
  }
  if (checks.otherEngine) {
    const portable = await streamed(portableEngine, [bytes], options);
    same("By the native and the portable engine", stream, portable);
  }
  if (checks.salvage) {
    const salvaged = await salvageAll(nativeEngine, built);
    if (salvaged instanceof ArchiveError) {
      signs.push(`salvage ${salvaged.code} ${plain(salvaged.message)}`);
      if (whole.code === "none") throw new Finding(`Salvage refuses an archive that is whole: ${salvaged.message}`);
    } else if (whole.code === "none") {
      for (const { row } of whole.entries) {
        if (salvaged.get(row.path) !== true) {
          throw new Finding(`Salvage does not give ${JSON.stringify(row.path)} whole`);
        }
      }
      if (salvaged.size !== new Set(whole.entries.map(({ row }) => row.path)).size) {
        throw new Finding("Salvage gives what the archive does not have");
      }
    } else signs.push(`salvage after ${whole.code}`);
  }
  return signs;
}

function signOf({ code, message, warnings, entries }: Told): string {
  return code === "none" ? `none ${warnings} ${Math.min(4, entries.length)}` : `${code} ${plain(message)}`;
}

/** A message without its numbers and names. */
export function plain(message: string): string {
  return message.replace(/"(?:[^"\\]|\\.)*"/g, '""').replace(/[0-9]+/g, "0");
}
