import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { MAX_LABEL_BYTES } from "../../src/format/limits.ts";
import { openArchive } from "../../src/library/archive.ts";
import { createArchive, type CreateOptions } from "../../src/library/create.ts";
import type { Entry } from "../../src/library/entry.ts";
import type { ArchiveInput } from "../../src/library/input.ts";
import { inspectArchive } from "../../src/library/inspect.ts";
import type { OpenOptions } from "../../src/library/keys.ts";
import { readArchive } from "../../src/library/read.ts";
import { verifyArchive } from "../../src/library/verify.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { noise, testEach } from "../engine/engines.ts";
import { ARCHIVE_KEY, collect, createBytes, PASSPHRASE, refusal, sampleEntries, splitAtRandom } from "./samples.ts";

const OPTIONS = { archiveKey: ARCHIVE_KEY };

testEach("a wrong passphrase and a wrong archive key are 'wrong-key'", async (engine) => {
  const { bytes } = await createBytes(engine, [], PASSPHRASE);
  for (const options of [{ passphrase: "another" }, OPTIONS]) {
    assertEquals(await refusal(() => openArchive(engine, bytes, options)), "wrong-key");
    assertEquals(await refusal(() => verifyArchive(engine, [bytes], options)), "wrong-key");
    assertEquals(await refusal(() => collect(readArchive(engine, [bytes], options))), "wrong-key");
  }
});

testEach("what is no archive is told from what is a newer one", async (engine) => {
  const { bytes } = await createBytes(engine, []);
  const newer = bytes.slice();
  newer[9] = newer[4096 + 9] = 2;
  const inputs = [[new Uint8Array(0), "not-an-archive"], [noise(200_000), "not-an-archive"], [newer, "newer-version"]];
  for (const [input, code] of inputs as [Uint8Array, string][]) {
    assertEquals(await refusal(() => openArchive(engine, input, OPTIONS)), code);
    assertEquals(await refusal(() => inspectArchive(engine, input, {})), code);
    assertEquals(await refusal(() => verifyArchive(engine, [input], OPTIONS)), code);
    assertEquals(await refusal(() => collect(readArchive(engine, [input], OPTIONS))), code);
  }
});

testEach("an archive that is cut, or followed by something, never ends well", async (engine) => {
  const { bytes, header } = await createBytes(engine, sampleEntries());
  const final = bytes.slice();
  final.set(header);
  for (const archive of [bytes, final]) {
    for (const length of [8192, 8192 + 32, 100_000, 3_000_000, archive.length - 4096, archive.length - 1]) {
      const cut = archive.subarray(0, length);
      assertEquals(await refusal(() => verifyArchive(engine, splitAtRandom(cut, length), OPTIONS)), "truncated");
      assertEquals(await refusal(() => collect(readArchive(engine, [cut], OPTIONS))), "truncated", `${length}`);
      assertEquals(await refusal(() => openArchive(engine, cut, OPTIONS)), "truncated", `${length}`);
    }
    const longer = new Uint8Array([...archive, 0]);
    assertEquals(await refusal(() => verifyArchive(engine, longer, OPTIONS)), "trailing-data");
    assertEquals(await refusal(() => collect(readArchive(engine, [longer], OPTIONS))), "trailing-data");
    // Behind an archive that knows its length, one byte may be what is left of an update.
    if (archive === bytes) assertEquals(await refusal(() => openArchive(engine, longer, OPTIONS)), "trailing-data");
    const more = new Uint8Array([...archive, ...noise(100)]);
    assertEquals(await refusal(() => openArchive(engine, more, OPTIONS)), "trailing-data");
  }
});

testEach("verifyArchive() and readArchive() find a flipped bit anywhere behind the header", async (engine) => {
  const { bytes } = await createBytes(engine, [{ path: "a", content: noise(200_000) }, { path: "b", content: "b" }]);
  const places = [8192, 8192 + 32, 8192 + 100, 100_000, 150_001, bytes.length - 300, bytes.length - 1];
  for (const place of places) {
    const flipped = bytes.slice();
    flipped[place] = (flipped[place] as number) ^ 0x10;
    assertEquals(await refusal(() => verifyArchive(engine, flipped, OPTIONS)), "damaged", `${place}`);
    assertEquals(await refusal(() => collect(readArchive(engine, [flipped], OPTIONS))), "damaged", `${place}`);
  }
});

testEach("Archive.read() errors on a damaged block, and other files stay readable", async (engine) => {
  const content = noise(2 ** 21);
  const { bytes } = await createBytes(engine, [{ path: "a", content }, { path: "b", content: "fine" }]);
  bytes[1_000_000] = (bytes[1_000_000] as number) ^ 1;
  const archive = await openArchive(engine, bytes, OPTIONS);
  assertEquals(await refusal(() => new Response(archive.read("a")).bytes()), "damaged");
  assertEquals(await new Response(archive.read("b")).text(), "fine");
  assertEquals(await refusal(() => archive.verify()), "damaged");
});

