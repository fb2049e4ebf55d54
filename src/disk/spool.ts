/** Keeps a pipe's bytes in a file, for what has to go back and forth in them. What comes in is ciphertext and stays so. */
import * as fs from "node:fs";
import { abortable } from "../archive/abortable.ts";
import { diskCalls } from "./disk_calls.ts";
import { FileSource } from "./file_source.ts";
import { writeFully } from "./restore_part.ts";
import { type ChunkReader, chunksOf } from "./streams.ts";
import { splitLocation, temporaryName } from "./temporary_name.ts";

/** What came through a pipe; disposing removes it. */
export interface Spooled extends Disposable {
  /** All of it. */
  readonly source: FileSource;
}

/**
 * Reads to the end, into a file in a folder or, where that is not there yet, in the nearest one above it. Where the
 * system allows it the file loses its name at once, so that nothing is left of it, however the program ends.
 */
export async function spool(reader: ChunkReader, folder: string, signal: AbortSignal): Promise<Spooled> {
  const path = `${existingFolder(folder)}/${temporaryName("standard-input")}`;
  const descriptor = fs.openSync(path, "wx+", 0o600);
  const keepsName = Deno.build.os === "windows";
  const discard = () => {
    if (keepsName) fs.unlinkSync(path);
  };
  try {
    if (!keepsName) fs.unlinkSync(path);
    let at = 0;
    for await (const chunk of chunksOf({ read: (into) => abortable(() => reader.read(into), signal) })) {
      writeFully(diskCalls, descriptor, chunk, at);
      at += chunk.length;
    }
  } catch (error) {
    fs.closeSync(descriptor);
    discard();
    throw error;
  }
  const source = FileSource.adopt("standard input", descriptor);
  const dispose = () => {
    source.close();
    discard();
  };
  return { source, [Symbol.dispose]: dispose };
}

function existingFolder(folder: string): string {
  for (let path = folder;;) {
    try {
      if (Deno.statSync(path).isDirectory) return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    const above = splitLocation(path.replace(/[/\\]+$/, "")).folder;
    if (above === "" || above === path) return above === "" ? "." : above;
    path = above;
  }
}
