import { assert, assertEquals } from "@std/assert";
import type { Glance } from "../../src/archive/changes.ts";
import { REPORTED_NAMES, reportMemory, ReportReader, ReportWriter } from "../../src/disk/folder_reports.ts";
import { libc } from "../../src/disk/libc.ts";
import { KeptStatuses, STATUS_BYTES } from "../../src/disk/system_status.ts";
import { walk, type WalkEntry, type WalkOptions, type WalkProblem } from "../../src/disk/walk.ts";
import type { Reports } from "../../src/disk/walk_folder.ts";
import { EarlyWorkers } from "../../src/parallel/early_workers.ts";
import { scoutsFor, startScout } from "../../src/parallel/scout_walk.ts";
import { run, withFolder, withFolderAsync } from "../disk/surroundings.ts";

const HAS_LIBC = libc() !== undefined;
const WITHOUT = "the C library's calls cannot be used here, and there are no scouts without them";

interface Walked {
  readonly entries: readonly WalkEntry[];
  /** Names that were asked about, each with what a look at it said. */
  readonly glances: readonly string[];
  readonly problems: readonly WalkProblem[];
}

/** Walks a tree of which files and folders with an `o` in their name are not known. */
function walked(location: string, options: WalkOptions = {}): Walked {
  const glances: string[] = [];
  const problems: WalkProblem[] = [];
  const isKnown = (folder: string, name: string, glance: Glance): boolean => {
    glances.push(`${folder}${name} ${JSON.stringify(glance)}`);
    return !name.includes("o");
  };
  const onProblem = (problem: WalkProblem) => problems.push(problem);
  const entries = [...walk([{ location, stored: "t" }], { isKnown, onProblem, ...options })];
  return { entries, glances, problems };
}

