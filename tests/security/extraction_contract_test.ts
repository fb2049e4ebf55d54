/**
 * Extracts every extraction vector onto the disk, with random access and from a pipe, on one thread and on two: what
 * the vector says is left, and nothing else, whatever the archive wants, and whoever else writes there meanwhile.
 */
import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { descriptorsWork } from "../../src/disk/descriptors.ts";
import { diskCalls } from "../../src/disk/disk_calls.ts";
import { windowsNameFault } from "../../src/disk/windows_names.ts";
import { foldingCalls } from "../disk/folding_calls.ts";
import { inFolder, POSIX, testWith } from "../e2e/conditions.ts";
import { describeTree, exists, leftovers, writeTree } from "../e2e/trees.ts";
import {
  extractionVectorNames,
  extractionVectorUrl,
  type Left,
  type LeftTree,
  readExtractionVector,
} from "../vectors/extraction/extraction_vector.ts";
import { extractVector, openable, type Way } from "./extract_vector.ts";

const NAMES = extractionVectorNames();
const WAYS: readonly Way[] = (["seek", "stream"] as const).flatMap((from) => [1, 2].map((jobs) => ({ from, jobs })));

/** What lies beside a target. */
function writeSurroundings(folder: string): void {
  writeTree(folder, { "outside/precious": "precious", "outside/folder": null });
  Deno.chmodSync(`${folder}/outside/folder`, 0o750);
}

function writeBefore(target: string, before: LeftTree): void {
  Deno.mkdirSync(target, { mode: 0o755 });
  for (const [path, entry] of Object.entries(before)) {
    if ("file" in entry) Deno.writeTextFileSync(`${target}/${path}`, entry.file, { mode: parseInt(entry.mode, 8) });
    if ("link" in entry) Deno.symlinkSync(entry.link, `${target}/${path}`);
  }
}

/** What is in a target, as a vector says it. */
function treeOf(target: string): LeftTree {
  const found: Record<string, Left> = {};
  const visit = (prefix: string): void => {
    for (const { name } of Deno.readDirSync(`${target}/${prefix}`)) {
      const path = prefix + name;
      const location = `${target}/${path}`;
      const info = Deno.lstatSync(location);
      const mode = ((info.mode ?? 0) & 0o7777).toString(8);
      if (info.isSymlink) found[path] = { link: Deno.readLinkSync(location) };
      else if (info.isFifo) found[path] = { fifo: mode };
      else if (info.isFile) {
        Deno.chmodSync(location, 0o600);
        const is = (info.nlink ?? 1) > 1 ? { is: `${info.ino}` } : {};
        found[path] = { file: Deno.readTextFileSync(location), mode, ...is };
        Deno.chmodSync(location, info.mode ?? 0);
      } else {
        found[path] = { directory: mode };
        Deno.chmodSync(location, 0o700);
        visit(`${path}/`);
      }
    }
  };
  visit("");
  return found;
}

/**
 * A tree so that equal ones are equal: which names are one file is told by the first of them, in any order of names.
 */
function comparable(tree: LeftTree, folding: boolean): Record<string, Left> {
  const first = new Map<string, string>();
  const entries = Object.entries(tree).map(([path, entry]) => {
    return [folding ? path.normalize("NFC").toLowerCase() : path, entry] as const;
  }).sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(entries.map(([path, entry]) => {
    if (!("file" in entry) || entry.is === undefined) return [path, entry];
    if (!first.has(entry.is)) first.set(entry.is, path);
    return [path, { ...entry, is: first.get(entry.is) as string }];
  }));
}

/** The tree with modes taken out that the vector does not say. */
function withoutOpenModes(tree: LeftTree, expected: LeftTree): LeftTree {
  return Object.fromEntries(
    Object.entries(tree).map(([path, entry]) => {
      const said = expected[path];
      const open = said !== undefined && "directory" in said && said.directory === null && "directory" in entry;
      return [path, open ? { directory: null } : entry];
    }),
  );
}

