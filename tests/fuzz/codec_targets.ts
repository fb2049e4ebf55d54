/** Decoders by themselves, each with honest inputs to begin with: what they take, they take the same way twice. */
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine, runtimeEngine } from "../../src/engine/native/engine.ts";
import { portableEngine } from "../../src/engine/portable/engine.ts";
import { compileGlob, literalOf } from "../../src/cli/glob.ts";
import { UsageError } from "../../src/cli/command_error.ts";
import { parse } from "../../src/cli/parse.ts";
import { compileExcludes, compilePatterns } from "../../src/cli/patterns.ts";
import { escapeMessage, escapeName } from "../../src/cli/ui/escape.ts";
import { encodeBlockRows } from "../../src/format/block.ts";
import { decodeBlock } from "../../src/format/decoded_block.ts";
import { ByteReader, ByteWriter, decodeUtf8, encodeUtf8 } from "../../src/format/bytes.ts";
import { decodeIndex, encodeIndex } from "../../src/format/catalog_index.ts";
import { decodeChunkTable, encodeChunkTable } from "../../src/format/chunk_table.ts";
import { decodeColumns } from "../../src/format/columns.ts";
import { decodeHead, encodeHead } from "../../src/format/frame.ts";
import { decodeHeaderCopy } from "../../src/format/header.ts";
import { decodeLocator, decodeState, encodeLocator, encodeState } from "../../src/format/locator.ts";
import { decodePage, encodePage } from "../../src/format/page.ts";
import { encodePassphrase } from "../../src/format/passphrase.ts";
import { comparePaths, isAtOrBelow, pathFault } from "../../src/format/path.ts";
import { decodePaths, encodePaths } from "../../src/format/rows.ts";
import { decodeSlots, slotBytes } from "../../src/format/slots.ts";
import { decodeTrailer, encodeTrailer } from "../../src/format/tables.ts";
import { zstdFault } from "../../src/format/zstd.ts";
import { regionShape } from "../../src/recovery/geometry.ts";
import { decodeTablePage, decodeTables, encodeTables } from "../../src/recovery/table_page.ts";
import { decodeHeaderBackup, encodeHeaderBackup } from "../../src/text/header_backup.ts";
import {
  decodeKeyLines,
  decodeKeyText,
  encodeKeyText,
  KeyTextError,
  type KeyTextKind,
} from "../../src/text/key_text.ts";
import { decodeRecoveryWords, encodeRecoveryWords } from "../../src/text/recovery_words.ts";
import { seededRandom } from "../archive/archive_builder.ts";
import { type Draft, type FrameName, joined, sealDraft } from "../archive/archive_draft.ts";
import { BASE_COUNT, baseDraft } from "./base_drafts.ts";
import { Finding } from "./archive_target.ts";

/** A decoder to be fed. */
export interface CodecTarget {
  readonly name: string;
  /** Honest inputs. */
  readonly seeds: readonly Bytes[];
  /** Texts are changed as texts. */
  readonly isText?: boolean;
  /** Errors beside `ArchiveError` that it may throw. */
  readonly throws?: readonly (new (...args: never[]) => Error)[];
  /** Decodes; throws a `Finding` when a law does not hold. */
  run(input: Bytes): void;
}

const random = seededRandom(123);

function law(holds: boolean, what: string): void {
  if (!holds) throw new Finding(`A law does not hold: ${what}`);
}

function equal(a: Bytes, b: Bytes): boolean {
  return nativeEngine.equal(a, b);
}

/** The first two bytes are a count, the rest is what is decoded. */
function counted(count: number, bytes: Bytes): Bytes {
  return joined(Uint8Array.of(Math.floor(count / 256), count % 256), bytes);
}

function split(input: Bytes): readonly [count: number, bytes: Bytes] {
  return [(input[0] ?? 0) * 256 + (input[1] ?? 0), input.slice(2)];
}

/** Raw bytes of all frames of a kind of the honest archives, behind their counts. */
function rawFrames(...wanted: readonly FrameName[]): Bytes[] {
  const found: Bytes[] = [];
  for (let base = 0; base < BASE_COUNT; base++) {
    const draft: Draft = baseDraft(base);
    draft.onFrame = (frame, name) => {
      if (wanted.includes(name)) found.push(counted(frame.rows ?? 0, frame.raw));
      return frame;
    };
    sealDraft(draft);
  }
  return found;
}

