/**
 * The trees that whole runs are measured on, generated, so that everyone measures the same bytes: many small files,
 * one large file that compresses, and one that does not.
 *
 *     deno run -A bench/corpora.ts                       all of them, in a temporary folder
 *     deno run -A bench/corpora.ts --dir D --scale 0.1   a tenth of them, in D
 *
 * Running this file keeps what it makes; `bench/throughput.ts` removes its own unless told to keep it.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import { parseOptions } from "./options.ts";
import { Random } from "./random.ts";
import { makeWord, TextWriter } from "./text.ts";

/** Goes up when equal scales give other bytes than before: figures across versions cannot be compared. */
export const CORPORA_VERSION = 1;

/** Names of the corpora, which are their folders' names too. */
export type CorpusName = "small" | "text" | "random";

/** A corpus on disk. */
export interface Corpus {
  /** Its name. */
  readonly name: CorpusName;
  /** What is in it, in a few words. */
  readonly description: string;
  /** Its folder. */
  readonly folder: string;
  /** Files in it; folders are not counted. */
  readonly files: number;
  /** Bytes in all of them. */
  readonly bytes: number;
  /** Path in it of the file that is read alone: one from the middle. */
  readonly sample: string;
}

/** Corpora of one scale. */
export interface CorporaOptions {
  /** 1 gives the sizes that results are kept for. */
  readonly scale: number;
  /** Ends the work early. */
  readonly signal?: AbortSignal;
}

const SMALL_FILES = 40_000;
const LARGE_BYTES = 512 * 2 ** 20;
const CHUNK_BYTES = 2 ** 20;

const MIN_SMALL_BYTES = 200;
const MAX_SMALL_BYTES = 20_000;
const FILES_PER_FOLDER = 10;
const FOLDERS_PER_FOLDER = 6;
const EXTENSIONS = ["ts", "ts", "ts", "js", "json", "md", "css", "yaml"];
/** 2025-06-01, in milliseconds since 1970; files are up to three years older. */
const NEWEST_MS = 1_748_736_000_000;
const OLDEST_AGE_MS = 3 * 365 * 86_400_000;

/**
 * Bytes that the corpora of a scale need, with room for an archive and an extracted tree of the largest; files take
 * whole pages.
 */
export function largestNeed(scale: number): number {
  return scale * (4 * LARGE_BYTES + SMALL_FILES * MAX_SMALL_BYTES) + 2 ** 28;
}

/** The file that says what a folder of corpora holds. */
const STAMP = "corpora.json";

/** One of many small files. */
export interface SmallFile {
  /** Path in the corpus, with forward slashes. */
  readonly path: string;
  /** Its content; good until the next file is asked for. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Time of last modification, in milliseconds since 1970. */
  readonly modifiedMs: number;
}

/**
 * Small files in a nested tree: ten to a folder, with sizes whose logarithms are evenly spread, as they roughly are in
 * source trees. A folder comes before the folders in it.
 */
export function* smallFiles(count: number): Generator<SmallFile> {
  const random = new Random(1);
  const text = new TextWriter(2);
  const buffer = new Uint8Array(MAX_SMALL_BYTES);
  const folders: string[] = [];
  for (let i = 0; i < count; i++) {
    const folder = Math.floor(i / FILES_PER_FOLDER);
    if (folder === folders.length) folders.push(folderPath(folder, folders, random));
    const extension = EXTENSIONS[random.below(EXTENSIONS.length)] as string;
    const path = `${folders[folder]}${makeWord(random)}_${i % FILES_PER_FOLDER}.${extension}`;
    const exponent = random.below(10_001) / 10_000;
    const size = Math.round(MIN_SMALL_BYTES * (MAX_SMALL_BYTES / MIN_SMALL_BYTES) ** exponent);
    const bytes = buffer.subarray(0, size);
    text.fill(bytes);
    yield { path, bytes, modifiedMs: NEWEST_MS - random.below(OLDEST_AGE_MS) };
  }
}

/** The path of folder number `folder`, its slash included; they are numbered level by level. */
function folderPath(folder: number, folders: readonly string[], random: Random): string {
  if (folder === 0) return "";
  const parent = folders[Math.floor((folder - 1) / FOLDERS_PER_FOLDER)] as string;
  return `${parent}${makeWord(random)}${folder % FOLDERS_PER_FOLDER}/`;
}

/** Text that compresses to about a quarter, in pieces that stay as they are. */
export function* textChunks(length: number): Generator<Uint8Array<ArrayBuffer>> {
  const text = new TextWriter(3);
  for (const chunk of emptyChunks(length)) {
    text.fill(chunk);
    yield chunk;
  }
}

