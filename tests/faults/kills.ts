/**
 * Commands that are killed (`kill -9`) at a random moment on a real file system, and what must be there afterwards: the
 * old archive or the new one, whole, and nothing half-made under a final name. The next run goes on from there.
 */
import { assert, assertEquals } from "@std/assert";
import { Archive } from "../../src/archive/archive.ts";
import type { Key } from "../../src/archive/unlock.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { decodeKeyLines } from "../../src/text/key_text.ts";
import { digestOf, readBySeeking } from "../archive/reading.ts";
import { CountedSource } from "../archive/sources.ts";
import { inFolder } from "../e2e/conditions.ts";
import { expectExit, start } from "../e2e/program.ts";
import { describeTree, exists, randomBytes, writeTree } from "../e2e/trees.ts";

/** What kills came to. */
export interface KillCounts {
  /** Runs that a signal ended. */
  killed: number;
  /** Runs that had ended before. */
  ended: number;
  /** What was there after those that were killed. */
  old: number;
  fresh: number;
  /** Runs that left a temporary file, which is no harm. */
  leftovers: number;
}

type State = "old" | "new";

/** The folder with everything, and what is expected in it. */
interface Ground {
  readonly folder: string;
  /** Digests of the trees `in` and `in2` as archives. */
  readonly digests: Readonly<Record<State, string>>;
  readonly keys: Readonly<Record<"one" | "two", Key>>;
  /** The extracted tree. */
  readonly tree: string;
}

/** A command to be killed. */
interface Case {
  readonly name: string;
  readonly args: readonly string[];
  /** Files that are there when it begins, by their names among the prepared ones. */
  readonly given: Readonly<Record<string, string>>;
  /** Names that may be there afterwards. */
  readonly names: readonly string[];
  /** Says which state a place is in. */
  state(ground: Ground, place: string): Promise<State>;
  /** The next run, when that is not the same; `undefined` when there is nothing left to do. */
  readonly next?: (state: State) => readonly string[] | undefined;
}

const NO_PASSPHRASE = { COFFER_PASSPHRASE: undefined };
const ONE = ["-k", "../one.key"];
const TWO = ["-k", "../two.key"];
/** On one thread nothing is built ahead of what is written, so that there is a checkpoint after each file or two. */
const IN_PARTS = ["--checkpoint", "900KB", "--jobs", "1"];

async function read(path: string, key: Key): Promise<string | undefined> {
  const reading = await readBySeeking(nativeEngine, new CountedSource(Deno.readFileSync(path)), { keys: [key] });
  if (reading.error?.code === "wrong-key") return undefined;
  if (reading.error !== undefined) throw reading.error;
  return digestOf(reading.entries);
}

/** Which of the two trees an archive holds. */
async function held({ digests }: Ground, path: string, key: Key): Promise<State> {
  const digest = await read(path, key);
  assert(digest === digests.old || digest === digests.new, `"${path}" holds neither tree`);
  return digest === digests.old ? "old" : "new";
}

/** Reads all that an archive holds, up to its newest checkpoint; it need not be there. */
async function checkParts(path: string, key: Key): Promise<void> {
  if (!exists(path)) return;
  const source = new CountedSource(Deno.readFileSync(path));
  const archive = await Archive.open(nativeEngine, source, { keys: [key], snapshot: { kind: "newest" } });
  for await (const { number } of archive.snapshots()) {
    const reading = await readBySeeking(nativeEngine, source, {
      keys: [key],
      snapshot: { kind: "number", number },
    });
    if (reading.error !== undefined) throw reading.error;
    assertEquals(
      reading.entries.length,
      archive.number === number ? archive.trailer.totals.entries : reading.entries.length,
    );
  }
}

async function opens(path: string, key: Key): Promise<boolean> {
  return await read(path, key) !== undefined;
}

function sameFile(a: string, b: string): boolean {
  return nativeEngine.equal(Deno.readFileSync(a), Deno.readFileSync(b));
}

