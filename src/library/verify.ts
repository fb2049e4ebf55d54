/** Checking archives as a whole. */
import { abortable } from "../archive/abortable.ts";
import { pauseEvery } from "../archive/pause.ts";
import { ArchiveStream } from "../archive/stream_reader.ts";
import type { Engine } from "../engine/engine.ts";
import type { Trailer } from "../format/tables.ts";
import { type ArchiveInput, type ArchiveStreamInput, inOrder } from "./input.ts";
import { coreOpenOptions, type OpenOptions } from "./keys.ts";
import { type ArchiveSummary, summaryOf } from "./summary.ts";

/** How an archive is verified. */
export interface VerifyOptions extends OpenOptions {
  /** Called now and then with the bytes of the archive that have been read and checked so far. */
  readonly onProgress?: ((progress: { readonly bytes: number }) => void) | undefined;
}

/** Verifies an archive with the given engine; see `mod.ts`. */
export async function verifyArchive(
  engine: Engine,
  input: ArchiveInput | ArchiveStreamInput,
  options: VerifyOptions,
): Promise<ArchiveSummary> {
  const coreOptions = coreOpenOptions(options);
  const pieces = inOrder(input, options.signal);
  const pause = pauseEvery();
  try {
    const stream = await abortable(
      () => ArchiveStream.open(engine, pieces, { ...coreOptions, checkRecovery: true, segments: "all" }),
      options.signal,
    );
    let trailer: Trailer | undefined;
    for await (const event of stream.events()) {
      await pause();
      options.signal?.throwIfAborted();
      options.onProgress?.({ bytes: stream.offset });
      if (event.kind === "trailer") trailer = event.trailer;
      if (event.kind === "end" && trailer !== undefined) {
        return summaryOf(stream.header, trailer, event.id, event.length);
      }
    }
    throw new Error("Cannot verify the archive: it came to no end");
  } finally {
    await pieces.return();
  }
}
