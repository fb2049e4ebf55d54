import { assert, assertEquals, assertRejects } from "@std/assert";
import { ArchiveStream, type StreamEvent } from "../../src/archive/stream_reader.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { type CheckedBlock, checkInParallel } from "../../src/parallel/check_blocks.ts";
import { openInParallel } from "../../src/parallel/open_blocks.ts";
import { archiveOf, entriesOf, entry, KEY, makeTree, noise } from "./trees.ts";

async function check(archive: Uint8Array<ArrayBuffer>, jobs: number): Promise<StreamEvent<CheckedBlock>[]> {
  const stream = await ArchiveStream.open(nativeEngine, [archive], { keys: [KEY] });
  const events: StreamEvent<CheckedBlock>[] = [];
  using checkers = new DisposableStack();
  for await (const event of stream.events((setting) => checkers.use(checkInParallel(setting, { jobs })))) {
    events.push(event);
  }
  return events;
}

Deno.test("checkInParallel() sees what one thread sees", async () => {
  const root = makeTree();
  try {
    const archive = await archiveOf(entriesOf(root));
    const one = await check(archive, 1);
    assert(one.filter(({ kind }) => kind === "block").length > 10);
    for (const jobs of [2, 3]) assertEquals(await check(archive, jobs), one);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("openInParallel() gives the blocks that one thread gives, each good until the next", async () => {
  const root = makeTree();
  try {
    const archive = await archiveOf(entriesOf(root));
    const read = async (jobs: number) => {
      const stream = await ArchiveStream.open(nativeEngine, [archive], { keys: [KEY] });
      const seen: unknown[] = [];
      using openers = new DisposableStack();
      for await (const event of stream.events((setting) => openers.use(openInParallel(setting, { jobs })))) {
        if (event.kind !== "block") seen.push(event);
        else seen.push(event.frame, event.block.entries, nativeEngine.sha256(event.block.data).toHex());
      }
      return seen;
    };
    const one = await read(1);
    for (const jobs of [2, 3]) assertEquals(await read(jobs), one);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("checkInParallel() takes an archive with files that failed half-way", async () => {
  const root = makeTree();
  try {
    const entries = [...entriesOf(root)].map((planned) =>
      planned.row.path.endsWith("file-9") && planned.content?.kind === "file"
        ? { ...planned, content: { ...planned.content, location: `${root}/none` } }
        : planned
    );
    const archive = await archiveOf(entries, { onProblem: () => {} });
    assertEquals(await check(archive, 2), await check(archive, 1));
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("checkInParallel() meets the first of several bad frames first, wherever they are", async () => {
  const archive = await archiveOf([entry("a", "file", noise(400_000))]);
  for (const places of [[30_000], [100_000], [250_000, 100_000], [archive.length - 3000], [archive.length - 9000]]) {
    const bad = archive.slice();
    for (const place of places) bad[place] = (bad[place] as number) ^ 4;
    const one = await assertRejects(() => check(bad, 1), ArchiveError);
    const two = await assertRejects(() => check(bad, 2), ArchiveError);
    assertEquals([two.code, two.message, two.place], [one.code, one.message, one.place]);
  }
});
