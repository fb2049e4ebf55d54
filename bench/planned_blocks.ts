/** Blocks as `coffer create` plans them, for benchmarks of their parts. */
import process from "node:process";
import type { BlockPart } from "../src/archive/block_builder.ts";
import { BLOCK_BYTES, LARGE_BLOCK_BYTES, planBlocks, type PlannedEntry } from "../src/archive/planner.ts";
import { fileContent } from "../src/disk/content.ts";
import { planRoots } from "../src/disk/names.ts";
import { walk } from "../src/disk/walk.ts";
import type { Bytes } from "../src/engine/engine.ts";

/** The parts of each block of a folder. */
export function plannedBlocks(folder: string): AsyncGenerator<readonly BlockPart[]> {
  return planBlocks(entriesOf(folder), BLOCK_BYTES, LARGE_BLOCK_BYTES);
}

function* entriesOf(folder: string): Generator<PlannedEntry> {
  for (const { row, location, sparse } of walk(planRoots([folder]).roots)) {
    yield { row, content: row.kind === "file" ? { kind: "file", location, sparse } : undefined };
  }
}

/** Bytes of content that a block is planned to hold. */
export function plannedLength(parts: readonly BlockPart[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

/** Reads the content of a block into the beginning of a buffer; returns what it fills. */
export function readContent(parts: readonly BlockPart[], into: Bytes): Bytes {
  let end = 0;
  for (const { content, offset, length } of parts) {
    if (content.kind !== "file") continue;
    const reader = fileContent.open(content.location);
    if (length > 0) end += reader.read(offset, into.subarray(end, end + length));
    reader.status();
    reader.close();
  }
  return into.subarray(0, end);
}

/** Processor seconds of this process so far, the system's included. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 10 ** 6;
}