const LOCATOR = encodeLocator({
  generation: 1,
  segment: { salt: random(32), number: 0, link: new Uint8Array(32) },
  offset: 0,
  length: 8192,
  index: { offset: 96, frame: 2 },
  trailer: { offset: 400, frame: 5 },
  trailerBytes: 160,
  snapshots: 1,
});

/** What is decoded, encoded and decoded again is the same. */
function twice<T>(decode: (bytes: Bytes) => T, encode: (value: T) => Bytes): (bytes: Bytes) => void {
  return (bytes) => {
    const once = encode(decode(bytes));
    law(equal(encode(decode(once)), once), "what was decoded is encoded and decoded to the same");
  };
}

const FORMAT_TARGETS: readonly CodecTarget[] = [
  {
    name: "block",
    seeds: rawFrames("block"),
    run(input) {
      const [count, raw] = split(input);
      twice((bytes) => decodeBlock(bytes, count), (block) => joined(encodeBlockRows(block.entries), block.data))(raw);
    },
  },
  {
    name: "page",
    seeds: rawFrames("page", "orphanPage"),
    run(input) {
      const [count, raw] = split(input);
      twice((bytes) => decodePage(bytes, count), encodePage)(raw);
    },
  },
  {
    name: "index",
    seeds: rawFrames("index"),
    run(input) {
      const [count, raw] = split(input);
      twice((bytes) => decodeIndex(bytes, count), encodeIndex)(raw);
    },
  },
  {
    name: "trailer",
    seeds: rawFrames("trailer").map((seed) => seed.subarray(2)),
    run: twice(decodeTrailer, encodeTrailer),
  },
  {
    name: "front coding",
    seeds: [["a", "a/b", "a/b/c", "a-b"], ["x".repeat(250), "x".repeat(251), `${"x".repeat(251)}/${"y".repeat(200)}`], [
      "\u00e9",
      "\u00e8",
    ]].map((paths) => {
      const out = new ByteWriter();
      encodePaths(paths, out);
      return counted(paths.length, out.finish());
    }),
    run(input) {
      const [count, raw] = split(input);
      twice((bytes) => decodePaths(new ByteReader(bytes, "paths"), count), (paths) => {
        const out = new ByteWriter();
        encodePaths(paths, out);
        return out.finish();
      })(raw);
    },
  },
  {
    name: "chunk table",
    seeds: [
      encodeChunkTable([
        { place: { frame: 0, offset: 32, frameBytes: 480 }, lengths: [100, 16_384], ids: random(32) },
        { place: { frame: 3, offset: 4096, frameBytes: 9000 }, lengths: [1], ids: random(16) },
      ]),
    ],
    run: (input) => {
      const once = encodeChunkTable(decodeChunkTable(input, 3, 0));
      law(equal(encodeChunkTable(decodeChunkTable(once, 3, 0)), once), "a table is decoded and encoded to the same");
    },
  },
  {
    name: "columns",
    seeds: rawFrames("page").map((seed) => seed.subarray(2)),
    run: (input) => void decodeColumns(input, new Set(Array.from({ length: 29 }, (_, i) => i + 1)), "a set"),
  },
  {
    name: "numbers",
    seeds: [Uint8Array.of(5, 3, 2, 9, 9, 128, 1, 7, 0, 255, 255, 255, 255, 255, 255, 255, 15, 254, 1, 1, 77)],
    run(input) {
      const reader = new ByteReader(input, "numbers");
      const out = new ByteWriter();
      for (let i = 0; reader.remaining > 0; i++) {
        const before = reader.remaining;
        out.reset();
        if (i % 3 === 0) out.varint(reader.varint());
        else if (i % 3 === 1) out.zigzag(reader.zigzag());
        else out.sizedBytes(reader.sizedBytes(1000));
        law(out.view().length === before - reader.remaining, "a number has one form");
      }
    },
  },
  {
    name: "head",
    seeds: [encodeHead({ type: 1, codec: 1, raw: 900, stored: 300, rows: 3, crc: 77 })],
    run: (input) => {
      if (input.length !== 24) return;
      law(equal(encodeHead(decodeHead(input, 3)), input), "a head has one form");
    },
  },
  {
    name: "records",
    seeds: [
      LOCATOR,
      encodeState({ kind: "streamed", generation: 1 }),
      encodeState({
        kind: "known",
        locator: decodeLocator(LOCATOR),
        locatorHash: random(32),
      }),
    ],
    run(input) {
      if (input.length !== 208) return;
      if (input[0] === 1) law(equal(encodeLocator(decodeLocator(input)), input), "a locator has one form");
      else law(equal(encodeState(decodeState(input)), input), "a state has one form");
    },
  },
  {
    name: "header",
    seeds: [0, 4, 5].map((base) => sealDraft(baseDraft(base)).header),
    run: (input) => void decodeHeaderCopy(nativeEngine, input, "A", input.length % 2 === 0 ? "kept" : "shown"),
  },
  {
    name: "slots",
    seeds: [4, 5].map((base) => {
      const { slots } = baseDraft(base);
      return counted(slots.length, joined(...slots.map(slotBytes)));
    }),
    run(input) {
      const [count, raw] = split(input);
      law(equal(joined(...decodeSlots(raw, count, "kept").map(slotBytes)), raw), "slots are kept as they are");
    },
  },
  {
    name: "zstd",
    seeds: [1, 3, 19].flatMap((level) =>
      [new Uint8Array(300), encodeUtf8("all work and no play ".repeat(40)), random(200)].map((raw) =>
        counted(raw.length, nativeEngine.compress?.(raw, level) ?? raw)
      )
    ),
    run(input) {
      const [length, stored] = split(input);
      const isFrame = zstdFault(stored, length) === undefined;
      const outs = [nativeEngine, runtimeEngine, portableEngine].map((engine) => {
        const out = new Uint8Array(length);
        const held = engine.decompress(stored, out);
        const beginning = engine.decompressBeginning(stored.subarray(0, stored.length - 1), new Uint8Array(length));
        law(beginning >= 0 && beginning <= length, "no more comes out than there is room for");
        return held ? out : undefined;
      });
      if (!isFrame) return law(outs.every((out) => out === undefined), "what is refused is not decoded");
      const [native, runtime, portable] = outs;
      law((runtime === undefined) === (portable === undefined), "both engines take the same frames");
      if (runtime === undefined || portable === undefined) return;
      law(equal(runtime, portable), "both engines decode alike");
      // The system's libzstd takes some frames that no encoder makes (FORMAT.md, "Frames"), and all that others take.
      law(native !== undefined && equal(native, runtime), "the system's library decodes what the runtime does");
    },
  },
  {
    name: "UTF-8",
    seeds: ["a\u00e9\u20ac\u{1f600}\ufeff"].map(encodeUtf8),
    run: (input) => law(equal(encodeUtf8(decodeUtf8(input, "a text")), input), "UTF-8 has one form"),
  },
  {
    name: "recovery tables",
    seeds: [5, 20].map((percent) => {
      const shape = regionShape(percent, 70);
      const identity = { percent, number: 0, segment: { offset: 0, physical: 0 } };
      return encodeTables(nativeEngine, identity, shape, new Uint32Array(1000).map((_, i) => i * 77));
    }),
    run(input) {
      const page = input.slice(0, 4096);
      if (page.length === 4096) new DataView(page.buffer).setUint32(0, nativeEngine.crc32(page.subarray(4)));
      const header = decodeTablePage(nativeEngine, page);
      if (header === undefined) return;
      const shape = regionShape(header.percent, header.data);
      decodeTables(nativeEngine, header, shape, joined(page, new Uint8Array(2 * shape.tablePages * 4096)));
    },
  },
];

