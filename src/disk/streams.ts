/** Archives in pipes: standard input and output as the core wants them, in chunks and with backpressure. */
import type { Bytes } from "../engine/engine.ts";
import { systemCode } from "./system_error.ts";

/** Bytes asked for at once. A pipe gives 64 KiB at most; a redirected file is faster with more. */
const CHUNK_BYTES = 2 ** 18;

/** What {@linkcode chunksOf} reads from. */
export interface ChunkReader {
  /** Reads into the buffer; returns the bytes read, `null` at the end. */
  read(into: Uint8Array<ArrayBuffer>): Promise<number | null>;
}

/** What {@linkcode writeAll} writes to. */
export interface ChunkWriter {
  /** Writes some of the bytes; returns how many. */
  write(bytes: Bytes): Promise<number>;
}

/**
 * The chunks of a reader until its end. **A chunk is valid until the next one is asked for**: they share one buffer,
 * because fresh memory for each costs a fifth of a pipe's speed.
 */
export async function* chunksOf(reader: ChunkReader, chunkBytes: number = CHUNK_BYTES): AsyncGenerator<Bytes> {
  const buffer = new Uint8Array(chunkBytes);
  while (true) {
    const read = await retryWhenFull(() => reader.read(buffer));
    if (read === null) return;
    if (read > 0) yield buffer.subarray(0, read);
  }
}

/**
 * The chunks of standard input for `-`, otherwise of the file, FIFO or device at `path`, as {@linkcode chunksOf}.
 * It is opened when the first chunk is asked for, and closed when the iteration ends, however it ends; standard input
 * stays open.
 */
export async function* openInput(path: string): AsyncGenerator<Bytes> {
  if (path === "-") {
    yield* chunksOf(Deno.stdin);
  } else {
    using file = await Deno.open(path, { read: true });
    yield* chunksOf(file);
  }
}

/** Writes all of `bytes`, waiting for the reader as often as it takes. A closed pipe throws `EPIPE`. */
export async function writeAll(writer: ChunkWriter, bytes: Bytes): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const rest = done === 0 ? bytes : bytes.subarray(done);
    done += await retryWhenFull(() => writer.write(rest));
  }
}

/** Whether an error says that whoever read our output has gone. */
export function isClosedPipe(error: unknown): boolean {
  return systemCode(error) === "EPIPE" || error instanceof Deno.errors.BrokenPipe;
}

/** Milliseconds between attempts on a non-blocking pipe. */
const RETRY_MS = 5;

/** Another process that shares the pipe may have made it non-blocking; then a full or empty one is an error, EAGAIN. */
async function retryWhenFull<T>(operation: () => Promise<T>): Promise<T> {
  while (true) {
    try {
      return await operation();
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock) && systemCode(error) !== "EAGAIN") throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
