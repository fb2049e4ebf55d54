import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { type Growth, growthPart, growthPlot, type Looks } from "../../bench/compare/growth.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));

function looks(milliseconds: number): Looks {
  const look = { seconds: milliseconds / 1000, inside: milliseconds / 10_000, reads: 5, bytes: 1000 };
  return { open: look, list: look, one: { ...look, seconds: look.seconds * 2 } };
}

const GROWTH: Growth = {
  schema: "coffer-bench/updates/1",
  date: "2025-06-01T12:00:00.000Z",
  machine: { cpu: "Example CPU", cores: 2, memoryGiB: 16, system: "linux x86_64", deno: "2.9.6" },
  loadBefore: 0.1,
  files: 10_000,
  changedFiles: 100,
  firstBytes: 1e6,
  added: [10_000, 30_000, 20_000, 40_000],
  seconds: [0.3, 0.1, 0.2, 0.2],
  runs: [1, 2, 3, 2],
  checkpoints: [{
    updates: 4,
    archiveBytes: 1.1e6,
    singleBytes: 1e6,
    first: looks(150),
    firstAlone: looks(100),
    latest: looks(220),
    latestAlone: looks(100),
  }],
};

Deno.test("growthPart() says how looks and updates have grown, against the limit", () => {
  const part = growthPart(GROWTH);
  assertStringIncludes(
    part,
    "| first snapshot | **1.50×** ✓ (150 and 100 ms; 15.0 and 10.0 ms inside; 5 and 5 reads) |",
  );
  assertStringIncludes(part, "| newest snapshot | **2.20×** ✗ (220 and 100 ms;");
  assertMatch(part, /adds 25\.0 KB in the median, 40\.0 KB at most, and on average\s+20\.0 KB in the first half/);
  assertMatch(part, /30\.0 KB in the second,\s+which is 0\.250 KB for a file/);
  assertStringIncludes(part, "The catalog has 3 runs at most");
});

Deno.test("growthPlot() draws a bar for each update, as high as it added, and a line for each look", () => {
  const svg = growthPlot(GROWTH);
  const [, bars = ""] = /class="bytes" d="([^"]+)"/.exec(svg) ?? [];
  const heights = [...bars.matchAll(/M[\d.]+ ([\d.]+)V([\d.]+)/g)].map(([, base, top]) => Number(base) - Number(top));
  assertEquals(heights, [42.5, 127.5, 85, 170]);
  assertEquals(svg.match(/<polyline/g)?.length, 6);
});

Deno.test({
  name: "bench:updates appends snapshots, and looks at the first and the newest",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const out = join(folder, "out.json");
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "-A", join(ROOT, "bench", "updates.ts"), "--scale", "0.002", "--rounds", "1"],
          ...["--dir", folder, "--out", out],
        ],
      }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      const growth: Growth = JSON.parse(await Deno.readTextFile(out));
      assertEquals([growth.files, growth.added.length, growth.checkpoints.length], [20, 2, 2]);
      for (const { first, latest } of growth.checkpoints) {
        for (const look of [first.open, first.list, first.one, latest.open, latest.list, latest.one]) {
          assert(look.seconds > look.inside && look.inside > 0 && look.reads > 1 && look.bytes > 4096);
        }
      }
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["out.json"]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