const KEY_KINDS: readonly KeyTextKind[] = ["key-file", "identity", "recipient"];
const PATHS = ["a", "a/b.txt", "a/link/x", "\u{1f600}/\n", "x".repeat(200), "a".repeat(40) + "b"];

const TEXT_TARGETS: readonly CodecTarget[] = [
  ...KEY_KINDS.map((kind): CodecTarget => ({
    name: `key text of a ${kind}`,
    seeds: [encodeUtf8(encodeKeyText(kind, random(kind === "recipient" ? 1216 : 32)))],
    isText: true,
    throws: [KeyTextError],
    run(input) {
      const text = textOf(input);
      const keys = decodeKeyLines(kind, text);
      const line = text.trim();
      if (keys.length === 1 && line.startsWith("coffer")) {
        law(encodeKeyText(kind, decodeKeyText(kind, line)).toLowerCase() === line.toLowerCase(), "a key has one text");
      }
    },
  })),
  {
    name: "header backup",
    seeds: [encodeUtf8(encodeHeaderBackup(random(4096)))],
    isText: true,
    throws: [RangeError],
    run(input) {
      const header = decodeHeaderBackup(textOf(input));
      law(equal(decodeHeaderBackup(encodeHeaderBackup(header)), header), "a header comes back");
    },
  },
  {
    name: "recovery words",
    seeds: [encodeUtf8(encodeRecoveryWords(random(32)))],
    isText: true,
    throws: [RangeError],
    run(input) {
      const key = decodeRecoveryWords(textOf(input));
      law(equal(decodeRecoveryWords(encodeRecoveryWords(key)), key), "a key comes back");
    },
  },
  {
    name: "passphrase",
    seeds: ["correct horse", "e\u0301\u00e9", "\u{1f600}".repeat(10)].map(encodeUtf8),
    isText: true,
    throws: [RangeError],
    run: (input) => law(encodePassphrase(textOf(input)).length <= 1024, "a passphrase has a limit"),
  },
  {
    name: "glob",
    seeds: ["*.txt", "a/**/b?[a-z]", "{a,b{c,d}}/*", "[!]]*[^a]\\*", "**/*a*a*a*a*b"].map(encodeUtf8),
    isText: true,
    throws: [UsageError],
    run(input) {
      // Whoever types a pattern may spend memory on it: a thousand alternatives of any length.
      const text = textOf(input).slice(0, 300);
      const glob = compileGlob(text);
      const literal = literalOf(text);
      compilePatterns([text]);
      const excluded = compileExcludes([text]);
      for (const path of [...PATHS, text]) {
        excluded(path, false);
        if (glob.matches(path)) law(path.startsWith(glob.prefix), "what matches begins with the prefix");
        if (literal !== undefined) law(glob.matches(path) === (path === literal), "a literal matches itself alone");
      }
    },
  },
  {
    name: "paths",
    seeds: ["a\na/b\na-b", ".\n!\n\u{1f600}\n\uff61", "a\na/b/c\na/b\n\u00e9/x"].map(encodeUtf8),
    isText: true,
    run(input) {
      const all = textOf(input).split("\n").slice(0, 12);
      const paths = all.filter((path) => pathFault(path) === undefined);
      for (const a of paths) {
        law(!a.split("/").includes("..") && !a.startsWith("/"), "a good path stays inside");
        for (const b of paths) {
          law(Math.sign(comparePaths(a, b)) === -Math.sign(comparePaths(b, a)), "order has two sides");
          law((comparePaths(a, b) === 0) === (a === b), "only equal paths compare as equal");
          for (const c of paths) {
            if (comparePaths(a, b) < 0 && comparePaths(b, c) < 0) law(comparePaths(a, c) < 0, "order is transitive");
            const isBetween = comparePaths(a, b) <= 0 && comparePaths(b, c) <= 0;
            if (isBetween && isAtOrBelow(c, a)) law(isAtOrBelow(b, a), "a folder is one range");
          }
        }
      }
    },
  },
  {
    name: "escapes",
    seeds: ["a\x1b[31m\u202e\\", "\u{1f600}\ufe0f\u200d\u2028", "name"].map(encodeUtf8),
    isText: true,
    run(input) {
      for (const escaped of [escapeName(textOf(input)), escapeMessage(textOf(input))]) {
        // deno-lint-ignore no-control-regex -- control characters are what is looked for
        law(!/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2028\u2029\ufeff]/.test(escaped), "no control is shown");
      }
    },
  },
  {
    name: "command line",
    seeds: [
      "create\n-Cdir\nx.coffer\n--level=3\na\n--exclude\n*.o",
      "extract\nx\n--\n-a",
      "keys\nadd\nx\n--new-key-file\nf",
      "list\n-l0\nx",
    ].map(encodeUtf8),
    isText: true,
    throws: [UsageError],
    run: (input) => void parse(textOf(input).split("\n")),
  },
];

function textOf(input: Bytes): string {
  return new TextDecoder().decode(new Uint8Array(input));
}

/** All decoders. */
export const CODEC_TARGETS: readonly CodecTarget[] = [...FORMAT_TARGETS, ...TEXT_TARGETS];