testEach("one damaged copy of the header is a warning, and inspectArchive() says so", async (engine) => {
  const { bytes } = await createBytes(engine, [{ path: "a", content: "x" }]);
  for (const place of [0, 500, 4096, 4096 + 500]) {
    const damaged = bytes.slice();
    damaged[place] = (damaged[place] as number) ^ 1;
    const warnings: string[] = [];
    const options = { ...OPTIONS, onWarning: (warning: string) => void warnings.push(warning) };
    await openArchive(engine, damaged, options);
    await verifyArchive(engine, [damaged], options);
    await collect(readArchive(engine, [damaged], options));
    assertEquals(warnings.length, 3);
    assertStringIncludes(warnings[0] ?? "", `header copy ${place < 4096 ? "A" : "B"}`);
    assertEquals((await inspectArchive(engine, damaged, {})).headerDamaged, true);
  }
  assertEquals((await inspectArchive(engine, bytes, {})).headerDamaged, false);
});

testEach("a header that asks for too much key derivation is refused before any", async (engine) => {
  const { bytes } = await createBytes(engine, [], PASSPHRASE);
  const limits: OpenOptions[] = [{ maxKdfWork: 2 ** 18 - 1 }, { maxKdfMemory: 2 ** 25 - 1 }];
  const idle = { ...engine, scrypt: () => Promise.reject(new Error("scrypt was called")) };
  for (const limit of limits) {
    assertEquals(await refusal(() => openArchive(idle, bytes, { ...PASSPHRASE, ...limit })), "limit");
  }
  await openArchive(engine, bytes, { ...PASSPHRASE, maxKdfWork: 2 ** 18, maxKdfMemory: 2 ** 25 });
});

testEach("Archive.read() and Archive.list() refuse what is not there or is no file", async (engine) => {
  const archive = await openArchive(engine, (await createBytes(engine, sampleEntries())).bytes, OPTIONS);
  const read = (path: string) => new Response(archive.read(path)).bytes();
  for (const path of ["absent", "folder/absent", "", "../a", "z.txt/below", "folder/"]) {
    await assertRejects(() => read(path), TypeError, "has no such entry");
    assertEquals(await archive.get(path), undefined);
  }
  for (const [path, kind] of [["folder", "directory"], ["soft", "symlink"], ["pipe", "fifo"], [".", "directory"]]) {
    await assertRejects(() => read(path as string), TypeError, `it is a ${kind}`);
  }
  for (const path of ["", "/", "folder/", "../a"]) assertThrows(() => archive.list(path), TypeError, "Cannot list");
});

testEach("createArchive() refuses entries that cannot be stored", async (engine) => {
  const cases: (readonly [entries: Entry[], message: string])[] = [
    [[{ path: "a", content: "" }, { path: "a", content: "" }], "two entries have that path"],
    [
      [{ path: "b", content: "" }, { path: "a", content: "" }, { path: "b", content: "" }],
      "two entries have that path",
    ],
    [[{ path: "a/b", content: "" }, { path: "a", content: "" }], '"a" is a file'],
    [[{ path: "a", kind: "symlink", link: "x" }, { path: "a/b", content: "" }], '"a" is a symlink'],
    [[{ path: "../a", content: "" }], 'a part ".."'],
    [[{ path: "/a", content: "" }], "absolute"],
    [[{ path: "", content: "" }], "empty"],
    [[{ path: "\ud800", content: "" }], "well-formed"],
    [[{ path: ".", content: "" }], "only a directory can be the root"],
    [[{ path: "a" }], "a file needs content"],
    [[{ path: "a", kind: "directory", content: "" }], "files have content and nothing else has"],
    [[{ path: "a", kind: "symlink" }], "symlink target is empty"],
    [[{ path: "a", content: "", link: "b" }], "only links have a target"],
    [[{ path: "a", kind: "hardlink", link: "../b" }], "hardlink target"],
    [[{ path: "a", kind: "hardlink", link: "b" }], "no file has that path"],
    [[{ path: "b", kind: "directory" }, { path: "a", kind: "hardlink", link: "b" }], "no file has that path"],
    [[{ path: "a", content: "", mode: 0o10000 }], "mode"],
    [[{ path: "a", content: "", mtime: new Date(NaN) }], "invalid date"],
    [[{ path: "a", content: "", mtime: new Date(8.64e15) }], "time is out of range"],
    [[{ path: "a", content: "", owner: { uid: -1, gid: 0 } }], "out of range"],
    [[{ path: "a", content: "\udc00" }], "not well-formed"],
    // What only JavaScript can do.
    [[{ path: "a", kind: "device" as "file", content: "" }], 'no kind "device"'],
    [[{ path: "a", content: 5 as unknown as string }], "neither text nor bytes"],
    [[{ path: "a", content: ["text"] as unknown as string }], "must be Uint8Array"],
    [[{ content: "" } as Entry], "not a string"],
  ];
  for (const [entries, message] of cases) {
    const { readable, result } = createArchive(engine, entries, OPTIONS);
    await assertRejects(() => new Response(readable).bytes(), TypeError, message);
    await assertRejects(() => result, TypeError, message);
  }
});

