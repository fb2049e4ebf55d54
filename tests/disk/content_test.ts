import { assertEquals, assertThrows } from "@std/assert";
import { fileContent } from "../../src/disk/content.ts";
import { descriptorsWork, reach } from "../../src/disk/descriptors.ts";
import { FileSource, SourceError } from "../../src/disk/file_source.ts";
import { bytesOf, codeOf, run, withFolder, withFolderAsync } from "./surroundings.ts";

Deno.test("fileContent.open() reads by position and tells the status of now", () => {
  withFolder((folder) => {
    const path = `${folder}/f`;
    Deno.writeTextFileSync(path, "hello world");
    Deno.chmodSync(path, 0o640);
    const reader = fileContent.open(path);
    try {
      const into = new Uint8Array(5);
      assertEquals(reader.read(6, into), 5);
      assertEquals(into, bytesOf("world"));
      assertEquals(reader.read(9, into), 2);
      assertEquals(reader.read(11, into), 0);
      const shared = new Uint8Array(new SharedArrayBuffer(5));
      assertEquals(reader.read(0, shared), 5);
      assertEquals([...shared], [...bytesOf("hello")]);
      const before = reader.status();
      assertEquals([before.size, before.mode], [11, 0o640]);
      const info = Deno.lstatSync(path);
      assertEquals([before.dev, before.inode], [info.dev, info.ino]);
      Deno.utimeSync(path, 0, new Date(1_500_000_000_321));
      Deno.writeTextFileSync(path, "!", { append: true });
      Deno.utimeSync(path, 0, new Date(1_500_000_000_321));
      const after = reader.status();
      assertEquals([after.size, after.mtime], [12, { seconds: 1_500_000_000, nanoseconds: 321_000_000 }]);
    } finally {
      reader.close();
    }
  });
});

