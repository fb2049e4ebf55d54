/**
 * Keeps a pipe's bytes in a file, for what has to go back and forth in them. What comes in is ciphertext and stays so.
 */
import type { Bytes } from "../engine/engine.ts";
import { diskCalls, writeFully } from "./disk_calls.ts";
import { files } from "./files.ts";
import { FileSource } from "./file_source.ts";
import { O_CREAT, O_EXCL, O_RDWR } from "./open_flags.ts";
import { systemCode, systemReason } from "./system_error.ts";
import { splitLocation, temporaryName } from "./temporary_name.ts";

/** What comes through a pipe cannot be kept in a folder. */
export class SpoolError extends Error {
  /** `"SpoolError"`. */
  override readonly name = "SpoolError";
}

/** What came through a pipe; disposing removes it. */
export interface Spooled extends Disposable {
  /** All of it. */
  readonly source: FileSource;
}

/** How a pipe is kept. */
export interface SpoolOptions {
  /** The folder for it. */
  readonly folder: string;
  /** Ends it between two pieces. */
  readonly signal: AbortSignal;
  /** Told how many bytes have come. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Reads to the end, into a file that only its owner can read. Where the system allows it the file loses its name at
 * once, so that nothing is left of it, however the program ends.
 *
 * @throws {SpoolError} when the file cannot be made or written, such as on a full disk. What the pipe throws passes
 * through, and nothing is left then either.
 */
export async function spool(
  pieces: AsyncIterable<Bytes>,
  { folder, signal, onProgress }: SpoolOptions,
): Promise<Spooled> {
  const path = `${folder}/${temporaryName("standard-input")}`;
  const keeping = <T>(action: () => T): T => {
    try {
      return action();
    } catch (error) {
      if (systemCode(error) === undefined && !(error instanceof Deno.errors.NotCapable)) throw error;
      const message = `Cannot keep standard input in "${folder}": ${systemReason(error)}`;
      throw new SpoolError(message, { cause: error });
    }
  };
  const descriptor = keeping(() => files.open(path, O_RDWR | O_CREAT | O_EXCL, 0o600));
  const keepsName = Deno.build.os === "windows";
  const discard = () => {
    if (keepsName) files.unlink(path);
  };
  try {
    if (!keepsName) files.unlink(path);
    let at = 0;
    for await (const piece of pieces) {
      signal.throwIfAborted();
      const start = at;
      keeping(() => writeFully(diskCalls, descriptor, piece, start));
      at += piece.length;
      onProgress?.(piece.length);
    }
  } catch (error) {
    files.close(descriptor);
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

/** A folder or, where it is not there yet, the nearest one above it. */
export function nearestFolder(folder: string): string {
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
