import { assert, assertEquals, assertThrows } from "@std/assert";
import { type CrashState, FaultyFiles } from "./faulty_files.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (content: Uint8Array | undefined) => content === undefined ? undefined : new TextDecoder().decode(content);

/** The distinct contents that a path has over some crash states; `undefined` stands for its absence. */
function contentsOf(states: Iterable<CrashState>, path: string): Set<string | undefined> {
  return new Set(Array.from(states, (state) => text(state.files.get(path))));
}

Deno.test("FaultyFiles behaves like a disk when nothing is to fail", () => {
  const files = new FaultyFiles(new Map([["/d/old", bytes("old")]]));
  const file = files.createExclusive("/d/new", 0o600);
  assertEquals(file.write(bytes("hello ")), 6);
  assertEquals(file.write(bytes("world")), 5);
  assertEquals(file.writeAt(0, bytes("H")), 1);
  file.truncate(9);
  file.close();
  assertEquals(text(files.files().get("/d/new")), "Hello wor");
  assertEquals(files.inspect("/d/new")?.kind, "file");
  assertEquals(files.inspect("/d/none"), undefined);
  assertThrows(() => files.createExclusive("/d/old", 0o600), Error, "EEXIST");
  assertThrows(() => files.link("/d/new", "/d/old"), Error, "EEXIST");
  files.rename("/d/new", "/d/old");
  assertEquals([...files.files().keys()], ["/d/old"]);
  files.remove("/d/old");
  assertThrows(() => files.remove("/d/old"), Error, "ENOENT");
  assertThrows(() => file.write(bytes("x")), Error, "EBADF");
  assertEquals(files.openFiles, 0);
});

Deno.test("FaultyFiles.fail() fails the chosen call once, and shortens writes", () => {
  const files = new FaultyFiles();
  files.fail("write", 2, { code: "ENOSPC" });
  files.fail("write", 4, { short: 2 });
  const file = files.createExclusive("/f", 0o600);
  assertEquals(file.write(bytes("abc")), 3);
  assertThrows(() => file.write(bytes("def")), Error, "ENOSPC");
  assertEquals(file.write(bytes("ghi")), 3);
  assertEquals(file.write(bytes("jkl")), 2);
  assertEquals(text(files.files().get("/f")), "abcghijk");
  files.fail("any", 1, { code: "EIO" });
  assertThrows(() => file.sync(), Error, "EIO");
  assert(!files.operations.some((operation) => operation.kind === "sync"), "a failed sync counted as one");
});

Deno.test("FaultyFiles.replay() loses content that was not synced, and keeps what was", () => {
  const files = new FaultyFiles();
  const file = files.createExclusive("/f", 0o600);
  files.syncDirectory("/");
  file.write(bytes("one"));
  file.sync();
  const safe = files.operations.length;
  file.writeAt(0, bytes("two"));
  const found = [...files.replay()];
  assertEquals(contentsOf(found, "/f"), new Set([undefined, "", "\0\0\0", "one", "two"]));
  const late = found.filter((state) => state.label.startsWith(`after ${safe + 1} `));
  assertEquals(contentsOf(late, "/f"), new Set(["one", "two"]));
});

Deno.test("FaultyFiles.replay() loses and tears single pages", () => {
  const files = new FaultyFiles();
  const file = files.createExclusive("/f", 0o600);
  files.syncDirectory("/");
  file.write(new Uint8Array(3 * 4096).fill(1));
  const last = [...files.replay()].filter((state) => state.label.startsWith("after 3 "));
  const pages = last.map((state) => {
    const content = state.files.get("/f") ?? new Uint8Array(0);
    return Array.from({ length: content.length / 2048 }, (_, i) => content[i * 2048]).join("");
  });
  assertEquals(pages.sort(), ["", "001111", "101111", "110011", "111011", "111100", "111110", "111111"].sort());
});

Deno.test("FaultyFiles.replay() loses names that were not synced, newest first", () => {
  const files = new FaultyFiles(new Map([["/d/target", bytes("old")]]));
  const file = files.createExclusive("/d/temporary", 0o600);
  file.write(bytes("new"));
  file.sync();
  files.rename("/d/temporary", "/d/target");
  const before = [...files.replay()];
  assertEquals(contentsOf(before, "/d/target"), new Set(["old", "new"]));
  files.syncDirectory("/d");
  const after = [...files.replay()].slice(before.length);
  assertEquals(contentsOf(after, "/d/target"), new Set(["new"]));
  assertEquals(contentsOf(after, "/d/temporary"), new Set([undefined]));
});

Deno.test("FaultyFiles.replay() shows the classic mistake: a rename without a sync before it", () => {
  const files = new FaultyFiles(new Map([["/target", bytes("old")]]));
  const file = files.createExclusive("/temporary", 0o600);
  file.write(bytes("new"));
  files.rename("/temporary", "/target");
  files.syncDirectory("/");
  assert(contentsOf(files.replay(), "/target").has(""), "no state has the new name with none of its content");
});
