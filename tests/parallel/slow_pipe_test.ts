/** A pipe that stands still: what has come is given out, however many threads there are. */
import { assertEquals } from "@std/assert";
import { createArchive } from "../../src/archive/create.ts";
import { ArchiveStream } from "../../src/archive/stream_reader.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import { openInParallel } from "../../src/parallel/open_blocks.ts";

Deno.test("events() gives out blocks that are ready while it waits for the rest of a pipe", async () => {
  const archiveKey = new Uint8Array(32).fill(7);
  const keys = [{ kind: "archive-key" as const, archiveKey }];
  const written: Bytes[] = [];
  const content = (name: string) => ({
    row: { ...provisionalRow(name, "file"), mode: 0o600 },
    content: { kind: "bytes" as const, bytes: [new Uint8Array(3000).fill(name.charCodeAt(0))] },
  });
  await createArchive(nativeEngine, ["a", "b", "c", "d", "e", "f"].map(content), {
    write: (bytes) => void written.push(bytes.slice()),
  }, { keys, blockBytes: 3000, level: "store" });
  const whole = new Uint8Array(written.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of written) {
    whole.set(piece, at);
    at += piece.length;
  }
  const rest = Promise.withResolvers<void>();
  // The header, the first three blocks, and some of the fourth.
  const cut = (written[0] as Bytes).length + (written[1] as Bytes).length + 3 * (written[2] as Bytes).length + 1000;
  async function* pipe(): AsyncGenerator<Bytes> {
    yield whole.slice(0, cut);
    await rest.promise;
    yield whole.slice(cut);
  }
  const stream = await ArchiveStream.open(nativeEngine, pipe(), { keys });
  const seen: string[] = [];
  using owner = new DisposableStack();
  for await (const event of stream.events((setting) => owner.use(openInParallel(setting, { jobs: 4 })))) {
    if (event.kind === "block") seen.push(...event.block.entries.map(({ row }) => row.path));
    // Were one of the three held back for the rest, that would never come.
    if (seen.length === 3) rest.resolve();
  }
  assertEquals(seen, ["a", "b", "c", "d", "e", "f"]);
});
