/**
 * Measures how an archive ages: a tree is stored, and then, day after day, some of its files change and a snapshot is
 * appended. How many bytes each adds, and what opening, listing and one file take then, of the first snapshot and of
 * the newest, beside an archive that was made of the same tree at once.
 *
 *     deno task bench:updates                1,000 updates of 10,000 files: some minutes; kept under bench/results/
 *     deno task bench:updates --scale 0.01   10 updates of 100 files: whether everything works; kept only with --out
 *
 * Options: `--scale N`, `--rounds N` (of each look; 9), `--dir D` (work there; else in memory where there is such a
 * folder), `--out FILE`. The updates run in this process, through what the program itself calls: a thousand starts of
 * it would take longer than what is measured. Days are pretended: each snapshot is a day later than the one before.
 * Looks are taken through the library and with the program: `COFFER_BIN`, or else this checkout's `cli.ts` run by this
 * Deno.
 *
 * @module
 */
import { dirname, fromFileUrl, join } from "@std/path";
import { Archive } from "../src/archive/archive.ts";
import { ChangeFinder } from "../src/archive/changes.ts";
import { createArchive } from "../src/archive/create.ts";
import type { PlannedEntry } from "../src/archive/planner.ts";
import { updateArchive } from "../src/archive/update.ts";
import { fileContent } from "../src/disk/content.ts";
import { FileSource } from "../src/disk/file_source.ts";
import { LockedFile } from "../src/disk/locked_file.ts";
import { walk, type WalkOptions } from "../src/disk/walk.ts";
import type { Bytes } from "../src/engine/engine.ts";
import { nativeEngine } from "../src/engine/native/engine.ts";
import { encodeKeyText } from "../src/text/key_text.ts";
import type { Growth, Look, Looks } from "./compare/growth.ts";
import { smallFiles } from "./corpora.ts";
import { describeMachine, machineSlug } from "./machine.ts";
import { measure } from "./measure.ts";
import { parseOptions } from "./options.ts";
import { programCommand } from "./program.ts";
import { summarize } from "./statistics.ts";
import { type Column, formatTable } from "./table.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const UPDATES = 1000;
const FILES = 10_000;
/** One file in so many changes each day. */
const CHANGED_OF = 100;
const DAY_SECONDS = 86_400;
/** Looks are taken after so many updates, and after the last. */
const CHECKPOINTS = [1, 10, 30, 100, 200, 300, 400, 500, 600, 700, 800, 900];
const ROUNDS = 9;

const KEY_FILE = new Uint8Array(32).fill(7);
const KEYS = [{ kind: "key-file", keyFile: KEY_FILE }] as const;

const COLUMNS: readonly Column[] = [
  { title: "updates", align: "right" },
  { title: "snapshot", align: "left" },
  ...["open ms", "inside", "list ms", "inside", "one ms", "inside"].map((title) => ({
    title,
    align: "right" as const,
  })),
];

async function makeTree(folder: string, count: number): Promise<string[]> {
  const paths: string[] = [];
  let last = "";
  for (const { path, bytes } of smallFiles(count)) {
    const location = join(folder, path);
    const parent = dirname(location);
    if (parent !== last) await Deno.mkdir(last = parent, { recursive: true });
    await Deno.writeFile(location, bytes);
    paths.push(path);
  }
  return paths.sort();
}

function* entriesOf(folder: string, options: WalkOptions = {}): Generator<PlannedEntry> {
  for (const { row, location, sparse } of walk([{ location: folder, stored: "." }], options)) {
    yield { row, content: row.kind === "file" ? { kind: "file", location, sparse } : undefined };
  }
}

/** The settings of a snapshot of some day. */
function storing(day: number) {
  const seconds = Math.floor(Date.now() / 1000) + (day + 1) * DAY_SECONDS;
  return { access: fileContent, time: { seconds, nanoseconds: 0 } };
}

