import { assert, assertEquals } from "@std/assert";
import { diffEntries, type HasRow } from "../../src/archive/diff.ts";
import type { Row } from "../../src/format/row.ts";

const OWNER = { uid: 1, gid: 2, user: "ada", group: "users" };

function entry(path: string, values: Partial<Row> = {}): HasRow {
  const row: Row = {
    path,
    kind: "file",
    mode: 0o644,
    size: 3,
    mtime: { seconds: 1, nanoseconds: 2 },
    ctime: 1,
    dev: 1,
    inode: 1,
    owner: OWNER,
    link: "",
    changed: false,
    contentHash: undefined,
    ...values,
  };
  return { row };
}

async function diff(before: HasRow[], after: HasRow[], same = true): Promise<string[]> {
  const found: string[] = [];
  for await (const { path, kind, fields } of diffEntries(before, after, () => same)) {
    found.push([kind, path, ...fields].join(" "));
  }
  return found;
}

Deno.test("diffEntries() tells what was added and removed in path order when it is at the start, in the middle and at the end", async () => {
  const before = ["a", "b", "b/c", "b-d", "z"].map((path) => entry(path));
  const after = [".", "b", "b/d", "b-d", "zz"].map((path) => entry(path));
  assertEquals(await diff(before, after), [
    "added .",
    "removed a",
    "removed b/c",
    "added b/d",
    "removed z",
    "added zz",
  ]);
  assertEquals(await diff([], [entry("a")]), ["added a"]);
  assertEquals(await diff([entry("a")], []), ["removed a"]);
  assertEquals(await diff([], []), []);
});

Deno.test("diffEntries() tells each value that differs, and passes over what is never restored", async () => {
  const cases: [Partial<Row>, string[]][] = [
    [{ mode: 0o600 }, ["metadata x mode"]],
    [{ mtime: { seconds: 1, nanoseconds: 3 } }, ["metadata x mtime"]],
    [{ mtime: { seconds: 2, nanoseconds: 2 } }, ["metadata x mtime"]],
    [{ owner: undefined }, ["metadata x owner"]],
    [{ owner: { ...OWNER, user: "eve" } }, ["metadata x owner"]],
    [{ owner: { ...OWNER, gid: 3 } }, ["metadata x owner"]],
    [{ size: 4, mode: 0 }, ["content x content mode"]],
    [{ kind: "directory", size: 0 }, ["kind x kind"]],
    [{ ctime: 9, dev: 9, inode: 9, changed: true, contentHash: new Uint8Array(32) }, []],
  ];
  for (const [values, expected] of cases) assertEquals(await diff([entry("x")], [entry("x", values)]), expected);
  const link = (target: string) => entry("x", { kind: "symlink", size: 0, link: target });
  assertEquals(await diff([link("a")], [link("b")]), ["content x link"]);
});

Deno.test("diffEntries() asks about the content of files of equal size, and of nothing else", async () => {
  const asked: string[] = [];
  const before = [entry("a"), entry("b"), entry("c", { kind: "directory", size: 0 }), entry("d")];
  const after = [entry("a"), entry("b", { size: 5 }), entry("c", { kind: "directory", size: 0 }), entry("d")];
  const found: string[] = [];
  const ask = (a: HasRow, b: HasRow) => {
    assert(a.row.path === b.row.path);
    asked.push(a.row.path);
    return Promise.resolve(a.row.path !== "d");
  };
  for await (const { path, kind, fields } of diffEntries(before, after, ask)) found.push(`${kind} ${path} ${fields}`);
  assertEquals(asked, ["a", "d"]);
  assertEquals(found, ["content b content", "content d content"]);
});

Deno.test("diffEntries() lets both lists go when its caller stops early", async () => {
  const closed: string[] = [];
  const list = async function* (name: string): AsyncGenerator<HasRow> {
    try {
      for (let i = 0;; i++) yield await Promise.resolve(entry(`${name}${i}`));
    } finally {
      closed.push(name);
    }
  };
  for await (const _ of diffEntries(list("a"), list("b"), () => true)) break;
  assertEquals(closed.sort(), ["a", "b"]);
});
