/**
 * What size of block and which level of zstd cost and save: a tree's files, one behind the other, cut into blocks that
 * are compressed each by itself, as Coffer does, beside one stream through the zstd program.
 *
 *     deno run -A bench/block_sizes.ts FOLDER…       a row for every level, size of block and folder
 *
 * Options: `--limit MIB` (bytes taken from each folder; default 256).
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { nativeEngine } from "../src/engine/native/engine.ts";
import { formatTable } from "./table.ts";

const LEVELS = [1, 2, 3, 4, 5];
const BLOCK_MIB = [0.5, 1, 2, 4];

/** The contents of a tree's files in the order of a walk, up to a number of bytes. */
function contentsOf(folder: string, limit: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(limit);
  let length = 0;
  const walk = (path: string): void => {
    for (const { name, isDirectory, isFile } of [...Deno.readDirSync(path)].sort((a, b) => a.name < b.name ? -1 : 1)) {
      if (length === limit) return;
      const below = `${path}/${name}`;
      if (isDirectory) walk(below);
      else if (isFile) {
        using file = Deno.openSync(below);
        for (;;) {
          const read = length === limit ? null : file.readSync(all.subarray(length));
          if (read === null) break;
          length += read;
        }
      }
    }
  };
  walk(folder);
  return all.subarray(0, length);
}

/** Bytes that the zstd program makes of it at level 3. */
async function streamed(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
  const child = new Deno.Command("zstd", { args: ["-q", "-3", "-T0", "-c"], stdin: "piped", stdout: "piped" }).spawn();
  const written = ReadableStream.from([bytes]).pipeTo(child.stdin);
  let size = 0;
  for await (const piece of child.stdout) size += piece.length;
  await written;
  return size;
}

const parsed = parseArgs(Deno.args, { string: ["limit"] });
const limit = Number(parsed.limit ?? 256) * 2 ** 20;
const { compress } = nativeEngine;
if (compress === undefined) throw new TypeError("Cannot measure: the engine does not compress");
const rows: string[][] = [];
for (const folder of parsed._) {
  const bytes = contentsOf(String(folder), limit);
  const whole = await streamed(bytes);
  for (const level of LEVELS) {
    for (const mib of BLOCK_MIB) {
      const size = mib * 2 ** 20;
      let stored = 0;
      const begun = performance.now();
      for (let at = 0; at < bytes.length; at += size) {
        const block = bytes.subarray(at, Math.min(at + size, bytes.length));
        stored += Math.min(block.length, compress(block, level).length);
      }
      const seconds = (performance.now() - begun) / 1000;
      const speed = bytes.length / 10 ** 6 / seconds;
      rows.push([String(folder), String(level), String(mib), (stored / whole).toFixed(3), speed.toFixed(0)]);
    }
  }
}
const right = (title: string) => ({ title, align: "right" } as const);
console.log(formatTable(
  [{ title: "folder", align: "left" }, ...["level", "MiB", "size, zstd -3's being 1", "MB/s, one thread"].map(right)],
  rows,
));
