/** What the machine takes for the same bytes without an archive: the limits that no archiver gets below. */
import { dirname, fromFileUrl, join } from "@std/path";
import { V8_FLAGS } from "../../tasks/v8_flags.ts";
import { bundledCommand } from "../program.ts";
import type { Corpus } from "./corpora.ts";
import { type FloorArchive, makeFloorArchive, removeFloorArchive } from "./floor_archive.ts";
import type { Floor } from "./results.ts";
import { type Pipeline, runPipeline, type ShellOptions } from "./shell.ts";
import { findPipeline } from "./updates.ts";

const here = (name: string) => fromFileUrl(new URL(name, import.meta.url));

interface Measurement {
  readonly name: string;
  readonly what: string;
  readonly pipeline: Pipeline;
  /**
   * What the program's own seconds, which it prints, are: all of them, without its start; or those that all cores can
   * share, beside the rest of its run, which one core has.
   */
  readonly printed?: "all" | "shared";
  /** As often as all the others unless given. */
  readonly rounds?: number;
}

/** Where the corpus lies as one file, plain and compressed. */
interface OneFile {
  readonly plain: string;
  readonly compressed: string;
}

/** What reads an archive, or its names. The first two are no code of Coffer's, and do less than any archiver. */
function readings(work: string, made: FloorArchive): Measurement[] {
  const { archive, keyFile, blocks, names, namesBytes, one } = made;
  const deno = (name: string, ...args: string[]): Pipeline => ({
    stages: [[Deno.execPath(), "run", "-A", V8_FLAGS, here(name), ...args]],
    cwd: work,
  });
  const stages = (sum: "extract" | "verify"): Measurement => ({
    name: `stages-${sum}`,
    what: `all stages of ${sum} by Coffer's own functions, warm, processor seconds`,
    pipeline: deno("../read_stages.ts", archive, "--key-file", keyFile, "--work", work, "--sum", sum),
    printed: "all",
    rounds: 1,
  });
  return [
    {
      name: "names",
      what: "Deno: its start, decipher, `zstd -d` and print nothing but the names, by the system's libraries",
      pipeline: deno("list_floor.ts", names, String(namesBytes)),
    },
    {
      name: "open",
      what: "Deno: its start on one core, and on all read, decipher, `zstd -d` all blocks, by the system's libraries",
      pipeline: deno("open_floor.ts", blocks),
      printed: "shared",
    },
    {
      name: "start",
      what: "Coffer's start: `coffer list` of an archive of one file",
      pipeline: { stages: [[...bundledCommand(), "list", one, "-k", keyFile]], cwd: work },
    },
    stages("extract"),
    stages("verify"),
  ];
}

function measurements(corpus: Corpus, target: string, one: OneFile): Measurement[] {
  const cwd = corpus.folder;
  const deno = (...args: string[]): Pipeline => ({ stages: [[Deno.execPath(), "run", "-A", V8_FLAGS, ...args]], cwd });
  const pack = ["tar", "-cf", "-", "."];
  return [
    {
      name: "find",
      what: "`find -printf`: walk and look",
      pipeline: findPipeline(cwd),
    },
    {
      name: "cat",
      what: "`cat` of all files",
      pipeline: { stages: [["sh", "-c", "find . -type f -print0 | xargs -0 cat"]], cwd },
    },
    { name: "tar", what: "`tar` to a pipe", pipeline: { stages: [pack, ["cat"]], cwd } },
    { name: "cp", what: "`cp -r` into a tmpfs", pipeline: { stages: [["cp", "-r", ".", target]], cwd } },
    {
      name: "zstd3",
      what: "`tar`, `zstd -3 -T0`",
      pipeline: { stages: [pack, ["zstd", "-3", "-T0", "-q", "-c"]], cwd },
    },
    {
      name: "zstd3-alone",
      what: "`zstd -3 -T0` of one tar file in memory",
      pipeline: { stages: [["zstd", "-3", "-T0", "-q", "-c", one.plain]], cwd },
    },
    {
      name: "unzstd",
      what: "`zstd -t` of the result, one core",
      pipeline: { stages: [["zstd", "-t", "-q", one.compressed]], cwd },
    },
    {
      name: "modules",
      what: "Deno: its start, with `node:fs`, `node:crypto`, `node:zlib`",
      pipeline: deno(here("modules_floor.ts")),
    },
    { name: "walk", what: "Deno: read folders, `lstat`", pipeline: deno(here("walk_floor.ts"), cwd), printed: "all" },
    {
      name: "read",
      what: "Deno: the same, and read all files",
      pipeline: deno(here("walk_floor.ts"), cwd, "read"),
      printed: "all",
    },
    {
      name: "seal1",
      what: "ChaCha20-Poly1305 of 64 KiB records, one core",
      pipeline: deno(here("seal_floor.ts"), String(corpus.bytes), "1"),
      printed: "all",
    },
    {
      name: "seal",
      what: "ChaCha20-Poly1305 of 64 KiB records, all cores",
      pipeline: deno(here("seal_floor.ts"), String(corpus.bytes), String(navigator.hardwareConcurrency)),
      printed: "all",
    },
    {
      name: "stages",
      what: "all stages of create by Coffer's own functions, processor seconds",
      pipeline: deno(here("../stages.ts"), "--sum", "--work", dirname(target), cwd),
      printed: "all",
    },
  ];
}

