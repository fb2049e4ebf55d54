import { assertEquals } from "@std/assert";
import { actionResult, formatResults, type Results } from "../../bench/report.ts";

const MEBIBYTE = 2 ** 20;

Deno.test("actionResult() takes medians, and the largest peak", () => {
  const costs = [
    { seconds: 3, cpuSeconds: 4, peakBytes: 10 },
    { seconds: 1, cpuSeconds: 2, peakBytes: 30 },
    { seconds: 2, cpuSeconds: 3, peakBytes: 20 },
  ];
  assertEquals(actionResult("create", costs, 100, 5), {
    action: "create",
    seconds: { min: 1, median: 2, max: 3 },
    cpuSeconds: { min: 2, median: 3, max: 4 },
    peakBytes: 30,
    bytes: 100,
    files: 5,
  });
});

Deno.test("actionResult() says nothing of what the system does not tell", () => {
  const result = actionResult("list", [{ seconds: 1, cpuSeconds: undefined, peakBytes: undefined }], 0, 5);
  assertEquals([result.cpuSeconds, result.peakBytes], [undefined, undefined]);
});

Deno.test("formatResults() shows the machine, each run and each size", () => {
  const one = (value: number) => ({ min: value, median: value, max: value });
  const results: Results = {
    date: "2025-06-01T12:00:00.000Z",
    machine: { cpu: "Example CPU", cores: 2, memoryGiB: 16, system: "linux x86_64", deno: "2.9.6" },
    storage: "memory",
    loadBefore: 0.25,
    program: "coffer 1.0.0",
    runBy: "deno run",
    corporaVersion: 1,
    scale: 1,
    rounds: 1,
    startSeconds: one(0.1),
    emptySeconds: one(0.05),
    kdfSeconds: { min: 0.3, median: 0.35, max: 1 },
    corpora: [{
      name: "small",
      description: "files",
      files: 1000,
      bytes: 4e6,
      archiveBytes: 1e6,
      actions: [
        {
          action: "create",
          seconds: { min: 1.5, median: 2, max: 2.5 },
          cpuSeconds: one(3),
          peakBytes: 100 * MEBIBYTE,
          bytes: 4e6,
          files: 1000,
        },
        { action: "cat", seconds: one(0.5), cpuSeconds: undefined, peakBytes: undefined, bytes: 900, files: 1 },
      ],
    }],
  };
  assertEquals(
    formatResults(results),
    `coffer 1.0.0, run by deno run, Deno 2.9.6
Example CPU, cores: 2, memory: 16 GiB, linux x86_64
files in memory; scale 1; 1 round; load before: 0.25

corpus  action  seconds   min   max  CPU s  MB/s  files/s  peak MiB
------  ------  -------  ----  ----  -----  ----  -------  --------
small   create     2.00  1.50  2.50   3.00  2.00      500       100
small   cat        0.50  0.50  0.50

corpus         files   MB  archive MB  ratio
------  -----  -----  ---  ----------  -----
small   files   1000  4.0         1.0   4.00

In each of these runs, median (min to max), in milliseconds:
  starting and ending the program    100 (100 to 100)
  of which Deno, an empty script      50 (50 to 50)
  the passphrase function, alone     350 (300 to 1000)`,
  );
});
