import * as fs from "node:fs";
import { assert, assertEquals } from "@std/assert";
import { libc } from "../../src/disk/libc.ts";
import { lookFrom, lookIn } from "../../src/disk/look.ts";
import { run, withFolder } from "./surroundings.ts";

const calls = libc();
const there = { ignore: calls === undefined };

Deno.test({
  name: "libc() sees what the runtime sees, of every kind of name",
  ...there,
  fn() {
    withFolder((folder) => {
      Deno.writeTextFileSync(`${folder}/file`, "hello");
      Deno.chmodSync(`${folder}/file`, 0o6751);
      Deno.linkSync(`${folder}/file`, `${folder}/again`);
      Deno.truncateSync(`${folder}/again`, 5 * 2 ** 30);
      Deno.mkdirSync(`${folder}/folder`, { mode: 0o1700 });
      Deno.symlinkSync("nowhere", `${folder}/link`);
      run("mkfifo", `${folder}/fifo`);
      Deno.writeTextFileSync(`${folder}/old`, "");
      Deno.utimeSync(`${folder}/old`, 0, new Date(-1_500_000_000_321));
      const descriptor = calls!.open(folder, fs.constants.O_RDONLY, 0);
      assert(descriptor > 0);
      try {
        const names = ["file", "again", "folder", "link", "fifo", "old"];
        for (const name of names) {
          assertEquals(lookIn(descriptor, name), lookFrom(Deno.lstatSync(`${folder}/${name}`)), name);
        }
        // What lies outside the numbers that are read here is left to the runtime.
        assertEquals(names.filter((name) => calls!.statusAt(descriptor, name) === undefined), ["old"]);
        assertEquals(calls!.list(descriptor)?.sort(), names.sort());
        assertEquals(calls!.statusAt(descriptor, "missing"), undefined);
        assertEquals(calls!.statusAt(descriptor, "file\0"), undefined);
        assertEquals(calls!.statusAt(descriptor, "x".repeat(5000)), undefined);
      } finally {
        calls!.close(descriptor);
      }
    });
  },
});

Deno.test({
  name: "libc() lists folders of many names, and leaves names beyond ASCII to the runtime",
  ...there,
  fn() {
    withFolder((folder) => {
      const names = Array.from({ length: 3000 }, (_, i) => `${i}`.padStart(1 + i % 200, "n"));
      for (const name of names) Deno.writeTextFileSync(`${folder}/${name}`, "");
      const list = () => {
        const descriptor = calls!.open(folder, fs.constants.O_RDONLY, 0);
        const found = calls!.list(descriptor);
        calls!.close(descriptor);
        return found;
      };
      const theirs = Array.from(Deno.readDirSync(folder), (entry) => entry.name).sort();
      assertEquals(list()?.sort(), theirs);
      for (const name of [".a", "...", "..b", "-"]) Deno.writeTextFileSync(`${folder}/${name}`, "");
      assertEquals(list()?.length, theirs.length + 4);
      Deno.writeTextFileSync(`${folder}/ü`, "");
      assertEquals(list(), undefined);
    });
  },
});

Deno.test({
  name: "libc() writes and reads by position, also of shared memory and far out, and says when it cannot",
  ...there,
  fn() {
    withFolder((folder) => {
      const flags = fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL;
      const descriptor = calls!.open(`${folder}/f`, flags, 0o600);
      assertEquals(calls!.open(`${folder}/f`, flags, 0o600), -1);
      const far = 5 * 2 ** 30;
      const shared = new Uint8Array(new SharedArrayBuffer(8)).subarray(2, 6);
      shared.set([1, 2, 3, 4]);
      assertEquals(calls!.write(descriptor, shared, far), 4);
      const into = new Uint8Array(6).subarray(1, 5);
      assertEquals(calls!.read(descriptor, into, far + 1), 3);
      assertEquals([...new Uint8Array(into.buffer)], [0, 2, 3, 4, 0, 0]);
      assertEquals(calls!.read(descriptor, into, far + 4), 0);
      assertEquals(calls!.setMode(descriptor, 0o640), 0);
      assertEquals(calls!.setTimes(descriptor, 1000, 2 ** 32 * 1000 + 5), 0);
      const info = Deno.statSync(`${folder}/f`);
      assertEquals([info.mode! % 0o1000, info.mtime?.getTime(), info.atime?.getTime()], [
        0o640,
        2 ** 32 * 1000 + 5,
        1000,
      ]);
      assertEquals(calls!.close(descriptor), 0);
      assertEquals(calls!.read(descriptor, into, 0), -1);
    });
  },
});

Deno.test({
  name: "libc().makeFolderIn() makes a folder where nothing is, and never through a symlink",
  ...there,
  fn() {
    withFolder((folder) => {
      Deno.writeTextFileSync(`${folder}/file`, "");
      Deno.symlinkSync("nowhere", `${folder}/link`);
      const descriptor = calls!.open(folder, fs.constants.O_RDONLY, 0);
      try {
        assertEquals(calls!.makeFolderIn(descriptor, "ö", 0o700), 0);
        assertEquals((Deno.statSync(`${folder}/ö`).mode ?? 0) % 0o1000, 0o700);
        for (const name of ["ö", "file", "link", "missing/below", "nul\0", "", "x".repeat(5000)]) {
          assert(calls!.makeFolderIn(descriptor, name, 0o700) !== 0, name);
        }
        assertEquals(calls!.list(descriptor), undefined);
        assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name).sort(), ["file", "link", "ö"]);
      } finally {
        calls!.close(descriptor);
      }
    });
  },
});
