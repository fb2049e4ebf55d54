/** Checking archives as a whole. */
import { abortable } from "../archive/abortable.ts";
import { Archive } from "../archive/archive.ts";
import { ByteQueue } from "../archive/byte_queue.ts";
import { checkSnapshot } from "../archive/check_snapshot.ts";
import { type OpenedHeader, openHeader } from "../archive/header_reader.ts";
import { pauseEvery } from "../archive/pause.ts";
import type { Source } from "../archive/source.ts";
import { ArchiveStream } from "../archive/stream_reader.ts";
import type { Engine } from "../engine/engine.ts";
import type { Trailer } from "../format/tables.ts";
import { isDeduplicated } from "../format/header.ts";
import { type ArchiveInput, type ArchiveStreamInput, hasRandomAccess, inOrder, sourceOf } from "./input.ts";
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
  const { signal } = options;
  const { keys, kdfLimits = {}, onWarning, expect } = coreOpenOptions(options);
  const pieces = inOrder(input, signal);
  const pause = pauseEvery();
  try {
    const queue = new ByteQueue(pieces);
    const opened = await abortable(
      () => openHeader(engine, (length) => queue.peek(length), keys, kdfLimits),
      signal,
    );
    for (const warning of opened.warnings) onWarning?.(warning);
    const how = { checkRecovery: true, segments: "all" as const, ...(expect === undefined ? {} : { expect }) };
    const stream = await abortable(() => ArchiveStream.openBehind(engine, queue, opened, how), signal);
    let trailer: Trailer | undefined;
    let segments = 0;
    for await (const event of stream.events()) {
      await pause();
      signal?.throwIfAborted();
      options.onProgress?.({ bytes: stream.offset });
      if (event.kind === "trailer") {
        trailer = event.trailer;
        segments++;
      }
      if (event.kind !== "end" || trailer === undefined) continue;
      const isPutTogether = segments > 1 || isDeduplicated(stream.header);
      if (isPutTogether && hasRandomAccess(input)) await checkNewest(engine, sourceOf(input, signal), opened, signal);
      return summaryOf(stream.header, trailer, event.id, event.length);
    }
    throw new Error("Cannot verify the archive: it came to no end");
  } finally {
    await pieces.return();
  }
}

/** Puts the newest snapshot together from what all of them hold, and checks what only that shows. */
async function checkNewest(
  engine: Engine,
  source: Source,
  opened: OpenedHeader,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  await checkSnapshot(await Archive.openBehind(engine, source, opened, { snapshot: { kind: "newest" } }), signal);
}
