import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { parseCompareOptions } from "../../bench/compare.ts";
import { plotOf } from "../../bench/compare/plot.ts";
import { AIMS, sizeRatio, verdictOf } from "../../bench/compare/reach.ts";
import { comparisonDocument, profilePart, readmePart } from "../../bench/compare/render.ts";
import { type Cell, type Comparison, newestComparison } from "../../bench/compare/results.ts";
import { quote, runPipeline } from "../../bench/compare/shell.ts";
import type { Updates } from "../../bench/compare/updates.ts";
import { reportFiles, withPart } from "../../bench/compare_report.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));
const IS_POSIX = Deno.build.os === "linux";

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function cell(contender: string, action: Cell["action"], seconds: readonly number[], archiveBytes?: number): Cell {
  const samples = seconds.map((value) => ({ seconds: value, cpuSeconds: value, peakBytes: 2 ** 20 }));
  const base = { corpus: "small" as const, contender, action, samples };
  return archiveBytes === undefined ? base : { ...base, archiveBytes };
}

function comparison(cells: readonly Cell[]): Comparison {
  const taker = (name: string, title: string, kdfSeconds = 0) => ({
    name,
    title,
    kdfSeconds,
    version: "1.0",
    keyNote: "none",
  });
  return {
    schema: "coffer-bench/compare/1",
    date: "2025-06-01T12:00:00.000Z",
    machine: { cpu: "Example CPU", cores: 2, memoryGiB: 16, system: "linux x86_64", deno: "2.9.6" },
    storage: "memory",
    runBy: "deno run",
    quick: false,
    loadBefore: 0.1,
    minutes: 25,
    corpora: [{ name: "small", files: 50_000, entries: 60_000, bytes: 2e8 }],
    takers: [
      taker("coffer", "Coffer"),
      taker("zstd1-age", "tar | zstd -1 | age"),
      taker("zstd3-age", "tar | zstd -3 | age"),
      taker("zpaq", "zpaq", 0.5),
      { ...taker("dar", "dar"), version: undefined },
    ],
    cells,
    floors: [{ corpus: "small", name: "cat", what: "`cat` of all files", seconds: [0.3, 0.1, 0.2] }],
  };
}

const CELLS: readonly Cell[] = [
  cell("coffer", "create", [1, 1.2, 1.1], 101),
  cell("zstd1-age", "create", [1.5, 1.8, 1.65], 120),
  cell("zstd3-age", "create", [2, 2, 2], 100),
  cell("coffer", "one", [0.1, 0.1, 0.1]),
  cell("zpaq", "one", [0.6, 0.7, 0.58]),
  cell("coffer", "extract", [1]),
  { ...cell("zstd1-age", "extract", []), error: "exit code 1: broken" },
];

function aim(action: Cell["action"]): typeof AIMS[number] {
  const found = AIMS.find((one) => one.action === action);
  assert(found !== undefined);
  return found;
}

Deno.test("verdictOf() takes the faster rival by medians, and the spread of single rounds", () => {
  const verdict = verdictOf(comparison(CELLS), aim("create"), "small");
  assert(verdict !== undefined);
  assertEquals([verdict.rival, verdict.own, verdict.other, verdict.aim], ["zstd1-age", 1.1, 1.65, 1.3]);
  assertEquals([verdict.ratio, verdict.least, verdict.most].map((ratio) => ratio.toFixed(3)), [
    "1.500",
    "1.500",
    "1.500",
  ]);
});

Deno.test("verdictOf() leaves out what the rival's key derivation takes", () => {
  const verdict = verdictOf(comparison(CELLS), aim("one"), "small");
  assert(verdict !== undefined);
  assertEquals([verdict.ratio, verdict.least, verdict.most].map((ratio) => ratio.toFixed(2)), ["1.00", "0.80", "2.00"]);
});

Deno.test("verdictOf() says nothing where a side failed, or there is no aim", () => {
  assertEquals(verdictOf(comparison(CELLS), aim("extract"), "small"), undefined);
  assertEquals(verdictOf(comparison(CELLS), aim("list"), "text"), undefined);
});