/** Bytes that do not compress at all, in pieces that stay as they are. */
export function* randomChunks(length: number): Generator<Uint8Array<ArrayBuffer>> {
  const random = new Random(4);
  for (const chunk of emptyChunks(length)) {
    random.fill(chunk);
    yield chunk;
  }
}

function* emptyChunks(length: number): Generator<Uint8Array<ArrayBuffer>> {
  for (let left = length; left > 0; left -= CHUNK_BYTES) yield new Uint8Array(Math.min(left, CHUNK_BYTES));
}

/**
 * Makes the corpora of a scale in `folder`, or finds them there.
 *
 * @throws {Error} when the folder holds something else.
 */
export async function makeCorpora(folder: string, options: CorporaOptions): Promise<readonly Corpus[]> {
  const stamp = { version: CORPORA_VERSION, scale: options.scale };
  await Deno.mkdir(folder, { recursive: true });
  const found = await readStamp(folder);
  if (found !== undefined) {
    if (found.version === stamp.version && found.scale === stamp.scale) {
      return found.corpora.map((corpus) => ({ ...corpus, folder: join(folder, corpus.name) }));
    }
    throw new Error(
      `Cannot use "${folder}": its corpora are of version ${found.version} and scale ${found.scale}, ` +
        `not ${stamp.version} and ${stamp.scale}`,
    );
  }
  for await (const _ of Deno.readDir(folder)) {
    throw new Error(`Cannot make corpora in "${folder}": it is not empty`);
  }
  const large = Math.ceil(LARGE_BYTES * options.scale / 4) * 4;
  const corpora = [
    await makeSmall(folder, Math.ceil(SMALL_FILES * options.scale), options.signal),
    await makeLarge(folder, "text", "one file of text", "text.log", large, textChunks(large), options.signal),
    await makeLarge(
      folder,
      "random",
      "one file of random bytes",
      "random.bin",
      large,
      randomChunks(large),
      options.signal,
    ),
  ];
  const contents: Stamp = { ...stamp, corpora: corpora.map(({ folder: _, ...corpus }) => corpus) };
  await Deno.writeTextFile(join(folder, STAMP), `${JSON.stringify(contents, undefined, 2)}\n`);
  return corpora;
}

interface Stamp {
  readonly version: number;
  readonly scale: number;
  /** Without their folders, so that the whole can be moved. */
  readonly corpora: readonly Omit<Corpus, "folder">[];
}

async function readStamp(folder: string): Promise<Stamp | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(join(folder, STAMP)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function makeSmall(parent: string, count: number, signal?: AbortSignal): Promise<Corpus> {
  const folder = join(parent, "small");
  let files = 0;
  let bytes = 0;
  let sample = "";
  let lastFolder = "";
  for (const file of smallFiles(count)) {
    const location = join(folder, file.path);
    const inside = dirname(location);
    if (inside !== lastFolder) Deno.mkdirSync(lastFolder = inside, { recursive: true });
    Deno.writeFileSync(location, file.bytes);
    Deno.utimeSync(location, new Date(file.modifiedMs), new Date(file.modifiedMs));
    if (files === Math.floor(count / 2)) sample = file.path;
    files++;
    bytes += file.bytes.length;
    if (files % 1000 === 0) await checkAborted(signal);
  }
  return { name: "small", description: "many files of source-like text", folder, files, bytes, sample };
}

async function makeLarge(
  parent: string,
  name: CorpusName,
  description: string,
  sample: string,
  bytes: number,
  chunks: Iterable<Uint8Array<ArrayBuffer>>,
  signal?: AbortSignal,
): Promise<Corpus> {
  const folder = join(parent, name);
  await Deno.mkdir(folder);
  const options = signal === undefined ? {} : { signal };
  await Deno.writeFile(join(folder, sample), ReadableStream.from(chunks), options);
  await Deno.utime(join(folder, sample), new Date(NEWEST_MS), new Date(NEWEST_MS));
  return { name, description, folder, files: 1, bytes, sample };
}

/** Gives the event loop a turn, in which a signal may be heard. */
async function checkAborted(signal?: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  signal?.throwIfAborted();
}

if (import.meta.main) {
  const { dir, scale } = parseOptions(Deno.args, ["dir", "scale"]);
  const folder = dir ?? await Deno.makeTempDir({ prefix: "coffer-corpora-" });
  for (const corpus of await makeCorpora(folder, { scale })) {
    console.log(`${corpus.folder}: ${corpus.description}; files: ${corpus.files}, bytes: ${corpus.bytes}`);
  }
}
