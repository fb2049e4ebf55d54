import { assertEquals, assertMatch, assertNotMatch, assertRejects } from "@std/assert";
import * as browser from "../../browser.ts";
import * as native from "../../mod.ts";

const PASSPHRASE = "seven plum anchors drift by the quay";
const BY = { passphrase: PASSPHRASE, kdf: { logN: 15 } };
const HEADER_BYTES = 8192;

/** An archive in memory that can be written to. */
function targetOf(bytes: Uint8Array<ArrayBuffer>): native.WritableSource {
  return {
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.slice(offset, offset + length)),
    write: (offset, piece) => Promise.resolve(bytes.set(piece, offset)),
    sync: () => Promise.resolve(),
  };
}

async function made(): Promise<Uint8Array<ArrayBuffer>> {
  const { readable } = native.createArchive([{ path: "a.txt", content: "first" }], BY);
  return new Uint8Array(await new Response(readable).arrayBuffer());
}

async function textOf(bytes: Uint8Array<ArrayBuffer>, by: native.OpenOptions): Promise<string> {
  return await new Response((await native.openArchive(bytes, by)).read("a.txt")).text();
}

for (const [name, library] of [["mod.ts", native], ["browser.ts", browser]] as const) {
  Deno.test(`${name}: a header that was lost is restored from a backup, or with new keys for the archive key`, async () => {
    const whole = await made();
    const { text, archiveKey } = await library.backupHeader(whole, BY);
    assertMatch(text, /^-----BEGIN COFFER HEADER-----\n/);
    assertEquals(archiveKey().length, 32);
    assertNotMatch(Deno.inspect({ text, archiveKey }), new RegExp(archiveKey().toHex(), "i"));

    const lost = whole.slice().fill(0, 0, HEADER_BYTES);
    const kept = await library.restoreHeader(targetOf(lost), { backup: text }, BY);
    assertEquals(kept.map(({ kind }) => kind), ["passphrase"]);
    assertEquals(await textOf(lost, BY), "first");
    assertEquals(lost.subarray(HEADER_BYTES), whole.subarray(HEADER_BYTES));

    const anew = whole.slice().fill(0, 0, HEADER_BYTES);
    const keyFile = native.KeyFile.generate();
    const slots = await library.restoreHeader(targetOf(anew), { keys: [{ keyFile }] }, { archiveKey: archiveKey() });
    assertEquals(slots, [{ kind: "key-file" }]);
    assertEquals(await textOf(anew, { keyFile }), "first");
    assertEquals((await assertRejects(() => textOf(anew, BY), native.ArchiveError)).code, "wrong-key");
  });
}

Deno.test("restoreHeader() writes nothing when it is refused", async () => {
  const whole = await made();
  const other = await made();
  const { text, archiveKey } = await native.backupHeader(whole, BY);
  const keyFile = native.KeyFile.generate();
  const own = { archiveKey: archiveKey() };
  const lost = whole.slice().fill(0, 0, HEADER_BYTES);
  const cases: readonly (readonly [
    bytes: Uint8Array<ArrayBuffer>,
    from: native.HeaderRestore,
    by: native.ChangeKeysOptions,
    kind: new (...args: never[]) => Error,
  ])[] = [
    [other, { backup: text }, BY, native.ArchiveError],
    [lost, { backup: text }, { keyFile }, native.ArchiveError],
    [lost, { backup: text.slice(0, -100) }, BY, RangeError],
    [lost, { backup: text }, {}, TypeError],
    [lost, { keys: [] }, own, TypeError],
    [lost, { keys: [{ keyFile }] }, { keyFile }, native.ArchiveError],
    [lost, { keys: Array(33).fill({ keyFile }) }, own, native.KeyChangeError],
    [whole, { keys: [{ keyFile }] }, own, TypeError],
  ];
  for (const [bytes, from, by, kind] of cases) {
    const before = bytes.slice();
    await assertRejects(() => native.restoreHeader(targetOf(bytes), from, by), kind);
    assertEquals(bytes, before);
  }
});
