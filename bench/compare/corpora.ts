/**
 * The four corpora of the comparison, made once and kept in a cache folder:
 *
 * - `small`: packages from npm, of fixed versions: tens of thousands of source files, and a few symlinks
 * - `mixed`: about 1 GB of this system's programs, libraries and documents; they differ from machine to machine
 * - `text`: one file of 1 GiB, generated (`bench/text.ts`): words and phrases by Zipf's law, no long repetition
 * - `random`: one file of 1 GiB that does not compress, generated
 */
import { dirname, join } from "@std/path";
import { randomChunks, smallFiles, textChunks } from "../corpora.ts";
import { prepare } from "./shell.ts";

/** Names of the corpora, which are their folders' names too. */
export const CORPUS_NAMES = ["small", "mixed", "text", "random"] as const;

/** One of them. */
export type CorpusName = typeof CORPUS_NAMES[number];

/** A corpus on disk. */
export interface Corpus {
  readonly name: CorpusName;
  /** Where it lies: what is in this folder is stored. */
  readonly folder: string;
  /** Regular files in it. */
  readonly files: number;
  /** Everything in it: files, folders, symlinks. */
  readonly entries: number;
  /** Bytes in its files. */
  readonly bytes: number;
  /** Path in it of the file that is read alone: the middle one in path order. */
  readonly sample: string;
}

/** How large they are. */
export interface CorpusSizes {
  /** Generated files that stand in for the npm packages; `undefined` installs those. */
  readonly smallFiles: number | undefined;
  readonly mixedBytes: number;
  readonly textBytes: number;
  readonly randomBytes: number;
}

/** The sizes that results are kept for. */
export const FULL: CorpusSizes = { smallFiles: undefined, mixedBytes: 1e9, textBytes: 2 ** 30, randomBytes: 2 ** 30 };

/** Enough to see that everything works. */
export const QUICK: CorpusSizes = { smallFiles: 400, mixedBytes: 6e6, textBytes: 2 ** 22, randomBytes: 2 ** 22 };

/** Exact versions, so that every machine installs the same files. */
const PACKAGES = [
  "@mui/icons-material@9.5.0",
  "@types/node@26.6.6",
  "antd@6.6.8",
  "core-js@3.51.0",
  "date-fns@4.4.0",
  "lodash@4.18.1",
  "lodash-es@4.18.1",
  "rxjs@7.8.2",
];

/** Where the mixed files come from, and which share of them. */
const SYSTEM_FOLDERS = [["/usr/bin", 0.2], ["/usr/share", 0.3], ["/usr/lib", 0.5]] as const;
/** One huge library would be a corpus of its own. */
const LARGEST_SYSTEM_FILE = 64e6;
/** Written when a corpus is complete, beside it. */
const STAMP = ".complete.json";

/** Makes a corpus in the cache, or finds it there. */
export async function findOrMake(name: CorpusName, cache: string, sizes: CorpusSizes): Promise<Corpus> {
  const folder = join(cache, name);
  const stamp = join(cache, `${name}${STAMP}`);
  const wanted = JSON.stringify(sizes);
  try {
    const { made, corpus } = JSON.parse(await Deno.readTextFile(stamp));
    if (made === wanted) return { ...corpus, folder };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await Deno.remove(stamp).catch(() => {});
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  await MAKERS[name](folder, sizes);
  const corpus = survey(name, folder);
  await Deno.writeTextFile(stamp, JSON.stringify({ made: wanted, corpus: { ...corpus, folder: undefined } }));
  return corpus;
}

const MAKERS: Record<CorpusName, (folder: string, sizes: CorpusSizes) => Promise<void>> = {
  small: async (folder, { smallFiles }) => {
    if (smallFiles !== undefined) return makeSmall(folder, smallFiles);
    await Deno.writeTextFile(join(folder, "package.json"), '{ "name": "corpus", "version": "1.0.0" }\n');
    const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--save-exact"];
    await prepare(["npm", "install", ...options, ...PACKAGES], { cwd: folder });
  },
  mixed: (folder, { mixedBytes }) => Promise.resolve(copySystemFiles(folder, mixedBytes)),
  text: (folder, { textBytes }) => write(join(folder, "text.log"), textChunks(textBytes)),
  random: (folder, { randomBytes }) => write(join(folder, "random.bin"), randomChunks(randomBytes)),
};

async function write(path: string, chunks: Iterable<Uint8Array<ArrayBuffer>>): Promise<void> {
  await Deno.writeFile(path, ReadableStream.from(chunks));
}

function makeSmall(folder: string, count: number): void {
  for (const file of smallFiles(count)) {
    const path = join(folder, file.path);
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeFileSync(path, file.bytes);
  }
}

/** Copies this system's regular files, in path order, until each folder has given its share. */
export function copySystemFiles(folder: string, bytes: number): void {
  for (const [source, share] of SYSTEM_FOLDERS) {
    let left = bytes * share;
    for (const path of walkFiles(source)) {
      if (left <= 0) break;
      try {
        const { size, nlink } = Deno.lstatSync(path);
        if (size > Math.min(LARGEST_SYSTEM_FILE, left) || (nlink ?? 1) > 1) continue;
        const target = join(folder, path);
        Deno.mkdirSync(dirname(target), { recursive: true });
        Deno.copyFileSync(path, target);
        left -= size;
      } catch {
        // It cannot be read, or went away.
      }
    }
  }
}

function* walkFiles(folder: string): Generator<string> {
  let entries: Deno.DirEntry[];
  try {
    entries = [...Deno.readDirSync(folder)];
  } catch {
    return;
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, isFile, isDirectory } of entries) {
    // Names that are not UTF-8 cannot be opened by the runtime.
    if (name.includes("\ufffd")) continue;
    if (isFile) yield join(folder, name);
    else if (isDirectory) yield* walkFiles(join(folder, name));
  }
}

/** Looks through a folder and says what is in it. */
export function survey(name: CorpusName, folder: string): Corpus {
  const { files, entries, bytes } = count(folder);
  const paths = [...walkFiles(folder)].map((path) => path.slice(folder.length + 1));
  return { name, folder, files, entries, bytes, sample: paths[Math.floor(paths.length / 2)] ?? "" };
}

/** Counts what is under a folder. */
export function count(folder: string): { readonly files: number; readonly entries: number; readonly bytes: number } {
  let files = 0;
  let entries = 0;
  let bytes = 0;
  const visit = (path: string) => {
    for (const { name, isFile, isDirectory } of Deno.readDirSync(path)) {
      entries++;
      if (isDirectory) visit(`${path}/${name}`);
      else if (isFile) {
        files++;
        bytes += Deno.lstatSync(`${path}/${name}`).size;
      }
    }
  };
  visit(folder);
  return { files, entries, bytes };
}
