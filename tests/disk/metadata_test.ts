import { assertEquals, assertStrictEquals } from "@std/assert";
import * as fs from "node:fs";
import { descriptorsWork } from "../../src/disk/descriptors.ts";
import { identityOf, millisecondsOf, OwnerNames, setTimes, timeOf } from "../../src/disk/metadata.ts";
import { mtimeAt, run, withFolder } from "./surroundings.ts";

Deno.test("timeOf() and millisecondsOf() round down, before 1970 too", () => {
  assertEquals(timeOf(new Date(1_600_000_000_123)), { seconds: 1_600_000_000, nanoseconds: 123_000_000 });
  assertEquals(timeOf(new Date(-1)), { seconds: -1, nanoseconds: 999_000_000 });
  assertEquals(timeOf(new Date(-1000)), { seconds: -1, nanoseconds: 0 });
  assertEquals(timeOf(null), { seconds: 0, nanoseconds: 0 });
  assertEquals(millisecondsOf({ seconds: -1, nanoseconds: 999_999_999 }), -1);
  assertEquals(millisecondsOf({ seconds: 5, nanoseconds: 999_999 }), 5000);
});

Deno.test("setTimes() keeps every millisecond", () => {
  withFolder((folder) => {
    const path = `${folder}/f`;
    const descriptor = fs.openSync(path, "w");
    try {
      // node:fs alone loses one in two of these to rounding.
      for (let i = 0; i < 1000; i++) {
        const milliseconds = 1_600_000_000_000 + i * 7_777_777_001;
        setTimes(descriptor, new Date(), timeOf(new Date(milliseconds)));
        assertEquals(mtimeAt(path), milliseconds);
      }
    } finally {
      fs.closeSync(descriptor);
    }
  });
});

Deno.test("setTimes() keeps times before 1970, fractions too where descriptors have paths", () => {
  withFolder((folder) => {
    const path = `${folder}/f`;
    const descriptor = fs.openSync(path, "w");
    try {
      for (const milliseconds of [-1, -999, -1000, -1001, -86_400_000 * 365 * 20 + 678, 0, 1]) {
        setTimes(descriptor, new Date(), timeOf(new Date(milliseconds)));
        const kept = descriptorsWork() || milliseconds >= 0 ? milliseconds : Math.floor(milliseconds / 1000) * 1000;
        assertEquals(mtimeAt(path), kept);
      }
    } finally {
      fs.closeSync(descriptor);
    }
  });
});

Deno.test("timeOf() reads what another program set", () => {
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/f`, "");
    run("touch", "-d", "1969-12-31 23:59:58.250 UTC", `${folder}/f`);
    assertEquals(timeOf(Deno.lstatSync(`${folder}/f`).mtime), { seconds: -2, nanoseconds: 250_000_000 });
  });
});

Deno.test("identityOf() does not trust inode numbers that arrive rounded", () => {
  const info = Deno.lstatSync(".");
  assertEquals(identityOf({ ...info, dev: 5, ino: 7 }), { dev: 5, inode: 7 });
  assertEquals(identityOf({ ...info, dev: 5, ino: 2 ** 53 }), { dev: 0, inode: 0 });
  assertEquals(identityOf({ ...info, dev: 5, ino: null }), { dev: 0, inode: 0 });
});

const PASSWD = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/:\nann2:x:1000:1000::/:\nbad\n:x:5:5\nhex:x:0x7:1\n";
const GROUP = "root:x:0:\nusers:x:100:ann\nann:x:1000:\n";

Deno.test("OwnerNames.ownerOf() gives the first name of a number, or none", () => {
  const names = new OwnerNames(PASSWD, GROUP);
  assertEquals(names.ownerOf(1000, 100), { uid: 1000, gid: 100, user: "ann", group: "users" });
  assertEquals(names.ownerOf(5, 7), { uid: 5, gid: 7, user: "", group: "" });
  assertStrictEquals(names.ownerOf(1000, 100), names.ownerOf(1000, 100));
});

Deno.test("OwnerNames.idsOf() takes a known name, otherwise the number, never a default", () => {
  const names = new OwnerNames(PASSWD, GROUP);
  assertEquals(names.idsOf({ uid: 7, gid: 8, user: "ann", group: "users" }), { uid: 1000, gid: 100 });
  assertEquals(names.idsOf({ uid: 7, gid: 8, user: "nobody-here", group: "none" }), { uid: 7, gid: 8 });
  assertEquals(names.idsOf({ uid: 7, gid: 8, user: "", group: "" }), { uid: 7, gid: 8 });
  assertEquals(names.idsOf({ uid: 7, gid: 8, user: "hex", group: "" }), { uid: 7, gid: 8 });
});

Deno.test("OwnerNames.idsOf() refuses numbers that mean something else to the system", () => {
  const names = new OwnerNames("", "");
  for (const id of [2 ** 32 - 1, 2 ** 32, -1, 1.5, NaN]) {
    assertEquals(names.idsOf({ uid: id, gid: 0, user: "", group: "" }), undefined);
    assertEquals(names.idsOf({ uid: 0, gid: id, user: "", group: "" }), undefined);
  }
  assertEquals(names.idsOf({ uid: 2 ** 32 - 2, gid: 0, user: "", group: "" }), { uid: 2 ** 32 - 2, gid: 0 });
});

Deno.test("new OwnerNames() reads this system's names", () => {
  if (Deno.build.os === "windows") return;
  assertEquals(new OwnerNames().ownerOf(0, 0).user, "root");
});