async function create(archive: string, tree: string, day: number): Promise<void> {
  using file = await Deno.open(archive, { write: true, create: true, truncate: true });
  const write = async (bytes: Bytes) => {
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  };
  const written = await createArchive(nativeEngine, entriesOf(tree), { write }, { ...storing(day), keys: KEYS });
  await file.seek(0, Deno.SeekMode.Start);
  await write(written.header);
}

/** Appends what has changed; gives the bytes that were added, and the height of the catalog's stack. */
async function update(archive: string, tree: string, day: number): Promise<{ readonly added: number; runs: number }> {
  using file = await LockedFile.open(archive);
  const opened = await Archive.open(nativeEngine, file, { keys: KEYS });
  const finder = new ChangeFinder(nativeEngine, opened, { isGone: () => true, access: fileContent });
  const found = entriesOf(tree, { isKnown: (folder, name, glance) => finder.isKnown(folder, name, glance) });
  const written = await updateArchive(nativeEngine, file, opened, finder, found, storing(day));
  if (written === undefined) throw new Error(`Cannot measure: nothing had changed on day ${day}`);
  return { added: written.addedBytes, runs: opened.runs.length };
}

/** Where a look is at, and what it looks for. */
interface Place {
  readonly archive: string;
  readonly key: string;
  readonly snapshot: "first" | "latest";
  readonly path: string;
}

/** What is done through the library, with a fresh source each time. */
const WORKS: Record<keyof Looks, (source: FileSource, place: Place) => Promise<unknown>> = {
  open,
  list: async (source, place) => {
    let bytes = 0;
    for await (const { row } of (await open(source, place)).entries()) bytes += row.path.length;
    return bytes;
  },
  one: async (source, place) => {
    const archive = await open(source, place);
    let bytes = 0;
    for await (const entry of archive.find(place.path)) {
      for await (const piece of archive.read(entry)) bytes += piece.bytes.length;
    }
    if (bytes === 0) throw new Error(`Cannot measure: "${place.path}" is not in the archive`);
    return bytes;
  },
};

function open(source: FileSource, { snapshot }: Place): Promise<Archive> {
  return Archive.open(nativeEngine, source, { keys: KEYS, snapshot: { kind: snapshot } });
}

/** The same with the program. */
function commandOf(name: keyof Looks, { archive, key, snapshot, path }: Place): string[] {
  const program = programCommand();
  const rest = ["-k", key, "-q"];
  if (name === "open") return [...program, "info", archive, ...rest];
  const arguments_ = name === "list" ? ["list", archive] : ["cat", archive, path];
  return [...program, ...arguments_, "--snapshot", snapshot, ...rest];
}

/** Opening, listing and one file of a snapshot. */
async function lookAt(place: Place, rounds: number): Promise<Looks> {
  const measured = async (name: keyof Looks): Promise<Look> => {
    const inside: number[] = [];
    let reads = 0;
    let bytes = 0;
    // The first one of each kind warms up.
    for (let round = -1; round < rounds; round++) {
      using source = FileSource.open(place.archive);
      const start = performance.now();
      await WORKS[name](source, place);
      if (round >= 0) inside.push((performance.now() - start) / 1000);
      reads = source.reads;
      bytes = source.bytesRead;
    }
    const whole: number[] = [];
    for (let round = -1; round < rounds; round++) {
      const { seconds } = await measure(commandOf(name, place), { cwd: dirname(place.archive) });
      if (round >= 0) whole.push(seconds);
    }
    return { seconds: summarize(whole).median, inside: summarize(inside).median, reads, bytes };
  };
  return { open: await measured("open"), list: await measured("list"), one: await measured("one") };
}

/** Adds a line to one file in a hundred, others from day to day. */
function change(tree: string, paths: readonly string[], day: number): number {
  let count = 0;
  for (let i = day * 37 % Math.min(CHANGED_OF, paths.length); i < paths.length; i += CHANGED_OF) {
    Deno.writeTextFileSync(join(tree, paths[i] as string), `day ${day}\n`, { append: true });
    count++;
  }
  return count;
}

