import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { openSalvage } from "../../src/archive/salvage_open.ts";
import { REPORT_NAME, salvageInto, writeReport } from "../../src/disk/salvage.ts";
import { RestoreTarget } from "../../src/disk/restore.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { CountedSource } from "../archive/sources.ts";
import { seededRandom } from "../archive/archive_builder.ts";
import type { Item } from "../archive/archive_draft.ts";
import { regionsOf } from "../archive/frame_map.ts";
import { asFiles, createInMemory, FIXED_OPTIONS, MemoryFiles } from "../archive/memory_files.ts";
import { directory, file, row } from "../archive/sample_tree.ts";

const NOISE = seededRandom(4)(200_000);
const TREE: readonly Item[] = [
  directory("d", { mode: 0o750 }),
  file("d/noise", NOISE),
  file("d/noise-2", "small"),
  { row: row("hard", "hardlink", { link: "d/noise" }) },
  { row: row("soft", "symlink", { link: "/etc/passwd" }) },
  file("z", "last"),
];

async function archiveOf(items: readonly Item[], blockBytes = 2 ** 20): Promise<Bytes> {
  return (await createInMemory(asFiles(items), { access: new MemoryFiles(items), blockBytes })).known;
}

/** Salvages into a new folder, and says what came out and what was told. */
async function salvaged(bytes: Bytes, prepare: (folder: string) => void = () => {}) {
  const folder = join(Deno.makeTempDirSync(), "out");
  prepare(folder);
  const problems: string[] = [];
  const salvage = await openSalvage(nativeEngine, new CountedSource(bytes), { keys: FIXED_OPTIONS.keys });
  using target = RestoreTarget.open({
    directory: folder,
    onProblem: ({ path, reason }) => problems.push(`${path}: ${reason}`),
  });
  const report = await salvageInto(salvage, bytes.length, target, { maxExpansion: 1000 });
  const name = writeReport(target, "text\n", new Date(0));
  target.finish();
  return {
    folder,
    problems,
    report,
    name,
    [Symbol.dispose]: () => Deno.removeSync(join(folder, ".."), { recursive: true }),
  };
}

Deno.test("salvageInto() restores links, folders and metadata, and calls a name damaged like the file that it links to", async () => {
  const bytes = await archiveOf(TREE);
  const frame = regionsOf(bytes, 1).find(({ name }) => name === "block");
  const bad = bytes.slice();
  bad[(frame?.start ?? 0) + 48 + 65_536 + 5]! ^= 1;
  using got = await salvaged(bad);
  const at = (path: string) => join(got.folder, path);
  assertEquals(got.problems, []);
  assertEquals(got.report.damaged.map(({ path, size }) => [path, size]), [["d/noise", 200_000], ["hard", 200_000]]);
  const lost = got.report.damaged[0]?.lost ?? [];
  const [hole] = lost;
  assert(hole !== undefined && lost.length === 1 && hole.end - hole.start === 65_520);
  const wanted = NOISE.slice().fill(0, hole.start, hole.end);
  assertEquals(Deno.readFileSync(at("d/noise")), Uint8Array.from(wanted));
  assertEquals(Deno.statSync(at("d/noise")).ino, Deno.statSync(at("hard")).ino);
  assertEquals(Deno.readLinkSync(at("soft")), "/etc/passwd");
  assertEquals((Deno.statSync(at("d")).mode ?? 0) & 0o777, 0o750);
  assertEquals(Deno.readTextFileSync(at("z")), "last");
  assertEquals(got.name, REPORT_NAME);
});

Deno.test("salvageInto() names what is lost, hard links to it too", async () => {
  const bytes = await archiveOf(TREE);
  const frame = regionsOf(bytes, 1).find(({ name }) => name === "block");
  const bad = bytes.slice().fill(0, frame?.start ?? 0, (frame?.start ?? 0) + 48);
  using got = await salvaged(bad);
  const paths = got.report.lost.map(({ path }) => path);
  assertEquals(paths, ["d/noise", "d/noise-2", "z", "hard"]);
  assertEquals([...Deno.readDirSync(join(got.folder, "d"))], []);
  assertEquals(got.report.damaged, []);
});

Deno.test("salvageInto() keeps what is there, and links to nothing that it did not write", async () => {
  const bytes = await archiveOf(TREE);
  using got = await salvaged(bytes, (folder) => {
    Deno.mkdirSync(join(folder, "d"), { recursive: true });
    Deno.writeTextFileSync(join(folder, "d/noise"), "mine");
    Deno.symlinkSync("/nowhere", join(folder, "z"));
    Deno.writeTextFileSync(join(folder, REPORT_NAME), "mine");
  });
  assertEquals(Deno.readTextFileSync(join(got.folder, "d/noise")), "mine");
  assertEquals(Deno.readLinkSync(join(got.folder, "z")), "/nowhere");
  assertStringIncludes(got.problems.join("\n"), "d/noise: it exists already");
  assertStringIncludes(got.problems.join("\n"), "z: it exists already");
  assertEquals(got.report.lost.map(({ path }) => path), ["hard"]);
  assertEquals(got.name, "coffer-salvage-2.damaged");
});

Deno.test("salvageInto() writes through no symlink that an archive brings, or that stands in its way", async () => {
  const outside = Deno.makeTempDirSync();
  const bytes = await archiveOf([directory("d"), file("d/x", "through")]);
  using got = await salvaged(bytes, (folder) => {
    Deno.mkdirSync(folder);
    Deno.symlinkSync(outside, join(folder, "d"));
  });
  assertEquals([...Deno.readDirSync(outside)], []);
  assert(got.problems.length > 0);
  Deno.removeSync(outside);
});