/** Measures the floors of a corpus, each `rounds` times. */
export async function measureFloors(
  corpus: Corpus,
  rounds: number,
  freshTarget: () => Promise<string>,
  options: ShellOptions,
): Promise<Floor[]> {
  const target = join(await freshTarget(), "copy");
  const one = { plain: join(options.scratch, "floor.tar"), compressed: join(options.scratch, "floor.tar.zst") };
  await runPipeline({ stages: [["tar", "-cf", one.plain, "."]], cwd: corpus.folder }, options);
  await runPipeline({ stages: [["zstd", "-3", "-T0", "-q", "-f", one.plain]], cwd: corpus.folder }, options);
  const writing = await measureAll(measurements(corpus, target, one), corpus, rounds, options, freshTarget);
  await freshTarget();
  for (const path of [one.plain, one.compressed]) await Deno.remove(path);
  try {
    const archive = await makeFloorArchive(corpus.folder, options.scratch);
    const reading = await measureAll(readings(options.scratch, archive), corpus, rounds, options, freshTarget);
    await removeFloorArchive(archive);
    return [...writing, ...reading];
  } catch (error) {
    options.signal.throwIfAborted();
    const what = "an archive for floors of reading";
    return [...writing, { corpus: corpus.name, name: "archive", what, seconds: [], error: messageOf(error) }];
  }
}

/** Measures all of them, in turn. */
async function measureAll(
  list: readonly Measurement[],
  corpus: Corpus,
  rounds: number,
  options: ShellOptions,
  freshTarget: () => Promise<string>,
): Promise<Floor[]> {
  const seconds = new Map<string, number[]>(list.map(({ name }) => [name, []]));
  const errors = new Map<string, string>();
  for (let round = 0; round < rounds; round++) {
    for (const { name, pipeline, printed, rounds: most = rounds } of list) {
      if (errors.has(name) || round >= most) continue;
      try {
        if (name === "cp") await freshTarget();
        seconds.get(name)?.push(await secondsOf(pipeline, printed, options));
      } catch (error) {
        options.signal.throwIfAborted();
        errors.set(name, messageOf(error));
      }
    }
  }
  return list.map(({ name, what }) => {
    const error = errors.get(name);
    const floor = { corpus: corpus.name, name, what, seconds: seconds.get(name) ?? [] };
    return error === undefined ? floor : { ...floor, error };
  });
}

async function secondsOf(
  pipeline: Pipeline,
  printed: Measurement["printed"],
  options: ShellOptions,
): Promise<number> {
  const output = join(options.scratch, "floor.txt");
  const sample = await runPipeline(printed === undefined ? pipeline : { ...pipeline, output }, options);
  if (printed === undefined) return sample.seconds;
  const own = Number(await Deno.readTextFile(output));
  return printed === "all" ? own : sample.seconds - own + own / navigator.hardwareConcurrency;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
