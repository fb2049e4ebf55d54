/**
 * Golden vectors as they stand in this folder, one JSON file each:
 *
 *     about      what is special about the archive
 *     key        what is to open it: the archive key in hex, or a passphrase
 *     archive    its bytes, as parts to be put together: gzip in Base64, or a range of another vector's archive
 *     length     their number
 *     sha256     their SHA-256 in hex
 *     warnings   how many header copies are to be warned about
 *     stream     what reading from front to back gives: the failure class of FORMAT.md, or `none`, and `released`: the
 *                SHA-256 of all content given out before that, slice by slice, of each block in turn
 *     seek       what opening with random access and reading every entry of the catalog in turn gives, likewise
 *
 * The files are the truth. `generate.ts` made them and makes new ones; compressed frames may come out differently under
 * another version of zstd, which is why no test makes them again.
 */
import { decodeHex } from "@std/encoding/hex";
import type { Bytes } from "../../src/engine/engine.ts";
import type { Key } from "../../src/archive/unlock.ts";
import { joined } from "../archive/archive_draft.ts";
import type { Outcome } from "./vector_case.ts";

/** A part of an archive's bytes. */
export type Part = { readonly gzip: string } | {
  readonly copyOf: string;
  readonly from: number;
  readonly length: number;
};

/** What one way of reading gives. */
export interface Expected {
  readonly outcome: Outcome;
  readonly released: string;
}

/** A vector's file. */
export interface VectorFile {
  readonly about: string;
  readonly key: { readonly archiveKey: string } | { readonly passphrase: string };
  readonly archive: readonly Part[];
  readonly length: number;
  readonly sha256: string;
  readonly warnings: number;
  readonly stream: Expected;
  readonly seek: Expected;
}

const FOLDER = new URL("./", import.meta.url);

/** Where a vector's file is. */
export function vectorUrl(name: string): URL {
  return new URL(`${name}.json`, FOLDER);
}

/** The names of all vectors, sorted. */
export function vectorNames(): string[] {
  const files = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).filter((name) => name.endsWith(".json"));
  return files.map((name) => name.slice(0, -".json".length)).sort();
}

/** Reads a vector's file. */
export function readVector(name: string): VectorFile {
  return JSON.parse(Deno.readTextFileSync(vectorUrl(name)));
}

/** Puts a vector's archive together. */
export async function archiveOf(vector: VectorFile): Promise<Bytes> {
  const parts = vector.archive.map(async (part) => {
    if ("gzip" in part) return await gunzip(Uint8Array.fromBase64(part.gzip));
    const whole = bases.get(part.copyOf) ?? await archiveOf(readVector(part.copyOf));
    bases.set(part.copyOf, whole);
    return whole.subarray(part.from, part.from + part.length);
  });
  return joined(...await Promise.all(parts));
}

/** Archives that others share bytes with. */
const bases = new Map<string, Bytes>();

/** What is to open a vector's archive. */
export function keyOf({ key }: VectorFile): Key {
  return "passphrase" in key
    ? { kind: "passphrase", passphrase: key.passphrase }
    : { kind: "archive-key", archiveKey: decodeHex(key.archiveKey) };
}

/** Compresses bytes for a vector's file. */
export async function gzip(bytes: Bytes): Promise<string> {
  const stream = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer()).toBase64();
}

async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Bytes> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