const CASES: readonly Case[] = [
  {
    name: "create",
    args: ["create", "x.coffer", "-C", "../in2", ".", ...ONE],
    given: {},
    names: ["x.coffer"],
    async state(ground, place) {
      if (!exists(`${place}/x.coffer`)) return "old";
      assertEquals(await held(ground, `${place}/x.coffer`, ground.keys.one), "new");
      return "new";
    },
    next: (state) => state === "new" ? undefined : ["create", "x.coffer", "-C", "../in2", ".", ...ONE],
  },
  {
    name: "create --force",
    args: ["create", "x.coffer", "--force", "-C", "../in2", ".", ...ONE],
    given: { "x.coffer": "one.coffer" },
    names: ["x.coffer"],
    state: (ground, place) => held(ground, `${place}/x.coffer`, ground.keys.one),
  },
  {
    name: "create in parts",
    args: ["create", "x.coffer", ...IN_PARTS, "-C", "../in2", ".", ...ONE],
    given: {},
    names: ["x.coffer", "x.coffer.partial"],
    async state(ground, place) {
      await checkParts(`${place}/x.coffer.partial`, ground.keys.one);
      if (!exists(`${place}/x.coffer`)) return "old";
      assertEquals(await held(ground, `${place}/x.coffer`, ground.keys.one), "new");
      return "new";
    },
    next: (state) => state === "new" ? undefined : ["create", "x.coffer", ...IN_PARTS, "-C", "../in2", ".", ...ONE],
  },
  {
    name: "update in parts",
    args: ["update", "x.coffer", ...IN_PARTS, "--replace", "-C", "../in2", ".", ...ONE],
    given: { "x.coffer": "one.coffer" },
    names: ["x.coffer"],
    async state(ground, place) {
      await checkParts(`${place}/x.coffer`, ground.keys.one);
      return await held(ground, `${place}/x.coffer`, ground.keys.one);
    },
  },
  {
    name: "update",
    args: ["update", "x.coffer", "--replace", "-C", "../in2", ".", ...ONE],
    given: { "x.coffer": "one.coffer" },
    names: ["x.coffer"],
    state: (ground, place) => held(ground, `${place}/x.coffer`, ground.keys.one),
  },
  {
    name: "copy",
    args: ["copy", "x.coffer", "y.coffer", ...ONE, "--new-key-file", "../two.key"],
    given: { "x.coffer": "one.coffer" },
    names: ["x.coffer", "y.coffer"],
    async state(ground, place) {
      assert(sameFile(`${place}/x.coffer`, `${ground.folder}/one.coffer`));
      if (!exists(`${place}/y.coffer`)) return "old";
      assertEquals(await held(ground, `${place}/y.coffer`, ground.keys.two), "old");
      return "new";
    },
    next: (state) =>
      state === "new" ? undefined : ["copy", "x.coffer", "y.coffer", ...ONE, "--new-key-file", "../two.key"],
  },
  {
    name: "keys add",
    args: ["keys", "add", "x.coffer", ...ONE, "--new-key-file", "../two.key"],
    given: { "x.coffer": "one.coffer" },
    names: ["x.coffer"],
    async state(ground, place) {
      assertEquals(await held(ground, `${place}/x.coffer`, ground.keys.one), "old");
      return await opens(`${place}/x.coffer`, ground.keys.two) ? "new" : "old";
    },
  },
  {
    name: "keys change",
    args: ["keys", "change", "x.coffer", ...ONE, "--new-key-file", "../two.key"],
    given: { "x.coffer": "one.coffer" },
    names: ["x.coffer"],
    async state(ground, place) {
      const path = `${place}/x.coffer`;
      // Between the two copies both keys open it; what counts then is the new header.
      const isNew = await opens(path, ground.keys.two);
      assertEquals(await held(ground, path, isNew ? ground.keys.two : ground.keys.one), "old");
      return isNew ? "new" : "old";
    },
    next: (state) =>
      state === "old"
        ? ["keys", "change", "x.coffer", ...ONE, "--new-key-file", "../two.key"]
        : ["keys", "add", "x.coffer", ...TWO, "--new-key-file", "../one.key"],
  },
  {
    name: "repair",
    args: ["repair", "x.coffer", ...ONE],
    given: { "x.coffer": "bad.coffer" },
    names: ["x.coffer"],
    async state(ground, place) {
      try {
        assertEquals(await held(ground, `${place}/x.coffer`, ground.keys.one), "old");
        return "new";
      } catch (error) {
        if (error instanceof ArchiveError && error.code === "damaged") return "old";
        throw error;
      }
    },
  },
  {
    name: "extract",
    args: ["extract", "../one.coffer", "-C", "out", ...ONE],
    given: {},
    names: ["out"],
    async state(ground, place) {
      if (!exists(`${place}/out`)) return "old";
      assertEquals(await treeAt(`${place}/out`), ground.tree);
      return "new";
    },
    next: (state) => state === "new" ? undefined : ["extract", "../one.coffer", "-C", "out", ...ONE],
  },
];

async function treeAt(folder: string): Promise<string> {
  return JSON.stringify(await describeTree(folder));
}

function keyIn(path: string): Key {
  const [keyFile] = decodeKeyLines("key-file", Deno.readTextFileSync(path));
  assert(keyFile !== undefined);
  return { kind: "key-file", keyFile };
}

