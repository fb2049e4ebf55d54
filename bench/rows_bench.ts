/** Rows: encoding and decoding blocks' and catalog pages' worth of them, and comparing paths. */
import { encodeBlockRows } from "../src/format/block.ts";
import { decodeBlock } from "../src/format/decoded_block.ts";
import { ByteWriter } from "../src/format/bytes.ts";
import { MAX_PAGE_ROWS } from "../src/format/limits.ts";
import { decodePage, encodePage } from "../src/format/page.ts";
import { comparePaths } from "../src/format/path.ts";
import { encodeCanonicalRow } from "../src/format/rows.ts";
import { sampleBlock, samplePage } from "./samples.ts";

const ROWS = MAX_PAGE_ROWS;

const { entries, data } = sampleBlock(ROWS);
const rowBytes = encodeBlockRows(entries);
const block = new Uint8Array(rowBytes.length + data.length);
block.set(rowBytes);
block.set(data, rowBytes.length);

const page = { entries: samplePage(ROWS), continues: false };
const pageBytes = encodePage(page);

const blockGroup = `rows of a block, ${ROWS} of them in ${rowBytes.length} bytes: ${ROWS} x iter/s = rows/s`;
Deno.bench({ name: "encodeBlockRows", group: blockGroup, fn: () => void encodeBlockRows(entries) });
Deno.bench({ name: "decodeBlock", group: blockGroup, fn: () => void decodeBlock(block, ROWS) });

const pageGroup = `catalog page, ${ROWS} rows in ${pageBytes.length} bytes: ${ROWS} x iter/s = rows/s`;
Deno.bench({ name: "encodePage", group: pageGroup, fn: () => void encodePage(page) });
Deno.bench({ name: "decodePage", group: pageGroup, fn: () => void decodePage(pageBytes, ROWS) });

const singleGroup = `one by one, ${ROWS} rows: ${ROWS} x iter/s = rows/s`;
const writer = new ByteWriter(512);
Deno.bench({
  name: "encodeCanonicalRow",
  group: singleGroup,
  fn() {
    for (const { row } of entries) {
      writer.reset();
      encodeCanonicalRow(row, writer);
    }
  },
});
const paths = entries.map(({ row }) => row.path);
Deno.bench({
  name: "comparePaths of neighbours",
  group: singleGroup,
  fn() {
    for (let i = 1; i < paths.length; i++) {
      if (comparePaths(paths[i - 1] as string, paths[i] as string) >= 0) throw new Error("Paths are out of order");
    }
  },
});
