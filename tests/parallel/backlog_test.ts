import { assertEquals } from "@std/assert";
import { CODEC } from "../../src/format/frame.ts";
import { Backlog, takeOff, workOfFiles, workOfFrame } from "../../src/parallel/backlog.ts";

const MIB = 2 ** 20;

Deno.test("Backlog is enough when each worker has twice as much to do as the main thread begins", () => {
  const backlog = new Backlog(3);
  assertEquals(backlog.isEnoughFor(0), false);
  backlog.add(12 * MIB);
  assertEquals(backlog.isEnoughFor(2 * MIB), true);
  assertEquals(backlog.isEnoughFor(2 * MIB + 1), false);
  takeOff(backlog.memory, MIB);
  assertEquals(backlog.isEnoughFor(2 * MIB), false);
});

Deno.test("Backlog keeps workers busy while the main thread begins hardly anything", () => {
  const backlog = new Backlog(2);
  backlog.add(2 * MIB - 1);
  assertEquals(backlog.isEnoughFor(1), false);
  backlog.add(1);
  assertEquals(backlog.isEnoughFor(1), true);
});

Deno.test("workOfFrame() grows with what is opened and with the rows to be compared", () => {
  const head = { type: 1, codec: CODEC.zstd, stored: 10, raw: 1000, rows: 2, crc: 0 };
  assertEquals(workOfFrame(head), 3048);
});

Deno.test("workOfFiles() grows with what is written and with the files to be made", () => {
  assertEquals(workOfFiles(3, 1000), 50_152);
});
