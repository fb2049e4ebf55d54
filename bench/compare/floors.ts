/** What the machine takes for the same bytes without an archive: the limits that no archiver gets below. */
import { dirname, fromFileUrl, join } from "@std/path";
import { V8_FLAGS } from "../program.ts";
import type { Corpus } from "./corpora.ts";
import type { Floor } from "./results.ts";
import { type Pipeline, runPipeline, type ShellOptions } from "./shell.ts";
import { findPipeline } from "./updates.ts";

const here = (name: string) => fromFileUrl(new URL(name, import.meta.url));

interface Measurement {
  readonly name: string;
  readonly what: string;
  readonly pipeline: Pipeline;
  /** Whether the program prints seconds of its own, which leave its start out. */
  readonly printed?: true;
}

/** Where the corpus lies as one file, plain and compressed. */
interface OneFile {
  readonly plain: string;
  readonly compressed: string;
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
    { name: "walk", what: "Deno: read folders, `lstat`", pipeline: deno(here("walk_floor.ts"), cwd), printed: true },
    {
      name: "read",
      what: "Deno: the same, and read all files",
      pipeline: deno(here("walk_floor.ts"), cwd, "read"),
      printed: true,
    },
    {
      name: "seal1",
      what: "ChaCha20-Poly1305 of 64 KiB records, one core",
      pipeline: deno(here("seal_floor.ts"), String(corpus.bytes), "1"),
      printed: true,
    },
    {
      name: "seal",
      what: "ChaCha20-Poly1305 of 64 KiB records, all cores",
      pipeline: deno(here("seal_floor.ts"), String(corpus.bytes), String(navigator.hardwareConcurrency)),
      printed: true,
    },
    {
      name: "stages",
      what: "all stages of create by Coffer's own functions, processor seconds",
      pipeline: deno(here("../stages.ts"), "--sum", "--work", dirname(target), cwd),
      printed: true,
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
  const list = measurements(corpus, target, one);
  const seconds = new Map<string, number[]>(list.map(({ name }) => [name, []]));
  const errors = new Map<string, string>();
  for (let round = 0; round < rounds; round++) {
    for (const { name, pipeline, printed } of list) {
      if (errors.has(name)) continue;
      try {
        if (name === "cp") await freshTarget();
        const output = join(options.scratch, "floor.txt");
        const sample = await runPipeline(printed ? { ...pipeline, output } : pipeline, options);
        seconds.get(name)?.push(printed ? Number(await Deno.readTextFile(output)) : sample.seconds);
      } catch (error) {
        options.signal.throwIfAborted();
        errors.set(name, error instanceof Error ? error.message : String(error));
      }
    }
  }
  await freshTarget();
  for (const path of [one.plain, one.compressed]) await Deno.remove(path);
  return list.map(({ name, what }) => {
    const error = errors.get(name);
    const floor = { corpus: corpus.name, name, what, seconds: seconds.get(name) ?? [] };
    return error === undefined ? floor : { ...floor, error };
  });
}
