/**
 * Writes the extraction vectors anew: `deno run -A tests/vectors/extraction/generate.ts`. What they expect is what
 * their cases state; `tests/security/extraction_contract_test.ts` says where extraction differs.
 */
import { encodeHex } from "@std/encoding/hex";
import { nativeEngine } from "../../../src/engine/native/engine.ts";
import { TEST_KEY } from "../../archive/archive_builder.ts";
import { draftOf, sealDraft } from "../../archive/archive_draft.ts";
import { gzip } from "../vector_file.ts";
import { bombCases, disagreementCases } from "./bomb_cases.ts";
import { type ExtractionCase, extractionCases } from "./extraction_cases.ts";
import {
  type ExtractionOutcome,
  type ExtractionVector,
  extractionVectorNames,
  extractionVectorUrl,
  type Left,
  type LeftTree,
} from "./extraction_vector.ts";

/** What is restored of a mode when nothing more is asked for: no set-id and sticky bits. */
function modeOf(mode: number): string {
  return (mode % 0o1000).toString(8);
}

/** All that the items leave, those that are refused aside. */
function leftOf({ items, refused = [] }: ExtractionCase): LeftTree {
  const out = new Set(refused.map(([path]) => path));
  const left: Record<string, Left> = {};
  const text = (path: string) => new TextDecoder().decode(items.find(({ row }) => row.path === path)?.content);
  for (const { row } of items) {
    if (out.has(row.path) || row.path === ".") continue;
    const parts = row.path.split("/");
    for (let i = 1; i < parts.length; i++) left[parts.slice(0, i).join("/")] ??= { directory: null };
    const mode = modeOf(row.mode);
    if (row.kind === "file") left[row.path] = { file: text(row.path), mode };
    if (row.kind === "directory") left[row.path] = { directory: mode };
    if (row.kind === "symlink") left[row.path] = { link: row.link };
    if (row.kind === "fifo") left[row.path] = { fifo: mode };
  }
  for (const { row } of items) {
    const first = left[row.link];
    if (row.kind !== "hardlink" || out.has(row.path) || first === undefined || !("file" in first)) continue;
    left[row.link] = left[row.path] = { ...first, is: row.link };
  }
  return left;
}

function vectorOf(test: ExtractionCase, gzipped: string, bytes: Uint8Array<ArrayBuffer>): ExtractionVector {
  const { outcome, refused = [], before } = test;
  const ways = typeof outcome === "string" ? { seek: outcome, stream: outcome } : outcome;
  const way = (name: "seek" | "stream"): ExtractionOutcome => ({
    outcome: ways[name],
    refused: ways[name] === "none" ? refused : [],
  });
  const nothing = ways.seek !== "none" && ways.stream !== "none" && before === undefined;
  return {
    about: `An archive ${test.about}`,
    like: test.like ?? [],
    archiveKey: encodeHex(new Uint8Array(TEST_KEY)),
    archive: [{ gzip: gzipped }],
    length: bytes.length,
    sha256: encodeHex(new Uint8Array(nativeEngine.sha256(bytes))),
    before: before ?? null,
    fileSystem: test.folding ? "folding" : "exact",
    seek: way("seek"),
    stream: way("stream"),
    left: nothing ? null : { ...leftOf(test), ...before },
    onWindows: test.onWindows ?? [],
    attacker: test.attacker ?? null,
  };
}

/** Small, so that several blocks are opened, and threads have something to do. */
const BLOCK_BYTES = 6;

const cases = [...extractionCases(), ...bombCases(), ...disagreementCases()];
const names = new Set(cases.map(({ name }) => name));
if (names.size !== cases.length) throw new Error("Cannot write the vectors: two have one name");
for (const name of extractionVectorNames()) if (!names.has(name)) Deno.removeSync(extractionVectorUrl(name));
for (const test of cases) {
  const draft = draftOf(test.items, BLOCK_BYTES, { seed: 11 });
  test.change?.(draft);
  const bytes = new Uint8Array(sealDraft(draft).bytes);
  const vector = vectorOf(test, await gzip(bytes), bytes);
  Deno.writeTextFileSync(extractionVectorUrl(test.name), `${JSON.stringify(vector, undefined, 2)}\n`);
}
console.log(`${cases.length} vectors`);
