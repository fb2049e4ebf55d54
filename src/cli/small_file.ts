/** Files that hold a secret or a key: small, and perhaps no files at all but FIFOs and descriptors. */
import { abortable } from "../archive/abortable.ts";
import type { InputFile } from "./system.ts";

/** Reads to the end; `undefined` when that is over `limit` bytes off. */
async function readBounded(reader: Pick<InputFile, "read">, limit: number): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(limit + 1);
  let length = 0;
  while (length < bytes.length) {
    const count = await reader.read(bytes.subarray(length));
    if (count === null) return bytes.subarray(0, length);
    length += count;
  }
  bytes.fill(0);
  return undefined;
}

/** A descriptor or FIFO may keep its reader waiting, from the opening on. */
async function readPath(path: string, limit: number): Promise<Uint8Array | undefined> {
  using file = await Deno.open(path, { read: true });
  return await readBounded(file, limit);
}

/**
 * All of the file at `path` (`-` is standard input), which may be a FIFO or a descriptor; `undefined` when it has over
 * `limit` bytes. The signal ends the wait for it. I/O errors pass through.
 */
export async function readSmall(
  path: string,
  limit: number,
  stdin: InputFile,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (path === "-") return await readBounded(stdin, limit);
  return await abortable(() => readPath(path, limit), signal);
}
