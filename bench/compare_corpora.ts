/**
 * What the comparison is made on: source files as they are installed, a system's files, text, and random bytes. They
 * are made once, in a folder that is kept.
 */
import { dirname, join } from "@std/path";
import { randomChunks, textChunks } from "./corpora.ts";

/** A tree to archive. */
export interface ComparedCorpus {
  readonly name: "tiny" | "small" | "mixed" | "text" | "random";
  readonly description: string;
  /** The folder that has it, under its name. */
  readonly parent: string;
  /** Regular files in it. */
  readonly files: number;
  /** Bytes in all of them. */
  readonly bytes: number;
  /** Path below `parent` of the file that is read alone. */
  readonly one: string;
}

/** Packages with many small files: 84,000 of them together. */
const PACKAGES = [
  "@mui/icons-material@9.5.0",
  "@types/node@26.6.6",
  "antd@6.6.8",
  "core-js@3.51.0",
  "date-fns@4.4.0",
  "lodash@4.18.1",
  "lodash-es@4.18.1",
  "rxjs@7.8.2",
  "typescript@7.0.2",
];
/** Where a system keeps programs, libraries and what they read. */
const SYSTEM_FOLDERS = ["/usr/bin", "/usr/lib", "/usr/share"];
const LARGE_BYTES = 2 ** 30;

/** How large they are made. */
export interface ComparedOptions {
  /** 1 gives the sizes that results are kept for. */
  readonly scale: number;
  /** A folder of small files to take instead of installing packages. */
  readonly small?: string;
  /** Names of the corpora wanted; all unless given. */
  readonly only?: readonly string[];
  readonly report: (line: string) => void;
}

/** Makes the corpora in a folder, or finds them there. */
export async function compareCorpora(folder: string, options: ComparedOptions): Promise<readonly ComparedCorpus[]> {
  const bytes = Math.ceil(LARGE_BYTES * options.scale / 4) * 4;
  const corpus = async (name: ComparedCorpus["name"], ...rest: MakeArguments) =>
    options.only?.includes(name) ?? true ? [await makeCorpus(folder, name, options, ...rest)] : [];
  return [
    ...await corpus("tiny", "one file of 1 KB: start-up and key derivation", "tiny/file", (into) => {
      Deno.writeFileSync(join(into, "file"), new Uint8Array(1000).fill(0x61));
      return Promise.resolve();
    }),
    ...await corpus("small", "small source files of npm packages", undefined, async (into) => {
      if (options.small !== undefined) await shell(`cp -a "${options.small}/." "${into}"`);
      else if (options.scale < 1) await makeFew(into, Math.ceil(40_000 * options.scale));
      else await install(into);
    }),
    ...await corpus("mixed", "programs, libraries and data of a Linux system", undefined, (into) => {
      copySystemFiles(into, 10 ** 9 * options.scale);
      return Promise.resolve();
    }),
    ...await corpus("text", "text as in logs and prose, generated", "text/text.log", async (into) => {
      await Deno.writeFile(join(into, "text.log"), ReadableStream.from(textChunks(bytes)));
    }),
    ...await corpus("random", "random bytes", "random/random.bin", async (into) => {
      await Deno.writeFile(join(into, "random.bin"), ReadableStream.from(randomChunks(bytes)));
    }),
  ];
}

type MakeArguments = [description: string, one: string | undefined, make: (into: string) => Promise<void>];

async function makeCorpus(
  folder: string,
  name: ComparedCorpus["name"],
  { scale, report }: ComparedOptions,
  ...[description, one, make]: MakeArguments
): Promise<ComparedCorpus> {
  const parent = join(folder, `scale-${scale}`);
  const into = join(parent, name);
  const made = join(parent, `${name}.made`);
  if (!exists(made)) {
    report(`making ${into}`);
    if (exists(into)) await Deno.remove(into, { recursive: true });
    await Deno.mkdir(into, { recursive: true });
    await make(into);
    await Deno.writeTextFile(made, "");
  }
  let files = 0;
  let bytes = 0;
  let last = "";
  let middle = "";
  for (const { path, size } of regularFiles(into)) {
    files++;
    bytes += size;
    last = path;
    // One that is there in every run, somewhere inside: the last one below the halfway mark of the names.
    if (size > 500 && path.localeCompare(`${into}/n`) < 0) middle = path;
  }
  const chosen = one ?? (middle === "" ? last : middle).slice(parent.length + 1);
  return { name, description, parent, files, bytes, one: chosen };
}

async function makeFew(into: string, count: number): Promise<void> {
  const { smallFiles } = await import("./corpora.ts");
  for (const file of smallFiles(count)) {
    const location = join(into, file.path);
    Deno.mkdirSync(dirname(location), { recursive: true });
    Deno.writeFileSync(location, file.bytes);
  }
}

async function install(into: string): Promise<void> {
  await Deno.writeTextFile(join(into, "package.json"), '{ "private": true }\n');
  await shell(`cd "${into}" && npm install --ignore-scripts --no-audit --no-fund --silent ${PACKAGES.join(" ")}`);
}

function copySystemFiles(into: string, limit: number): void {
  let bytes = 0;
  for (const top of SYSTEM_FOLDERS) {
    for (const { path, size } of regularFiles(top, limit)) {
      // Everybody gets a share: a third for each.
      if (bytes + size > limit * (SYSTEM_FOLDERS.indexOf(top) + 1) / SYSTEM_FOLDERS.length) continue;
      const target = join(into, path);
      try {
        Deno.mkdirSync(dirname(target), { recursive: true });
        Deno.copyFileSync(path, target);
        bytes += size;
      } catch {
        // Not everything there can be read by everybody.
      }
    }
  }
}

function* regularFiles(folder: string, largest = Infinity): Generator<{ path: string; size: number }> {
  const entries = [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name, isDirectory, isFile } of entries) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* regularFiles(path, largest);
    else if (isFile) {
      const { size } = Deno.lstatSync(path);
      if (size <= largest) yield { path, size };
    }
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

async function shell(command: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("bash", { args: ["-c", command], stderr: "piped" }).output();
  if (!success) throw new Error(`Cannot run "${command}": ${new TextDecoder().decode(stderr)}`);
}