Deno.test("sizeRatio() is of the archives of Coffer and zstd -3", () => {
  assertEquals(sizeRatio(comparison(CELLS), "small"), 1.01);
});

Deno.test("readmePart() shows cells that were won, lost, unsettled and not measured", () => {
  const part = readmePart(comparison(CELLS));
  assertStringIncludes(part, "**1.50×** of 1.3 ✓, 1.50–1.50 (1.10 s, tar \\| zstd -1 \\| age 1.65 s)");
  assertStringIncludes(part, "**1.00×** of 1.3 ✗, not in every round, 0.80–2.00");
  assertMatch(part, /\| extract everything \| not measured \|/);
  assertStringIncludes(part, "1.010 ✓");
});

Deno.test("comparisonDocument() names failures, floors and who was absent", () => {
  const document = comparisonDocument(comparison(CELLS));
  assertStringIncludes(document, "- small, extract everything, tar | zstd -1 | age: `exit code 1: broken`");
  assertStringIncludes(document, "| `cat` of all files | 0.200 |");
  assertStringIncludes(document, "Not installed, and so not compared: dar.");
});

Deno.test("profilePart() shows floors, and starts and memory against their bounds where there are any", () => {
  const results = comparison(CELLS);
  assertStringIncludes(profilePart(results), "| **Coffer: create** | **1.10** |");
  const seconds = (median: number) => ({ min: median / 2, median, max: median });
  const { date, machine } = results;
  const starts = [{ name: "empty", seconds: seconds(0.02) }, { name: "coffer list", seconds: seconds(0.05) }];
  const run = { corpus: "tree", action: "create", jobs: 2, peakBytes: 310 * 2 ** 20 };
  const part = profilePart(
    results,
    { date, machine, rounds: 3, results: starts },
    { date, machine, boundBytes: 300 * 2 ** 20, runs: [run, { ...run, corpus: "text", peakBytes: 2 ** 20 }] },
  );
  assertStringIncludes(part, "| coffer list | 50 | 25 | 2.50 |");
  assertStringIncludes(part, "| create, jobs: 2 | 310 ✗ | 1 ✓ |");
});

Deno.test("profilePart() holds the cells that miss their aim against the parts of the work that bound them", () => {
  const floor = (name: string, what: string, seconds: number) => ({
    corpus: "small" as const,
    name,
    what,
    seconds: [seconds],
  });
  const part = profilePart({
    ...comparison([
      ...[...CELLS, cell("zstd1-age", "extract", [1.04])],
      ...[cell("coffer", "list", [0.1]), cell("zpaq", "list", [0.55])],
      ...[cell("coffer", "verify", [0.5]), cell("zstd1-age", "verify", [0.48])],
    ]),
    floors: [
      floor("cp", "`cp`", 0.9),
      floor("unzstd", "`zstd -t`, one core", 0.2),
      floor("modules", "a start", 0.04),
      floor("tar", "`tar`", 2),
      floor("stages-extract", "its stages", 1.7),
      floor("stages-verify", "its stages", 0.6),
      floor("names", "names", 0.03),
      floor("open", "all blocks", 0.7),
      floor("start", "its start", 0.06),
    ],
  });
  assertMatch(
    part,
    /\| extract everything, small \| 1\.00 +\| 0\.800 \| \*\*`cp`: 0\.900\*\*; `zstd -t`, one core, shared by all: 0\.100; \*\*its stages, shared by all, and the start: 0\.910\*\* \|/,
  );
  assertMatch(
    part,
    /\| list, small +\| 0\.100 \| 0\.0500 \| a start: 0\.0400; names: 0\.0300; \*\*its start: 0\.0600\*\* \|/,
  );
  // What all cores share is in it already.
  assertMatch(
    part,
    /\| verify, small .* a start: 0\.0400; \*\*all blocks: 0\.700\*\*; its stages, shared by all, and the start: 0\.360 \|/,
  );
  assertMatch(part, /\| one file out, small +\| 0\.100 \| 0\.0769 \| a start: 0\.0400; its start: 0\.0600 \|/);
  assert(!part.includes("create, small"));
});