async function age(work: string, scale: number, rounds: number): Promise<Omit<Growth, "schema" | "date" | "machine">> {
  const tree = join(work, "tree");
  const archive = join(work, "aging.coffer");
  const first = join(work, "first.coffer");
  const single = join(work, "single.coffer");
  const loadBefore = Deno.loadavg()[0] ?? 0;
  const updates = Math.ceil(UPDATES * scale);
  const paths = await makeTree(tree, Math.ceil(FILES * scale));
  const path = paths[Math.floor(paths.length / 2)] as string;
  const key = join(work, "key");
  await Deno.writeTextFile(key, `${encodeKeyText("key-file", KEY_FILE)}\n`, { mode: 0o600 });
  await create(archive, tree, 0);
  const firstBytes = (await Deno.stat(archive)).size;
  await Deno.copyFile(archive, first);
  const added: number[] = [];
  const seconds: number[] = [];
  const runs: number[] = [];
  const checkpoints: Growth["checkpoints"][number][] = [];
  let changedFiles = 0;
  for (let day = 1; day <= updates; day++) {
    changedFiles = change(tree, paths, day);
    const start = performance.now();
    const step = await update(archive, tree, day);
    seconds.push((performance.now() - start) / 1000);
    added.push(step.added);
    runs.push(step.runs);
    if (!CHECKPOINTS.includes(day) && day !== updates) continue;
    await create(single, tree, day);
    const checkpoint = {
      updates: day,
      archiveBytes: (await Deno.stat(archive)).size,
      singleBytes: (await Deno.stat(single)).size,
      first: await lookAt({ archive, snapshot: "first", key, path }, rounds),
      firstAlone: await lookAt({ archive: first, snapshot: "latest", key, path }, rounds),
      latest: await lookAt({ archive, snapshot: "latest", key, path }, rounds),
      latestAlone: await lookAt({ archive: single, snapshot: "latest", key, path }, rounds),
    };
    checkpoints.push(checkpoint);
    console.log(formatTable(COLUMNS, rowsOf(checkpoint)));
  }
  return {
    loadBefore,
    files: paths.length,
    changedFiles,
    firstBytes,
    added,
    seconds,
    runs,
    checkpoints,
  };
}

function rowsOf({ updates, first, firstAlone, latest, latestAlone }: Growth["checkpoints"][number]): string[][] {
  return Object.entries({ first, "alone, then": firstAlone, latest, "alone, now": latestAlone }).map((
    [name, looks],
  ) => [
    String(updates),
    name,
    ...[looks.open, looks.list, looks.one].flatMap((
      { seconds, inside },
    ) => [(seconds * 1000).toFixed(0), (inside * 1000).toFixed(1)]),
  ]);
}

async function main(): Promise<void> {
  const options = parseOptions(Deno.args, ["scale", "rounds", "dir", "out"]);
  const rounds = Deno.args.includes("--rounds") ? options.rounds : ROUNDS;
  const memory = "/dev/shm";
  const dir = options.dir ?? (Deno.build.os === "linux" ? memory : undefined);
  const work = await Deno.makeTempDir({ prefix: "coffer-updates-", ...(dir === undefined ? {} : { dir }) });
  try {
    const date = new Date().toISOString();
    const machine = describeMachine();
    const growth: Growth = {
      schema: "coffer-bench/updates/1",
      date,
      machine,
      ...await age(work, options.scale, rounds),
    };
    const kept = join(ROOT, "bench", "results", `${date.slice(0, 10)}-${machineSlug(machine)}-updates.json`);
    const file = options.out ?? (options.scale === 1 ? kept : undefined);
    if (file === undefined) return;
    await Deno.writeTextFile(file, `${JSON.stringify(growth)}\n`);
    console.log(`Saved in ${file}`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(`updates: ${error instanceof Error ? error.message : error}`);
    Deno.exitCode = 1;
  }
}
