/** What a stream of `node:zlib` has inside, of which Node's typings say nothing. */
import type { Bytes } from "../engine.ts";

/** A stream that compresses or decompresses. */
export interface ZstdStream {
  readonly _handle: {
    reset(): void;
    writeSync(
      flush: number,
      from: Bytes,
      fromOffset: number,
      fromLength: number,
      to: Bytes,
      toOffset: number,
      toLength: number,
    ): void;
  };
  /** Bytes without use: of the output, and of the input. An error leaves them as they were. */
  readonly _writeState: Uint32Array;
  on(event: "error", listener: () => void): void;
  destroy(): void;
}
