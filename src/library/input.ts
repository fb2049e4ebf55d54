/** Archives as they are handed in: with random access, or as a stream of bytes. */
import { abortable } from "../archive/abortable.ts";
import type { Source } from "../archive/source.ts";
import type { Bytes } from "../engine/engine.ts";
import { byteIntake, type Intake, isValues, type Values } from "./intake.ts";

/** An archive that can be read from anywhere in it. Its bytes must stay as they are while it is used. */
export type ArchiveInput = Source | Blob | Uint8Array;

/** An archive that comes front to back, in chunks of any length. It is cancelled when it is not read to its end. */
export type ArchiveStreamInput = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Bytes read at once where an archive is read as a whole. */
const READ_BYTES = 2 ** 20;

function randomAccess(input: unknown): Source | undefined {
  if (input instanceof Uint8Array) {
    return {
      size: input.length,
      read: (offset, length) => Promise.resolve(input.subarray(offset, offset + length)),
    };
  }
  if (input instanceof Blob) {
    return {
      size: input.size,
      read: async (offset, length) => new Uint8Array(await input.slice(offset, offset + length).arrayBuffer()),
    };
  }
  const source = input as Partial<Source> | null | undefined;
  return typeof source?.read === "function" && typeof source.size === "number" ? source as Source : undefined;
}

/** Whether an archive is handed in with random access. */
export function hasRandomAccess(input: ArchiveInput | ArchiveStreamInput): input is ArchiveInput {
  return randomAccess(input) !== undefined;
}

/**
 * One kind of random access for all of them, which ends with the signal.
 *
 * @throws {TypeError} for anything else.
 */
export function sourceOf(input: ArchiveInput, signal: AbortSignal | undefined): Source {
  const source = randomAccess(input);
  if (source === undefined) {
    throw new TypeError("Cannot open an archive: it is neither a Source nor a Blob nor a Uint8Array");
  }
  const { size } = source;
  if (!Number.isSafeInteger(size) || size < 0) throw new TypeError(`Cannot open an archive of size ${size}`);
  return {
    size,
    read: (offset: number, length: number): Promise<Bytes> => abortable(() => source.read(offset, length), signal),
  };
}

/**
 * The bytes of either kind of input from front to back.
 *
 * @throws {TypeError} for anything else.
 */
export function inOrder(input: ArchiveInput | ArchiveStreamInput, signal: AbortSignal | undefined): Intake<Bytes> {
  if (hasRandomAccess(input)) return byteIntake(chunksOf(sourceOf(input, signal)), signal);
  if (!isValues(input)) throw new TypeError("Cannot read an archive: it is neither a stream nor a Source nor bytes");
  return byteIntake(input as Values<Bytes>, signal);
}

async function* chunksOf(source: Source): AsyncGenerator<Bytes> {
  for (let offset = 0; offset < source.size;) {
    const bytes = await source.read(offset, READ_BYTES);
    if (bytes.length === 0) return;
    yield bytes;
    offset += bytes.length;
  }
}