Deno.test("createArchive() refuses wrong options at once", () => {
  const create = (options: CreateOptions) => () => createArchive(nativeEngine, [], options);
  const cases: CreateOptions[] = [
    { passphrase: "" },
    { passphrase: "a\nb" },
    { passphrase: "\ud800" },
    { archiveKey: new Uint8Array(31) },
    { ...OPTIONS, level: 0 },
    { ...OPTIONS, level: 20 },
    { ...OPTIONS, level: 1.5 },
    { ...OPTIONS, kdf: { logN: 14 } },
    { ...OPTIONS, kdf: { logN: 25 } },
    { ...OPTIONS, kdf: { r: 0 } },
    { ...OPTIONS, kdf: { p: 17 } },
    { ...OPTIONS, label: "\u{1F600}".repeat(MAX_LABEL_BYTES / 4) + "x" },
    { ...OPTIONS, label: "\ud800" },
    { ...OPTIONS, time: new Date(8.64e15) },
  ];
  for (const options of cases) assertThrows(create(options), RangeError, "Cannot use");
  assertThrows(create({}), TypeError, "without a key");
  assertThrows(create({ ...OPTIONS, time: new Date(NaN) }), TypeError, "invalid date");
  assertThrows(create({ ...OPTIONS, suite: "rot13" as "aes-256-gcm" }), TypeError, '"rot13"');
  assertThrows(() => createArchive(nativeEngine, 5 as unknown as Entry[], OPTIONS), TypeError, "not iterable");
});

testEach("a label of the largest length survives", async (engine) => {
  const label = "\u{1F600}".repeat(MAX_LABEL_BYTES / 4);
  const { bytes } = await createBytes(engine, [], { ...OPTIONS, label });
  assertEquals((await openArchive(engine, bytes, OPTIONS)).label, label);
});

Deno.test("opening refuses wrong arguments before it reads", async () => {
  const unread = { size: 100, read: () => Promise.reject(new Error("it was read")) };
  const work = [
    (options: OpenOptions) => openArchive(nativeEngine, unread, options),
    (options: OpenOptions) => verifyArchive(nativeEngine, unread, options),
    async (options: OpenOptions) => void await readArchive(nativeEngine, unread, options).next(),
  ];
  for (const open of work) {
    await assertRejects(async () => await open({}), TypeError, "without a key");
    await assertRejects(async () => await open({ passphrase: "" }), RangeError, "empty passphrase");
    await assertRejects(async () => await open({ archiveKey: new Uint8Array(33) }), RangeError, "33 bytes");
    await assertRejects(async () => await open(OPTIONS), Error, "it was read");
  }
  const wrong = [5, null, undefined, "archive.coffer", {}, { size: -1, read: unread.read }, {
    size: 1.5,
    read: unread.read,
  }];
  for (const input of wrong as ArchiveInput[]) {
    await assertRejects(() => openArchive(nativeEngine, input, OPTIONS), TypeError, "Cannot open an archive");
    await assertRejects(() => inspectArchive(nativeEngine, input, {}), TypeError, "Cannot open an archive");
    await assertRejects(() => verifyArchive(nativeEngine, input, OPTIONS), TypeError);
    await assertRejects(() => readArchive(nativeEngine, input, OPTIONS).next(), TypeError);
  }
  const text = new Blob(["text"]).stream().pipeThrough(new TextDecoderStream());
  await assertRejects(
    () => verifyArchive(nativeEngine, text as unknown as Uint8Array[], OPTIONS),
    TypeError,
    "must be Uint8Array",
  );
});

Deno.test("an archive key is copied, so that clearing it changes nothing", async () => {
  const key = ARCHIVE_KEY.slice();
  const { readable } = createArchive(nativeEngine, [], { archiveKey: key });
  key.fill(0);
  const bytes = await new Response(readable).bytes();
  const mine = ARCHIVE_KEY.slice();
  const archive = await openArchive(nativeEngine, bytes, { archiveKey: mine });
  assert(mine.every((byte, i) => byte === ARCHIVE_KEY[i]));
  assertEquals(archive.totals.entries, 0);
});
