/** What floors of reading read: an archive of the corpus, where its blocks are, and its names alone. */
import { join } from "@std/path";
import { zstdCompressSync } from "node:zlib";
import { Archive } from "../../src/archive/archive.ts";
import { FileSource } from "../../src/disk/file_source.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { CODEC, FRAME_OVERHEAD } from "../../src/format/frame.ts";
import { decodeKeyText } from "../../src/text/key_text.ts";
import { bundledCommand } from "../program.ts";
import type { PlacedBlocks } from "./open_floor.ts";
import { prepare } from "./shell.ts";

/** Where these files are. */
export interface FloorArchive {
  readonly archive: string;
  readonly keyFile: string;
  /** A {@linkcode PlacedBlocks}. */
  readonly blocks: string;
  /** As `list_floor.ts` takes them. */
  readonly names: string;
  /** Bytes of the names as text. */
  readonly namesBytes: number;
  /** An archive of one file, with the same key. */
  readonly one: string;
}

/** Makes an archive of a folder with the program as it is in this checkout, and the other files from it. */
export async function makeFloorArchive(folder: string, scratch: string): Promise<FloorArchive> {
  const at = (name: string) => join(scratch, `floor.${name}`);
  const [archive, keyFile] = [at("coffer"), at("key")];
  await prepare([...bundledCommand(), "keygen", "-q", "-o", keyFile], { cwd: scratch });
  await prepare([...bundledCommand(), "create", archive, "-C", folder, ".", "-k", keyFile, "-q"], { cwd: scratch });
  const [one, file] = [at("one.coffer"), "floor.one"];
  await Deno.writeTextFile(join(scratch, file), "one file\n");
  await prepare([...bundledCommand(), "create", one, file, "-k", keyFile, "-q"], { cwd: scratch });
  await Deno.remove(join(scratch, file));
  const keys = [{ kind: "key-file" as const, keyFile: decodeKeyText("key-file", await Deno.readTextFile(keyFile)) }];
  using source = FileSource.open(archive);
  const opened = await Archive.open(nativeEngine, source, { keys });
  const names: string[] = [];
  const blocks = new Map<number, PlacedBlocks["blocks"][number]>();
  const frames = await opened.segments.frames(0);
  for await (const { row, extents, continued } of opened.entries()) {
    if (!continued) names.push(row.path);
    for (const { block: { frame, offset } } of extents) {
      if (blocks.has(frame)) continue;
      const { stored, raw, codec } = await frames.head({ frame, offset });
      const chunks = opened.setting.bodyOffset + offset + FRAME_OVERHEAD;
      blocks.set(frame, { frame, offset: chunks, stored, raw, compressed: codec === CODEC.zstd });
    }
  }
  const { segmentKey } = await opened.segments.access(0);
  const placed: PlacedBlocks = { archive, key: [...segmentKey], blocks: [...blocks.values()] };
  await Deno.writeTextFile(at("blocks"), JSON.stringify(placed));
  const text = new TextEncoder().encode(names.join("\n") + "\n");
  const compressed = new Uint8Array(zstdCompressSync(text));
  const sealed = new Uint8Array(compressed.length + 16);
  nativeEngine.aead(1, new Uint8Array(32)).seal(new Uint8Array(12), compressed, sealed);
  await Deno.writeFile(at("names"), sealed);
  return { archive, keyFile, blocks: at("blocks"), names: at("names"), namesBytes: text.length, one };
}

/** Removes what {@linkcode makeFloorArchive} made. */
export async function removeFloorArchive({ archive, keyFile, blocks, names, one }: FloorArchive): Promise<void> {
  for (const path of [archive, keyFile, blocks, names, one]) await Deno.remove(path);
}
