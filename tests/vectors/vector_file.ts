/**
 * Golden vectors as they stand in this folder, one JSON file each:
 *
 *     about      what is special about the archive
 *     key        what is to open it: a passphrase, or the 32 bytes in hex of the archive key, a key file or an
 *                identity; a passphrase together with a key file where both are given
 *     archive    its bytes, as parts to be put together: gzip in Base64, or a range of another vector's archive
 *     length     their number
 *     sha256     their SHA-256 in hex
 *     warnings   how many header copies are to be warned about
 *     stream     what reading all of it from front to back gives: the failure class of FORMAT.md, or `none`, and `released`: the
 *                SHA-256 of all content given out before that, slice by slice, of each block in turn
 *     seek       what opening with random access and reading every entry of the newest catalog in turn gives, likewise;
 *                `warnings` is how much is to be warned about then, where that is more than the header copies
 *     snapshots  of an archive of several snapshots that can all be read: the paths of each, and what reading every entry
 *                in turn releases
 *     mended     of an archive with a recovery layer: the SHA-256 of what repairing by it gives, which takes no key; or
 *                `no`, when some of it cannot be mended
 *
 * The files are the truth. `generate.ts` made them and makes new ones; compressed frames may come out differently under
 * another version of zstd, which is why no test makes them again.
 */
import { decodeHex, encodeHex } from "@std/encoding/hex";
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
  readonly warnings?: number;
}

/** What one of several snapshots holds. */
export interface ExpectedSnapshot {
  readonly paths: readonly string[];
  readonly released: string;
}

/** What is to open a vector's archive, all of it together. */
export type VectorKey =
  | { readonly archiveKey: string }
  | { readonly identity: string }
  | { readonly passphrase?: string; readonly keyFile?: string };

/** A vector's file. */
export interface VectorFile {
  readonly about: string;
  readonly key: VectorKey;
  readonly archive: readonly Part[];
  readonly length: number;
  readonly sha256: string;
  readonly warnings: number;
  readonly stream: Expected;
  readonly seek: Expected;
  readonly snapshots?: readonly ExpectedSnapshot[];
  readonly mended?: string;
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
export async function archiveOf(vector: Pick<VectorFile, "archive">): Promise<Bytes> {
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
export function keysOf({ key }: VectorFile): readonly Key[] {
  if ("archiveKey" in key) return [{ kind: "archive-key", archiveKey: decodeHex(key.archiveKey) }];
  if ("identity" in key) return [{ kind: "identity", identity: decodeHex(key.identity) }];
  const { passphrase, keyFile } = key;
  return [
    ...(passphrase === undefined ? [] : [{ kind: "passphrase", passphrase } as const]),
    ...(keyFile === undefined ? [] : [{ kind: "key-file", keyFile: decodeHex(keyFile) } as const]),
  ];
}

/** Keys as a vector's file has them: {@linkcode keysOf} read backwards. */
export function vectorKey(keys: readonly Key[]): VectorKey {
  const hex = (bytes: Bytes) => encodeHex(new Uint8Array(bytes));
  let both: { passphrase?: string; keyFile?: string } = {};
  for (const key of keys) {
    if (key.kind === "archive-key") return { archiveKey: hex(key.archiveKey) };
    if (key.kind === "identity") return { identity: hex(key.identity) };
    both = key.kind === "passphrase" ? { ...both, passphrase: key.passphrase } : { ...both, keyFile: hex(key.keyFile) };
  }
  return both;
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