async function prepare(folder: string): Promise<Ground> {
  writeTree(folder, {
    "in/small": "small",
    "in/a": randomBytes(3_000_000),
    "in/folder/b": "text ".repeat(1000),
    "in2/small": "changed",
    "in2/a": randomBytes(2_000_000),
    "in2/b1": randomBytes(1_000_000),
    "in2/b2": randomBytes(1_000_000),
    "in2/b3": randomBytes(1_000_000),
    "in2/c": "new",
  });
  const options = { cwd: folder, env: NO_PASSPHRASE };
  for (const name of ["one", "two"]) await expectExit(0, ["keygen", "-o", `${name}.key`], options);
  for (const [name, tree] of [["one", "in"], ["other", "in2"]] as const) {
    await expectExit(0, ["create", `${name}.coffer`, "-C", tree, ".", "-k", "one.key"], options);
  }
  await expectExit(0, ["extract", "one.coffer", "-C", "tree", "-k", "one.key"], options);
  const keys = { one: keyIn(`${folder}/one.key`), two: keyIn(`${folder}/two.key`) };
  const bad = Deno.readFileSync(`${folder}/one.coffer`);
  await Archive.open(nativeEngine, new CountedSource(bad), { keys: [keys.one] });
  bad.fill(0, 0, 4096);
  bad.fill(0, bad.length - 256);
  Deno.writeFileSync(`${folder}/bad.coffer`, bad);
  const digests = {
    old: await read(`${folder}/one.coffer`, keys.one) as string,
    new: await read(`${folder}/other.coffer`, keys.one) as string,
  };
  return { folder, keys, digests, tree: await treeAt(`${folder}/tree`) };
}

/** What a folder looks like from outside, to see when a program has begun to change it. */
function lookAt(place: string): string {
  try {
    return [...Deno.readDirSync(place)].map(({ name }) => {
      const { mtime, size } = Deno.lstatSync(`${place}/${name}`);
      return `${name} ${mtime?.getTime()} ${size}`;
    }).sort().join("\n");
  } catch {
    return "changing";
  }
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Starts a command and kills it: at any moment, or shortly after it has begun to change something. */
async function kill(args: readonly string[], place: string, usualMs: number): Promise<boolean> {
  const before = lookAt(place);
  const child = start(args, { cwd: place, env: NO_PASSPHRASE });
  const ended = child.output();
  await child.stdin.close().catch(() => {});
  if (Math.random() < 0.3) await sleep(Math.random() * usualMs * 1.1);
  else {
    const patience = performance.now() + 4 * usualMs;
    while (lookAt(place) === before && performance.now() < patience) await sleep(0);
    await sleep(Math.random() ** 3 * usualMs / 2);
  }
  try {
    child.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  return (await ended).signal === "SIGKILL";
}

function namesIn(place: string): string[] {
  return [...Deno.readDirSync(place)].map(({ name }) => name).filter((name) => !name.endsWith(".coffer-tmp")).sort();
}

/** One run that is killed, what is there then, and, one time in two, the run after it. */
async function round(ground: Ground, one: Case, place: string, usualMs: number, counts: KillCounts): Promise<void> {
  Deno.mkdirSync(place);
  for (const [name, from] of Object.entries(one.given)) {
    Deno.copyFileSync(`${ground.folder}/${from}`, `${place}/${name}`);
  }
  const isKilled = await kill(one.args, place, usualMs);
  for (const name of namesIn(place)) assert(one.names.includes(name), `${one.name} left "${name}"`);
  const state = await one.state(ground, place);
  if (isKilled) {
    counts.killed++;
    counts[state === "old" ? "old" : "fresh"]++;
    if ([...Deno.readDirSync(place)].some(({ name }) => name.endsWith(".coffer-tmp"))) counts.leftovers++;
  } else counts.ended++;
  const next = one.next === undefined ? one.args : one.next(state);
  if (next !== undefined && Math.random() < 0.5) {
    await expectExit(0, next, { cwd: place, env: NO_PASSPHRASE });
    if (one.name !== "keys change") assertEquals(await one.state(ground, place), "new");
  }
  Deno.removeSync(place, { recursive: true });
}

/** Kills so many runs, the commands in turn. Returns what came of it, by command. */
export async function killRounds(rounds: number): Promise<ReadonlyMap<string, KillCounts>> {
  const all = new Map<string, KillCounts>();
  await inFolder(async (folder) => {
    const ground = await prepare(folder);
    const usual = new Map<Case, number>();
    for (let i = 0; i < rounds; i++) {
      const one = CASES[i % CASES.length] as Case;
      const counts = all.get(one.name) ?? { killed: 0, ended: 0, old: 0, fresh: 0, leftovers: 0 };
      all.set(one.name, counts);
      if (!usual.has(one)) usual.set(one, await timed(ground, one));
      await round(ground, one, `${folder}/round`, usual.get(one) as number, counts);
    }
  });
  return all;
}

/** How long a run takes that is left alone; it must end in the new state. */
async function timed(ground: Ground, one: Case): Promise<number> {
  const place = `${ground.folder}/alone`;
  Deno.mkdirSync(place);
  for (const [name, from] of Object.entries(one.given)) {
    Deno.copyFileSync(`${ground.folder}/${from}`, `${place}/${name}`);
  }
  const begin = performance.now();
  await expectExit(0, one.args, { cwd: place, env: NO_PASSPHRASE });
  const took = performance.now() - begin;
  assertEquals(await one.state(ground, place), "new", one.name);
  Deno.removeSync(place, { recursive: true });
  return took;
}