Deno.test("plotOf() draws one bar for each that was measured, the longest in proportion", () => {
  const svg = plotOf(comparison(CELLS), "create", "Seconds <to> create");
  const widths = [...svg.matchAll(/<rect class="(own|bar)"[^>]* width="(\d+)"/g)].map((
    [, kind, width],
  ) => [kind, Number(width)]);
  assertEquals(widths, [["own", 264], ["bar", 396], ["bar", 480]]);
  assertStringIncludes(svg, "Seconds &lt;to&gt; create; shorter is better");
  assertStringIncludes(svg, "prefers-color-scheme: dark");
});

Deno.test("readmePart() shows second runs without their start, beside find and the best of the others", () => {
  const samples = (...seconds: number[]) => seconds.map((value) => ({ seconds: value, cpuSeconds: 1, peakBytes: 1 }));
  const results = comparison(CELLS);
  const row = {
    start: [0.1, 0.3, 0.2],
    nothing: samples(0.5),
    changed: samples(0.9, 1.1, 1),
    addedBytes: [5e4, 7e4, 6e4],
  };
  const updates: Updates = {
    date: "2025-06-02T12:00:00.000Z",
    machine: results.machine,
    loadBefore: 0.1,
    files: 50_000,
    changedFiles: 500,
    changedBytes: 1e6,
    rows: [
      { contender: "coffer", ...row },
      { contender: "zpaq", ...row, start: [0.1], nothing: samples(0.6), changed: samples(1.1), addedBytes: [4e4] },
      { contender: "7zz", ...row, changed: samples(9), addedBytes: [1e3] },
      { contender: "borg", start: [1], nothing: [], changed: [], addedBytes: [], error: "exit code 2" },
    ],
    find: [0.2, 0.2, 0.1],
  };
  const part = readmePart({ ...results, updates });
  assertStringIncludes(part, "| Coffer | 0.300 | 0.800 | 60.0 KB | 0.200 |");
  assertStringIncludes(part, "| zpaq (1) | 0.500 | 1.00 | 40.0 KB | 0.100 |");
  assertStringIncludes(part, "| borg (0) | failed | failed | failed | 1.00 |");
  assertStringIncludes(part, "nothing changed, at most 2 times `find`: 1.50 ✓");
  assertStringIncludes(part, "the fastest other: 0.80 ✓; at most the bytes of zpaq, the least other: 1.50 ✗.");
  assertStringIncludes(part, "Failed: borg (`exit code 2`)");
  assertStringIncludes(comparisonDocument({ ...results, updates }), "## Second runs");
});

Deno.test("withPart() replaces what is between the marks, and nothing else", () => {
  const marks = ["<!-- comparison: made by deno task bench:report -->", "<!-- comparison: end -->"] as const;
  const document = `before\n${marks[0]}\nold\n${marks[1]}\nafter\n`;
  const replaced = withPart(document, "new");
  assertEquals(replaced, `before\n${marks[0]}\n\nnew\n\n${marks[1]}\nafter\n`);
  assertEquals(withPart(replaced, "new"), replaced);
  assertThrows(() => withPart("no marks", "new"), Error, "Cannot report");
});

Deno.test("README, the profile, the document and the plots are what the newest comparison makes", async () => {
  const results = await newestComparison(join(ROOT, "bench", "results"));
  if (results === undefined) {
    // Before the first run nothing may be claimed.
    const readme = await Deno.readTextFile(join(ROOT, "README.md"));
    assertMatch(readme, /<!-- comparison: made by deno task bench:report -->\s*<!-- comparison: end -->/);
    return;
  }
  assertEquals(results.quick, false);
  for (const [path, text] of Object.entries(await reportFiles(results))) {
    assertEquals(await Deno.readTextFile(join(ROOT, path)), text, path);
  }
});

