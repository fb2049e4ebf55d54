/** Salvages archives in memory and judges what came out against what was put in. */
import { assert, assertEquals } from "@std/assert";
import type { Bytes, Engine } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import type { SalvageOptions } from "../../src/archive/salvage.ts";
import type { SalvageSummary } from "../../src/archive/salvage_losses.ts";
import { openSalvage } from "../../src/archive/salvage_open.ts";
import type { ByteRange } from "../../src/archive/byte_ranges.ts";
import { equalRows } from "../../src/format/rows.ts";
import type { Row } from "../../src/format/row.ts";
import { FIXED_OPTIONS } from "./memory_files.ts";
import type { Item } from "./archive_draft.ts";
import { CountedSource } from "./sources.ts";

/** A file that came out. */
export interface SalvagedFile {
  readonly row: Row;
  readonly content: Bytes;
  readonly lost: readonly ByteRange[];
  readonly isRowLost: boolean;
}

/** All that came out. */
export interface Salvaged {
  readonly files: ReadonlyMap<string, SalvagedFile>;
  readonly others: ReadonlyMap<string, Row>;
  readonly lost: ReadonlySet<string>;
  readonly summary: SalvageSummary;
  readonly warnings: readonly string[];
}

/** Salvages an archive; an error of opening it passes through. */
export async function salvage(
  bytes: Bytes,
  options: SalvageOptions = { keys: FIXED_OPTIONS.keys },
  engine: Engine = nativeEngine,
): Promise<Salvaged> {
  const warnings: string[] = [];
  const opened = await openSalvage(engine, new CountedSource(bytes), {
    ...options,
    onWarning: (warning) => warnings.push(warning),
  });
  const files = new Map<string, SalvagedFile>();
  const others = new Map<string, Row>();
  const lost = new Set<string>();
  let parts: { path: string; pieces: { fileOffset: number; bytes: Bytes }[] } | undefined;
  for await (const event of opened.events()) {
    switch (event.kind) {
      case "part":
        if (parts?.path !== event.path) {
          assertEquals(parts, undefined, "a file was left without its end");
          parts = { path: event.path, pieces: [] };
        }
        for (const piece of event.pieces) parts.pieces.push({ ...piece, bytes: piece.bytes.slice() });
        break;
      case "file": {
        const { row, lost, isRowLost } = event;
        const before = parts?.path === row.path ? parts.pieces : [];
        assert(parts === undefined || parts.path === row.path, "a file ended that was not at hand");
        parts = undefined;
        const content = new Uint8Array(row.size);
        for (const { fileOffset, bytes } of [...before, ...event.pieces]) content.set(bytes, fileOffset);
        assert(!files.has(row.path), `"${row.path}" came out twice`);
        files.set(row.path, { row, content, lost, isRowLost });
        break;
      }
      case "dropped":
        parts = undefined;
        break;
      case "lost":
        assert(!lost.has(event.row.path), `"${event.row.path}" was lost twice`);
        lost.add(event.row.path);
        break;
      case "bare": {
        const { row } = event;
        const content = new Uint8Array(row.size);
        if (!files.has(row.path)) files.set(row.path, { row, content, lost: [], isRowLost: false });
        break;
      }
      case "withdrawn":
        files.delete(event.row.path);
        break;
      case "link":
      case "folder":
        assert(!others.has(event.row.path), `"${event.row.path}" came out twice`);
        others.set(event.row.path, event.row);
        break;
      case "directory":
        break;
    }
  }
  assertEquals(parts, undefined, "a file was left without its end");
  return { files, others, lost, summary: opened.summary(), warnings };
}

/**
 * Says that what came out is true: nothing that was not put in, every byte that is not called lost as it was, and
 * what is called whole equal to what was put in.
 */
export function checkTrue({ files, others, lost }: Salvaged, items: ReadonlyMap<string, Item>): void {
  for (const [path, { row, content, lost, isRowLost }] of files) {
    const item = items.get(path);
    assert(item?.content !== undefined, `"${path}" was not put in`);
    const wanted = item.content;
    if (!isRowLost) assert(equalRows({ ...item.row, size: wanted.length }, row), `"${path}" has another row`);
    assert(content.length <= wanted.length && (isRowLost || content.length === wanted.length));
    let at = 0;
    for (const { start, end } of [...lost, { start: content.length, end: content.length }]) {
      assertEquals(content.subarray(at, start), wanted.subarray(at, start), `"${path}" from ${at} to ${start}`);
      at = end;
    }
  }
  for (const [path, row] of others) assert(equalRows(items.get(path)?.row as Row, row), `"${path}" has another row`);
  for (const path of lost) assert(items.has(path) && !files.has(path), `"${path}" is not lost`);
}

/** Whether a file came out, and is called whole. */
export function isWhole({ files }: Salvaged, path: string): boolean {
  const file = files.get(path);
  return file !== undefined && file.lost.length === 0 && !file.isRowLost;
}
