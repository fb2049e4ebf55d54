import { assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding/hex";
import { type ChunkedBlock, decodeChunkTable, encodeChunkTable } from "../../src/format/chunk_table.ts";
import type { ArchiveError } from "../../src/format/errors.ts";
import { MAX_TABLE_CHUNKS } from "../../src/format/limits.ts";
import { seededRandom } from "../archive/archive_builder.ts";

const id = (byte: number) => new Uint8Array(16).fill(byte);
const BLOCKS: readonly ChunkedBlock[] = [
  { place: { frame: 0, offset: 32, frameBytes: 176 }, lengths: [5, 300], ids: new Uint8Array([...id(1), ...id(2)]) },
  { place: { frame: 2, offset: 400, frameBytes: 64 }, lengths: [16_384], ids: id(3) },
];
// By hand, from FORMAT.md: each column is a number, a length and its values.
const BYTES = [
  "01 09 02 00 40 B001 04 8003 40",
  "02 02 02 01",
  "03 06 05 AC02 808001",
  `04 30 ${"01".repeat(16)} ${"02".repeat(16)} ${"03".repeat(16)}`,
].join("").replaceAll(" ", "").toLowerCase();

Deno.test("encodeChunkTable() gives what FORMAT.md says, and decodeChunkTable() takes it", () => {
  assertEquals(encodeHex(new Uint8Array(encodeChunkTable(BLOCKS))), BYTES);
  const decoded = decodeChunkTable(decodeHex(BYTES), 3, 0);
  assertEquals(decoded.map(({ lengths, ...block }) => ({ ...block, lengths: [...lengths] })), [...BLOCKS]);
  const [first] = decodeChunkTable(decodeHex(BYTES), 3, 7);
  assertEquals(first?.place, { segment: 7, frame: 0, offset: 32, frameBytes: 176 });
});

Deno.test("decodeChunkTable() takes 131,072 chunks and no more", () => {
  const block = (chunks: number): ChunkedBlock => ({
    place: { frame: 0, offset: 32, frameBytes: 2 ** 24 },
    lengths: Array.from({ length: chunks }, () => 1),
    ids: seededRandom(1)(chunks * 16),
  });
  const raw = encodeChunkTable([block(MAX_TABLE_CHUNKS)]);
  assertEquals(decodeChunkTable(raw, MAX_TABLE_CHUNKS, 0)[0]?.lengths.length, MAX_TABLE_CHUNKS);
  const over = encodeChunkTable([block(MAX_TABLE_CHUNKS + 1)]);
  let code = "";
  try {
    decodeChunkTable(over, MAX_TABLE_CHUNKS + 1, 0);
  } catch (error) {
    code = (error as ArchiveError).code;
  }
  assertEquals(code, "limit");
});