/** Walks behind a scout that is there, and counts the reports taken. */
async function scouted(
  location: string,
  options: WalkOptions = {},
  meanwhile: () => void = () => {},
): Promise<Walked & { readonly taken: readonly string[]; readonly parts: readonly string[] }> {
  using early = scoutsFor("/dev/null", 2);
  using scout = startScout({ roots: [{ location, stored: "t" }], oneFileSystem: false }, early);
  assert(scout !== undefined);
  const { reports } = scout;
  // The first report is the test's: it says that the scout is there.
  for (;;) {
    const first = reports.take("t");
    if (first === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    else {
      reports.giveBack(first);
      break;
    }
  }
  // What is in the folders of the root has been looked at, or will be within this time.
  await new Promise((resolve) => setTimeout(resolve, 50));
  meanwhile();
  const taken: string[] = [];
  const parts: string[] = [];
  const counted: Reports = {
    take: (path) => {
      const report = reports.take(path);
      if (report !== undefined) taken.push(path);
      return report;
    },
    takeMore: (path) => {
      const report = reports.takeMore(path);
      if (report !== undefined) parts.push(path);
      return report;
    },
    giveBack: (report) => reports.giveBack(report),
  };
  return { ...walked(location, { ...options, reports: counted }), taken, parts };
}

function plant(folder: string, paths: readonly string[]): void {
  for (const path of paths) {
    const full = `${folder}/${path}`;
    Deno.mkdirSync(full.slice(0, full.lastIndexOf("/")), { recursive: true });
    if (!path.endsWith("/")) Deno.writeTextFileSync(full, path);
  }
}

const LARGE = Array.from({ length: 2 * REPORTED_NAMES + 7 }, (_, i) => `big/${String(i).padStart(5, "x")}`);
const TREE = [
  ...LARGE,
  ...["big/x00100/deep/file", "big/xx800/one", "a/", "b/c/d/e/f", "b/c/other", "u/ü/inner/file", "u/ü/ö", "z/known"],
].filter((path) => path !== "big/xx800");

Deno.test({
  name: "a walk behind a scout gives what it gives alone, of each kind of entry and from large folders in parts",
  ignore: !HAS_LIBC,
  fn: async () => {
    await withFolderAsync(async (folder) => {
      plant(folder, TREE);
      Deno.symlinkSync("b/c", `${folder}/b/link`);
      Deno.linkSync(`${folder}/b/c/other`, `${folder}/z/second`);
      run("mkfifo", `${folder}/z/fifo`);
      const alone = walked(folder);
      const behind = await scouted(folder);
      assertEquals(behind.entries, alone.entries);
      assertEquals(behind.glances, alone.glances);
      assertEquals(behind.problems, []);
      const all = [...walk([{ location: folder, stored: "t" }])];
      const folders = all.filter(({ row }) => row.kind === "directory").map(({ row }) => row.path);
      // Names that are not plain ASCII are the walk's own affair; those in folders called so are not. A folder that has
      // none in it may have been left to the walk.
      const isInner = (path: string) => folders.some((other) => other.startsWith(`${path}/`));
      const own = ["t", "t/u", "t/u/ü"];
      assertEquals(behind.taken.filter(isInner), folders.filter((path) => isInner(path) && !own.includes(path)));
      assert(behind.taken.every((path) => folders.includes(path) && !own.includes(path)));
      assertEquals(behind.parts, ["t/big", "t/big"]);
    });
  },
});

Deno.test({
  name: "a walk behind a scout passes over what is left out, and goes on with reports",
  ignore: !HAS_LIBC,
  fn: async () => {
    await withFolderAsync(async (folder) => {
      plant(folder, TREE);
      const exclude = (path: string) => path === "t/b" || path === "t/big/x00100";
      const behind = await scouted(folder, { exclude });
      assertEquals(behind.entries, walked(folder, { exclude }).entries);
      assertEquals(behind.taken.includes("t/big"), true);
      assertEquals(behind.taken.filter((path) => path.startsWith("t/b/") || path.startsWith("t/big/x00100")), []);
      assertEquals(behind.parts, ["t/big", "t/big"]);
    });
  },
});

Deno.test({
  name: "a walk looks itself at what changed after a report, and at a folder that was replaced",
  ignore: !HAS_LIBC,
  fn: async () => {
    await withFolderAsync(async (folder) => {
      plant(folder, ["a/same", "a/one", "b/before", "c/gone"]);
      const behind = await scouted(folder, {}, () => {
        Deno.writeTextFileSync(`${folder}/a/one`, "longer than it was when the scout came by");
        Deno.renameSync(`${folder}/b`, `${folder}/moved`);
        plant(folder, ["b/outer"]);
      });
      const rows = behind.entries.map(({ row: { path, size } }) => [path, size]);
      assertEquals(rows, [
        ["t", 0],
        ["t/a/one", 41],
        ["t/b/outer", 7],
        ["t/c/gone", 6],
        ["t/moved", 0],
        ["t/moved/before", 8],
      ]);
    });
  },
});

Deno.test({
  name: "a walk says what is wrong where a scout could not look",
  ignore: !HAS_LIBC,
  fn: async () => {
    await withFolderAsync(async (folder) => {
      plant(folder, ["a/one", "b/two", "c/two"]);
      const behind = await scouted(folder, {}, () => Deno.removeSync(`${folder}/b`, { recursive: true }));
      assertEquals(behind.problems, []);
      assertEquals(behind.entries.map(({ row }) => row.path), ["t", "t/a/one", "t/c/two"]);
    });
  },
});

Deno.test({
  name: "startScout() gives none when its thread cannot be had, or has failed",
  ignore: !HAS_LIBC,
  fn: () => {
    const task = { roots: [], oneFileSystem: false };
    using early = new EarlyWorkers(0, () => {
      throw new Error("no more threads");
    });
    assertEquals(startScout(task, early), undefined);
  },
});

/** A status with some number in it. */
const LIST = { dev: 1, ino: 2, isPart: false, more: false };

Deno.test("reports go around the ring, whole, in order, and with their statuses", () => {
  const memory = reportMemory();
  const writer = new ReportWriter(memory);
  const reader = new ReportReader(memory);
  writer.ready();
  // Nothing has been reported: the reader says from where on it should be.
  assertEquals(reader.take("a"), undefined);
  assertEquals(writer.begin(), true);
  const names = Array.from({ length: REPORTED_NAMES }, (_, i) => `${i}`);
  let last = 0;
  // Three times around.
  for (let i = 0; i < 200; i++) {
    const path = `a${String(i).padStart(4, "0")}/${"p".repeat(i)}`;
    const fill = (into: Uint32Array) => into.fill(i);
    assert(writer.report(path, { ...LIST, names, more: i % 2 === 0 }, fill));
    writer.tell();
    const report = reader.take(path);
    assertEquals(report?.names, names);
    assertEquals(report?.more, i % 2 === 0);
    assertEquals([report?.dev, report?.ino], [1, 2]);
    const bytes = report?.statuses?.bytes ?? new Uint8Array(0);
    assertEquals(new Uint32Array(bytes.buffer, 0, names.length * STATUS_BYTES / 4).every((word) => word === i), true);
    if (report !== undefined) reader.giveBack(report);
    last = i;
  }
  assertEquals(last, 199);
});

Deno.test("reports go around the ring when less is left at its end than a report begins with", () => {
  // In units of 16 bytes there are 2^18: reports of 7 leave 1, and 2 when one of 6 was before them.
  for (const first of [[], ["-".repeat(40)]]) {
    const memory = reportMemory();
    const writer = new ReportWriter(memory);
    const reader = new ReportReader(memory);
    writer.ready();
    reader.start();
    assertEquals(writer.begin(), true);
    const paths = Array.from({ length: Math.floor(2 ** 18 / 7) + 9 }, (_, i) => String(i).padStart(50, "0"));
    let taken = 0;
    for (const path of [...first, ...paths]) {
      if (!writer.report(path, { ...LIST, names: [] }, () => {})) break;
      writer.tell();
      if (reader.take(path)?.names.length === 0) taken++;
    }
    assertEquals(taken, first.length + paths.length);
  }
});

Deno.test("a reader passes over reports before what it asks for, and keeps those behind it", () => {
  const memory = reportMemory();
  const writer = new ReportWriter(memory);
  const reader = new ReportReader(memory);
  writer.ready();
  assertEquals(reader.take("a"), undefined);
  assertEquals(writer.begin(), true);
  assertEquals([writer.isWanted("Z"), writer.isWanted("a"), writer.isWanted("b")], [false, true, true]);
  const report = (path: string, names: string[], isPart = false) =>
    writer.report(path, { ...LIST, names, isPart }, (into) => into.fill(0));
  report("a", ["x"]);
  report("a/x", ["1"]);
  report("a", ["y"], true);
  report("b", ["2"]);
  report("b/c", ["3"]);
  report("d", ["4"]);
  writer.end();
  assertEquals(reader.take("a")?.names, ["x"]);
  // Not reported on, while more of what is above it is to come.
  assertEquals(reader.take("a/w"), undefined);
  assertEquals(reader.takeMore("a")?.names, ["y"]);
  assertEquals(reader.take("a/z"), undefined);
  assertEquals(reader.takeMore("a"), undefined);
  // It has seen what was wanted, so that it can be told what is wanted next.
  assertEquals(writer.isWanted("a"), true);
  assertEquals(reader.take("b/c")?.names, ["3"]);
  assertEquals([writer.isWanted("b"), writer.mayBeWanted("b"), writer.mayBeWanted("a/x")], [false, true, false]);
  assertEquals(reader.take("e"), undefined);
  reader.stop();
  assertEquals([writer.stopped, writer.begin()], [true, false]);
});

Deno.test("a scout leaves a folder, or a part of one, to a walk that had taken all reports, and then not the next", () => {
  const memory = reportMemory();
  const writer = new ReportWriter(memory);
  const reader = new ReportReader(memory);
  const fill = (into: Uint32Array) => into.fill(0);
  const report = (path: string, names: string[], rest: { isPart?: boolean; more?: boolean } = {}) =>
    assert(writer.report(path, { ...LIST, names, ...rest }, fill));
  writer.ready();
  reader.start();
  assertEquals(writer.begin(), true);
  // At first nobody knows how fast the walk is.
  assertEquals([writer.mayLeave, writer.leave("a", LIST)], [false, false]);
  report("a", []);
  assertEquals([writer.mayLeave, writer.leave("b", LIST)], [true, true]);
  assertEquals([writer.mayLeave, writer.leave("c", LIST)], [false, false]);
  report("c", ["x"], { more: true });
  assertEquals(writer.mayLeave, false);
  writer.tell();
  assertEquals(reader.take("a")?.names, []);
  assertEquals(reader.take("b"), undefined);
  const first = reader.take("c");
  assertEquals([first?.names, first?.more, first?.statuses === undefined], [["x"], true, false]);
  report("c/x", []);
  assertEquals(writer.mayLeave, true);
  assert(writer.report("c", { ...LIST, names: ["y", "z"], isPart: true }, undefined));
  assertEquals(writer.mayLeave, false);
  assertEquals(reader.takeMore("c"), { dev: 1, ino: 2, names: ["y", "z"], statuses: undefined, more: false });
  report("d", []);
  assertEquals(writer.isWanted("d"), true);
  // What is before all that is asked for is left to nobody.
  writer.end();
  assertEquals(reader.take("e"), undefined);
  assertEquals([writer.mayLeave, writer.isWanted("d"), writer.leave("d", LIST)], [true, false, false]);
});

Deno.test({
  name: "a walk looks itself at what a scout left to it, and at the folders in that",
  ignore: !HAS_LIBC,
  fn: () => {
    withFolder((folder) => {
      plant(folder, ["a", "b/one", "c", "no", "o/two", "q/r", "s"]);
      const { dev, ino } = Deno.statSync(folder);
      const calls = libc();
      assert(calls !== undefined && ino !== null);
      const descriptor = calls.open(folder, 0, 0);
      const walkedWith = (change: (writer: ReportWriter) => void): Walked => {
        const memory = reportMemory();
        const writer = new ReportWriter(memory);
        const reader = new ReportReader(memory);
        writer.ready();
        const look = (into: Uint32Array) => {
          for (const [i, name] of ["a", "b", "c"].entries()) calls.keepStatus(descriptor, name, into, i);
        };
        const part = { dev, ino, isPart: false, more: true };
        assert(writer.report("t", { ...part, names: ["a", "b", "c"] }, look));
        assert(writer.report("t", { ...part, names: ["no", "o", "q", "s"], isPart: true, more: false }, undefined));
        writer.end();
        change(writer);
        return walked(folder, { reports: reader });
      };
      try {
        const alone = walked(folder);
        assertEquals(walkedWith(() => {}), alone);
        // What is left is as it is when the walk comes to it.
        const after = walkedWith(() => {
          Deno.writeTextFileSync(`${folder}/no`, "longer than it was");
          Deno.removeSync(`${folder}/s`);
        });
        const sizes = after.entries.map(({ row }) => [row.path, row.size]);
        assertEquals(sizes, [["t", 0], ["t/b/one", 5], ["t/no", 18], ["t/o", 0], ["t/o/two", 5]]);
        assertEquals(after.problems.map(({ path }) => path), ["t/s"]);
      } finally {
        calls.close(descriptor);
      }
    });
  },
});

Deno.test({
  name: "keepStatus() puts down what statusAt() gives, and gives what is a folder",
  ignore: !HAS_LIBC,
  fn: () => {
    withFolder((folder) => {
      plant(folder, ["file", "sub/x"]);
      const calls = libc();
      assert(calls !== undefined);
      const descriptor = calls.open(folder, 0, 0);
      try {
        const into = new Uint32Array(3 * STATUS_BYTES / 4).fill(1);
        const found = ["file", "absent", "sub"].map((name, i) => calls.keepStatus(descriptor, name, into, i)?.inode);
        assertEquals(found, [undefined, undefined, Deno.statSync(`${folder}/sub`).ino ?? undefined]);
        const kept = new KeptStatuses(new Uint8Array(into.buffer));
        assertEquals(kept.at(1), undefined);
        for (const [name, i] of [["file", 0], ["sub", 2]] as const) {
          const status = calls.statusAt(descriptor, name);
          const fields = [
            "fullMode",
            "size",
            "mtimeSeconds",
            "mtimeNanoseconds",
            "ctimeSeconds",
            "dev",
            "inode",
          ] as const;
          const more = ["nlink", "uid", "gid", "blocks"] as const;
          for (const field of [...fields, ...more]) assertEquals(kept.at(i)?.[field], status?.[field], field);
        }
      } finally {
        calls.close(descriptor);
      }
    });
  },
});

if (!HAS_LIBC) console.warn(`Tests of scouts are skipped: ${WITHOUT}`);