async function checkVector(name: string, way: Way): Promise<void> {
  const vector = readExtractionVector(name);
  const where = `${name}, ${way.from}, ${way.jobs} jobs`;
  await inFolder(async (folder) => {
    writeSurroundings(folder);
    const target = `${folder}/target`;
    if (vector.before !== null) writeBefore(target, vector.before);
    const outside = await describeTree(`${folder}/outside`);
    const folding = vector.fileSystem === "folding";
    const calls = folding ? foldingCalls(folder) : diskCalls;
    const { outcome, refused } = await extractVector(await openable(vector), target, way, calls);
    assertEquals({ outcome, refused }, vector[way.from], where);
    assertEquals(await describeTree(`${folder}/outside`), outside, where);
    assert(!exists("/coffer-outside"), where);
    assertEquals(leftovers(folder).filter((path) => !path.endsWith("/.a.aaaaaaaaaaaa.coffer-tmp")), [], where);
    const there = exists(target);
    assertEquals(there, vector.before !== null || outcome === "none", where);
    assertEquals([...Deno.readDirSync(folder)].length, there ? 2 : 1, where);
    if (!there) return;
    const left = comparable(vector.left ?? {}, folding);
    const found = withoutOpenModes(comparable(treeOf(target), folding), left);
    if (outcome === "none") assertEquals(found, left, where);
    else {
      for (const [path, entry] of Object.entries(found)) assertEquals(entry, left[path], `${where}: ${path}`);
      for (const [path, entry] of Object.entries(vector.before ?? {})) assertEquals(found[path], entry, where);
    }
  });
}

for (const name of NAMES.filter((name) => readExtractionVector(name).attacker === null)) {
  testWith(POSIX, `extracting the vector ${name} leaves what it says`, async () => {
    for (const way of WAYS) await checkVector(name, way);
  });
}

/** Swaps that an attacker has to make while one vector is extracted again and again in one way. */
const RACE_SWAPS = 100;

/** Extracts again and again while an attacker swaps a folder: until both have had their way, however long it takes. */
async function race(name: string, way: Way, fresh: boolean): Promise<void> {
  const vector = readExtractionVector(name);
  const archive = await openable(vector);
  await inFolder(async (folder) => {
    writeSurroundings(folder);
    const outside = await describeTree(`${folder}/outside`);
    const shared = new Int32Array(new SharedArrayBuffer(8));
    const attacker = new Worker(new URL("./attacker.ts", import.meta.url), { type: "module" });
    const hear = () =>
      new Promise<unknown>((resolve, reject) => {
        attacker.onmessage = ({ data }) => resolve(data);
        attacker.onerror = ({ message }) => reject(new Error(message));
      });
    const ready = hear();
    attacker.postMessage({ folder, path: vector.attacker, link: `${folder}/outside`, shared });
    assertEquals(await ready, "ready");
    let made = 0;
    for (let round = 0; made === 0 || Atomics.load(shared, 1) < RACE_SWAPS; round++) {
      const target = `${folder}/target-${round}`;
      if (!fresh) Deno.mkdirSync(`${target}/${vector.attacker}`, { recursive: true });
      // Who cannot keep others out may lose files to them, and may fail: only outside it must never write.
      const { outcome, entries } = await extractVector(archive, target, way, diskCalls);
      assertMatch(outcome, /^(none|inconsistent|system)$/, `${name}: ${outcome}`);
      made += entries;
    }
    const told = hear();
    Atomics.store(shared, 0, 1);
    assertEquals(await told, "done");
    attacker.terminate();
    assertEquals(await describeTree(`${folder}/outside`), outside, `${name}, ${way.from}, ${way.jobs} jobs`);
  });
}

for (const name of NAMES.filter((name) => readExtractionVector(name).attacker !== null)) {
  Deno.test({
    name: `extracting the vector ${name} writes nothing outside while an attacker swaps its folder for a symlink`,
    ignore: !descriptorsWork(),
    fn: async () => {
      for (const way of WAYS) {
        for (const fresh of [true, false]) await race(name, way, fresh);
      }
    },
  });
}

Deno.test("the extraction vectors are whole, small, and say what they are about and like", async () => {
  let total = 0;
  const abouts = new Set<string>();
  const like = new Set<string>();
  for (const name of NAMES) {
    const { size } = await Deno.stat(extractionVectorUrl(name));
    assert(size < 64 * 1024, `"${name}" has ${size} bytes`);
    total += size;
    const vector = readExtractionVector(name);
    const { bytes } = await openable(vector);
    const sha256 = encodeHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
    assertEquals({ length: bytes.length, sha256 }, { length: vector.length, sha256: vector.sha256 }, name);
    abouts.add(vector.about);
    for (const cve of vector.like) like.add(cve);
  }
  assert(total < 2 ** 20, `the vectors have ${total} bytes together`);
  assertEquals(abouts.size, NAMES.length);
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  assertStringIncludes(readme, `${NAMES.length} published vectors`);
  assertStringIncludes(readme, `${like.size} CVEs`);
  for (const cve of like) assertMatch(cve, /^CVE-\d{4}-\d{4,}$/);
});

Deno.test("a name that an extraction vector says Windows takes for something else is refused there", () => {
  const parts = NAMES.flatMap((name) => readExtractionVector(name).onWindows);
  assertNotEquals(parts, []);
  for (const part of parts) assertNotEquals(windowsNameFault(part), undefined, part);
});
