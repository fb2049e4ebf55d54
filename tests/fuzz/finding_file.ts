/**
 * Inputs that broke a rule, as JSON files: `about` says which, and the rest is all that is needed to try it again, even
 * when the fuzzer has changed meanwhile. Those in `findings/` are tried by the tests.
 *
 *     about    what happened
 *     target   `archive`, `grown` for one of several segments, or the name of a decoder
 *     keys     which of the fuzzer's keys open the archive
 *     input    the archive or the decoder's input: gzip in Base64
 *     recipe   what it was made from, for archives
 */
import type { Bytes } from "../../src/engine/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { archiveOf, gzip } from "../vectors/vector_file.ts";
import { ALL_CHECKS, type ArchiveRecipe, type BuiltArchive, checkArchive } from "./archive_target.ts";
import { KDF_LIMITS, KEYS } from "./base_drafts.ts";
import { CODEC_TARGETS, type CodecTarget } from "./codec_targets.ts";
import type { ExtractionGround } from "./extraction_check.ts";
import { checkGrown, type GrownRecipe } from "./grown_target.ts";

/** A file's content. */
export interface FindingFile {
  readonly about: string;
  readonly target: string;
  readonly keys?: number;
  readonly input: string;
  readonly recipe?: ArchiveRecipe | GrownRecipe;
}

/** What was being tried. */
export type Trial =
  | { readonly target: "archive"; readonly recipe: ArchiveRecipe; readonly bytes: Bytes }
  | { readonly target: "grown"; readonly recipe: GrownRecipe; readonly bytes: Bytes }
  | { readonly target: "codec"; readonly name: string; readonly bytes: Bytes };

/** Writes an input down; returns the file's path. */
export async function writeFinding(folder: string, trial: Trial, about: string): Promise<string> {
  Deno.mkdirSync(folder, { recursive: true });
  const input = await gzip(trial.bytes);
  const file: FindingFile = trial.target === "codec"
    ? { about, target: trial.name, input }
    : trial.target === "grown"
    ? { about, target: "grown", input, recipe: trial.recipe }
    : { about, target: "archive", keys: trial.recipe.keys, input, recipe: trial.recipe };
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(trial.bytes))).toHex().slice(0, 12);
  const path = `${folder}/${file.target.replaceAll(" ", "_")}_${hash}.json`;
  Deno.writeTextFileSync(path, JSON.stringify(file, undefined, 2) + "\n");
  return path;
}

/** Tries an input again, with every check. What is wrong is thrown. */
export async function tryFinding(file: FindingFile, ground: ExtractionGround): Promise<void> {
  const bytes = await archiveOf({ archive: [{ gzip: file.input }] });
  if (file.target === "grown") {
    await checkGrown(bytes);
    return;
  }
  if (file.target !== "archive") {
    const codec = CODEC_TARGETS.find(({ name }) => name === file.target);
    if (codec === undefined) throw new RangeError(`Cannot try "${file.target}": there is no such decoder`);
    runCodec(codec, bytes);
    return;
  }
  const built: BuiltArchive = { bytes, options: { keys: KEYS[file.keys ?? 0] ?? [], kdfLimits: KDF_LIMITS } };
  await checkArchive(built, ALL_CHECKS);
  await ground.check(built);
}

/** Feeds a decoder; returns a sign of what it said. What it must not throw passes through. */
export function runCodec({ name, run, throws = [] }: CodecTarget, bytes: Bytes): string {
  try {
    run(bytes);
    return `${name}: taken`;
  } catch (error) {
    if (error instanceof ArchiveError) return `${name}: ${error.code} ${withoutNumbers(error.message)}`;
    if (throws.some((kind) => error instanceof kind)) return `${name}: ${withoutNumbers((error as Error).message)}`;
    throw error;
  }
}

function withoutNumbers(message: string): string {
  // What was typed stands between quotes that it may hold itself.
  return message.replace(/".*"/gs, '""').replace(/[0-9]+/g, "0").slice(0, 120);
}