Deno.test("fileContent refuses what is no regular file, by its status at the latest, without blocking", () => {
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/f`, "");
    Deno.symlinkSync("f", `${folder}/link`);
    run("mkfifo", `${folder}/fifo`);
    assertEquals(codeOf(() => fileContent.open(`${folder}/link`)), "ELOOP");
    for (const path of [`${folder}/fifo`, folder]) {
      const reader = fileContent.open(path);
      try {
        assertThrows(() => reader.status(), TypeError, "not a regular file");
        assertThrows(() => reader.read(0, new Uint8Array(1)));
      } finally {
        reader.close();
      }
    }
    assertEquals(codeOf(() => fileContent.open(`${folder}/none`)), "ENOENT");
  });
});

Deno.test("fileContent.readUnchanged() fills its room from a file that is as planned, and refuses all others", () => {
  withFolder((folder) => {
    const path = `${folder}/f`;
    Deno.writeTextFileSync(path, "hello");
    Deno.utimeSync(path, 0, new Date(1_500_000_000_321));
    const reader = fileContent.open(path);
    const status = reader.status();
    reader.close();
    const { mtime, ctime, dev, inode, mode } = status;
    const planned = Float64Array.of(9, 9, status.size, mtime.seconds, mtime.nanoseconds, ctime, dev, inode, mode);
    const { readUnchanged } = fileContent;
    // Absent where the C library cannot be called.
    if (readUnchanged === undefined) return;
    const into = new Uint8Array(5);
    assertEquals(readUnchanged(path, into, planned, 2), true);
    assertEquals(into, bytesOf("hello"));
    for (let i = 2; i < planned.length; i++) {
      const other = planned.slice();
      other[i] = (other[i] as number) + 1;
      assertEquals(readUnchanged(path, into, other, 2), false);
    }
    assertEquals(readUnchanged(path, new Uint8Array(6), planned, 2), false);
    assertEquals(readUnchanged(`${folder}/gone`, into, planned, 2), false);
    assertEquals(readUnchanged(folder, new Uint8Array(0), planned, 2), false);
    Deno.symlinkSync("f", `${folder}/link`);
    assertEquals(readUnchanged(`${folder}/link`, into, planned, 2), false);
    Deno.writeTextFileSync(path, "!", { append: true });
    assertEquals(readUnchanged(path, into, planned, 2), false);
  });
});

Deno.test("fileContent.open() reads beyond 4 GiB", () => {
  withFolder((folder) => {
    const path = `${folder}/sparse`;
    using file = Deno.openSync(path, { write: true, createNew: true });
    file.truncateSync(5 * 2 ** 30);
    file.seekSync(5 * 2 ** 30, Deno.SeekMode.Start);
    file.writeSync(bytesOf("end"));
    const reader = fileContent.open(path);
    try {
      const into = new Uint8Array(4);
      assertEquals(reader.read(5 * 2 ** 30 - 1, into), 4);
      assertEquals([...into], [0, ...bytesOf("end")]);
    } finally {
      reader.close();
    }
  });
});

/** Makes nested folders until the path exceeds the kernel's limit several times, and a file in the last. */
function makeDeep(folder: string): string {
  let path = folder;
  for (let i = 0; i < 50; i++) {
    path += `/${"d".repeat(200)}${i}`;
    reach(path, (there) => Deno.mkdirSync(there));
  }
  path += "/file";
  reach(path, (there) => Deno.writeTextFileSync(there, "deep"));
  return path;
}

Deno.test({
  name: "reach() leads to paths of any length",
  ignore: !descriptorsWork(),
  fn: () => {
    withFolder((folder) => {
      const path = makeDeep(folder);
      assertEquals(path.length > 10_000, true);
      assertEquals(reach(path, Deno.readTextFileSync), "deep");
      assertEquals(codeOf(() => Deno.readTextFileSync(path)), "ENAMETOOLONG");
      const reader = fileContent.open(path);
      try {
        assertEquals(reader.read(0, new Uint8Array(10)), 4);
      } finally {
        reader.close();
      }
      assertEquals(codeOf(() => reach(`${path}/none`, Deno.lstatSync)), "ENOTDIR");
      assertEquals(codeOf(() => reach(path.replace("d0/", "x/"), Deno.lstatSync)), "ENOENT");
      using source = FileSource.open(path);
      assertEquals(source.size, 4);
    });
  },
});

Deno.test("reach() gives its descriptors back, also when it fails", () => {
  if (!descriptorsWork()) return;
  const open = () => [...Deno.readDirSync("/proc/self/fd")].length;
  withFolder((folder) => {
    const path = makeDeep(folder);
    const before = open();
    for (let i = 0; i < 20; i++) {
      reach(path, Deno.lstatSync);
      assertThrows(() => reach(`${path.slice(0, 6000)}/none/${"x/".repeat(2000)}`, Deno.lstatSync));
    }
    assertEquals(open(), before);
  });
});

Deno.test("FileSource reads ranges, stops at the end and counts", async () => {
  await withFolderAsync(async (folder) => {
    const path = `${folder}/f`;
    Deno.writeTextFileSync(path, "0123456789");
    using source = FileSource.open(path);
    assertEquals(source.size, 10);
    assertEquals(await source.read(2, 3), bytesOf("234"));
    assertEquals(await source.read(8, 100), bytesOf("89"));
    assertEquals((await source.read(10, 5)).length, 0);
    assertEquals((await source.read(2 ** 40, 5)).length, 0);
    assertEquals([source.reads, source.bytesRead], [4, 5]);
    assertEquals(source.identity().inode, Deno.lstatSync(path).ino);
  });
});

Deno.test("FileSource.read() allocates by what is there, not by what is asked for", async () => {
  await withFolderAsync(async (folder) => {
    Deno.writeTextFileSync(`${folder}/f`, "x");
    using source = FileSource.open(`${folder}/f`);
    assertEquals(await source.read(0, 2 ** 50), bytesOf("x"));
    Deno.truncateSync(`${folder}/f`, 0);
    assertEquals((await source.read(0, 1)).length, 0);
  });
});

Deno.test("FileSource.open() refuses folders and FIFOs at once, and follows symlinks", () => {
  withFolder((folder) => {
    run("mkfifo", `${folder}/fifo`);
    Deno.writeTextFileSync(`${folder}/f`, "abc");
    Deno.symlinkSync("f", `${folder}/link`);
    assertThrows(() => FileSource.open(folder), SourceError, "it is a folder");
    assertThrows(() => FileSource.open(`${folder}/fifo`), SourceError, "not a regular file");
    assertEquals(codeOf(() => FileSource.open(`${folder}/none`)), "ENOENT");
    using source = FileSource.open(`${folder}/link`);
    assertEquals(source.size, 3);
  });
});

Deno.test("FileSource.read() rejects when it is closed", async () => {
  await withFolderAsync(async (folder) => {
    Deno.writeTextFileSync(`${folder}/f`, "abc");
    const source = FileSource.open(`${folder}/f`);
    source.close();
    source.close();
    const failed = source.read(0, 1);
    assertEquals(await failed.then(() => "read", (error: Error) => error.message.includes("closed")), true);
  });
});