Deno.test("parseCompareOptions() takes names that exist, and positive numbers", () => {
  const options = parseCompareOptions([
    "--tools",
    "age,coffer",
    "--corpora",
    "text",
    "--minutes",
    "2.5",
    "--jobs",
    "2",
  ]);
  assertEquals(parseCompareOptions(["--updates"]).corpora, ["small"]);
  assertEquals([options.tools, options.corpora, options.minutes, options.jobs], [["coffer", "age"], ["text"], 2.5, 2]);
  for (const args of [["--tools", "rar"], ["--minutes", "0"], ["--rounds", "1.5"], ["--fast"], ["--out", ""], ["x"]]) {
    assertThrows(() => parseCompareOptions(args), TypeError, "Cannot take");
  }
});

Deno.test("quote() keeps words whole", () => {
  assertEquals(["a-b", "it's", "", "a b"].map(quote), ["a-b", "'it'\\''s'", "''", "'a b'"]);
});

Deno.test({
  name: "runPipeline() fails when any program fails, or takes too long, and adds up memory",
  ignore: !IS_POSIX,
  fn: () =>
    withFolder(async (scratch) => {
      const options = { scratch, env: {}, timeoutSeconds: 20, signal: new AbortController().signal };
      const run = (...stages: string[][]) => runPipeline({ stages, cwd: scratch }, options);
      const message = (work: Promise<unknown>) => work.then(() => "done", (error: Error) => error.message);
      assertMatch(await message(run(["sh", "-c", "echo broken >&2; exit 3"], ["cat"])), /^exit code 3: broken/);
      assertMatch(
        await message(runPipeline({ stages: [["sleep", "30"]], cwd: scratch }, { ...options, timeoutSeconds: 1 })),
        /^took more/,
      );
      const one = await run(["cat", "/dev/null"]);
      const three = await run(["cat", "/dev/null"], ["cat"], ["cat"]);
      // Where GNU time is not installed, memory is not told.
      if (one.peakBytes !== undefined) assert((three.peakBytes ?? 0) > 2 * one.peakBytes);
      const output = join(scratch, "out");
      await runPipeline({ stages: [["echo", "it's"]], output, sync: [output], cwd: scratch }, options);
      assertEquals(await Deno.readTextFile(output), "it's\n");
    }),
});

Deno.test({
  name: "bench:compare measures every action, and extracts what was stored",
  ignore: !IS_POSIX,
  fn: () =>
    withFolder(async (folder) => {
      const out = join(folder, "out.json");
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "-A", join(ROOT, "bench", "compare.ts"), "--quick", "--tools", "coffer", "--out", out],
          ...["--corpora", "small,random", "--cache", join(folder, "cache"), "--work", folder],
        ],
      }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      const results: Comparison = JSON.parse(await Deno.readTextFile(out));
      assertEquals(results.cells.filter(({ error }) => error !== undefined), []);
      const measured = results.cells.map(({ corpus, action }) => `${corpus} ${action}`).sort();
      assertEquals(measured, [
        ...["random create", "random extract", "random verify"],
        ...["small create", "small extract", "small list", "small one", "small verify"],
      ]);
      for (const { samples } of results.cells) assert(samples.every(({ seconds }) => seconds > 0));
      // The other floors take programs, or libraries, that may not be there.
      for (const name of ["modules", "stages", "start", "stages-extract", "stages-verify"]) {
        for (const { error, seconds } of results.floors.filter((floor) => floor.name === name)) {
          assert(error === undefined && seconds.every((value) => value > 0), `${name}: ${error}`);
        }
      }
      assertEquals(results.floors.filter(({ name }) => name === "stages-extract").length, 2);
      const [row] = results.updates?.rows ?? [];
      assertEquals([results.updates?.files, results.updates?.changedFiles, row?.error], [400, 4, undefined]);
      // Nothing else is in the archive than what changed: a segment is a few pages.
      assert(row !== undefined && row.addedBytes.every((bytes) => bytes > 4 * 200 && bytes < 10 * 4096));
      assertEquals([row.nothing.length, row.changed.length], [1, 1]);
      const left = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
      assertEquals(left, ["cache", "out.json"]);
    }),
});
