import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { nearestFolder, spool, SpoolError } from "../../src/disk/spool.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { seededRandom } from "../archive/archive_builder.ts";

const { signal } = new AbortController();

function inFolder(use: (folder: string) => Promise<void> | void): () => Promise<void> {
  return async () => {
    const folder = Deno.makeTempDirSync();
    try {
      await use(folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  };
}

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name);

/** Pieces in one buffer, as a pipe gives them. */
async function* piecesOf(bytes: Bytes, onPiece: () => void = () => {}): AsyncGenerator<Bytes> {
  const buffer = new Uint8Array(65_536);
  for (let at = 0; at < bytes.length; at += buffer.length) {
    const piece = bytes.subarray(at, at + buffer.length);
    buffer.set(piece);
    onPiece();
    yield buffer.subarray(0, piece.length);
    await Promise.resolve();
  }
}

Deno.test(
  "spool() keeps a pipe's bytes in a file without a name, for its owner alone, and lets go of it",
  inFolder(async (folder) => {
    const bytes = Uint8Array.from(seededRandom(9)(700_000));
    let told = 0;
    const spooled = await spool(piecesOf(bytes), { folder, signal, onProgress: (count) => told += count });
    try {
      assertEquals(await spooled.source.read(0, bytes.length + 1), bytes);
      assertEquals([spooled.source.size, told], [700_000, 700_000]);
      if (Deno.build.os === "linux") {
        const descriptor = `/proc/self/fd/${spooled.source.descriptor}`;
        assertEquals(names(folder), []);
        assertEquals((Deno.statSync(descriptor).mode ?? 0) & 0o777, 0o600);
        assert(Deno.readLinkSync(descriptor).startsWith(`${Deno.realPathSync(folder)}/.standard-input.`));
      }
    } finally {
      spooled[Symbol.dispose]();
    }
    assertEquals(names(folder), []);
  }),
);

Deno.test(
  "spool() leaves nothing when the pipe breaks, and when it is to stop",
  inFolder(async (folder) => {
    const stop = new AbortController();
    let pieces = 0;
    const stopping = spool(piecesOf(new Uint8Array(10 ** 6), () => ++pieces === 3 && stop.abort(new Error("enough"))), {
      folder,
      signal: stop.signal,
    });
    await assertRejects(() => stopping, Error, "enough");
    assertEquals(pieces, 3);
    async function* broken(): AsyncGenerator<Bytes> {
      yield* piecesOf(new Uint8Array(100));
      throw new Deno.errors.ConnectionReset("the other end has gone");
    }
    await assertRejects(() => spool(broken(), { folder, signal }), Deno.errors.ConnectionReset);
    assertEquals(names(folder), []);
  }),
);

Deno.test(
  "spool() says where it cannot keep a pipe, and why",
  inFolder(async (folder) => {
    const absent = join(folder, "absent");
    const missing = await assertRejects(
      () => spool(piecesOf(new Uint8Array(1)), { folder: absent, signal }),
      SpoolError,
    );
    assertEquals(missing.message, `Cannot keep standard input in "${absent}": it does not exist`);
    const file = join(folder, "file");
    Deno.writeTextFileSync(file, "");
    await assertRejects(() => spool(piecesOf(new Uint8Array(1)), { folder: file, signal }), SpoolError, "not a folder");
  }),
);

Deno.test(
  "nearestFolder() is the folder itself, or the first above it that is there",
  inFolder((folder) => {
    assertEquals(nearestFolder(folder), folder);
    assertEquals(nearestFolder(join(folder, "not", "there", "yet")).replace(/[/\\]$/, ""), folder);
    assertEquals(nearestFolder("not/there"), ".");
  }),
);
