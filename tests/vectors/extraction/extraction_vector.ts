/**
 * Hostile archives and what extracting each may leave behind, one JSON file each in this folder:
 *
 *     about        what is hostile about the archive
 *     like         CVE numbers of other programs that such an archive, in their format, got the better of
 *     archiveKey   what opens it, in hex
 *     archive      its bytes: gzip in Base64
 *     length       their number
 *     sha256       their SHA-256 in hex
 *     before       what is in the target already, by path; `null` when there is no target
 *     fileSystem   `exact`, or `folding`: one where names that differ in case or normalisation are the same
 *     seek         what extracting it with random access gives; `outcome` is a failure class of FORMAT.md or `none`, and
 *                  `refused` are the entries that were not restored, each with a kind of reason
 *     stream       what extracting it from a pipe gives, likewise
 *     left         all that may be in the target afterwards, by path; `null` when there must be no target. When the
 *                  outcome is `none` all of it must be there, otherwise nothing else may
 *     onWindows    parts of names that Windows would take for something else; none of them may be made there
 *     attacker     somebody who may write to the target swaps the folder of this path for a symlink to `../outside` and
 *                  back while extraction runs; only what is outside, and nothing of the target, is to be compared then
 *
 * Beside the target lies a folder `outside` with the file `precious` and the folder `folder` in it. Nothing in it may
 * be read, changed, linked to or added. Nothing else may appear beside the target.
 *
 * An entry is `{ "file": TEXT, "mode": OCTAL }`, `{ "directory": OCTAL }`, `{ "link": TARGET }` or `{ "fifo": OCTAL }`;
 * files with the same `is` are one file. A mode is null where nothing in the archive says one.
 */
import type { ArchiveErrorCode } from "../../../src/format/errors.ts";
import type { RestoreProblemKind } from "../../../src/disk/refusal.ts";
import type { Part } from "../vector_file.ts";

/** An entry in a target. */
export type Left =
  | { readonly file: string; readonly mode: string; readonly is?: string }
  | { readonly directory: string | null }
  | { readonly link: string }
  | { readonly fifo: string };

/** Entries by path. */
export type LeftTree = Readonly<Record<string, Left>>;

/** What one way of extracting gives. */
export interface ExtractionOutcome {
  readonly outcome: ArchiveErrorCode | "none";
  readonly refused: readonly (readonly [path: string, kind: RestoreProblemKind])[];
}

/** A vector's file. */
export interface ExtractionVector {
  readonly about: string;
  readonly like: readonly string[];
  readonly archiveKey: string;
  readonly archive: readonly Part[];
  readonly length: number;
  readonly sha256: string;
  readonly before: LeftTree | null;
  readonly fileSystem: "exact" | "folding";
  readonly seek: ExtractionOutcome;
  readonly stream: ExtractionOutcome;
  readonly left: LeftTree | null;
  readonly onWindows: readonly string[];
  readonly attacker: string | null;
}

const FOLDER = new URL("./", import.meta.url);

/** Where a vector's file is. */
export function extractionVectorUrl(name: string): URL {
  return new URL(`${name}.json`, FOLDER);
}

/** The names of all vectors, sorted. */
export function extractionVectorNames(): string[] {
  const files = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).filter((name) => name.endsWith(".json"));
  return files.map((name) => name.slice(0, -".json".length)).sort();
}

/** Reads a vector's file. */
export function readExtractionVector(name: string): ExtractionVector {
  return JSON.parse(Deno.readTextFileSync(extractionVectorUrl(name)));
}
