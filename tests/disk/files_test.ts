import { assert, assertEquals, assertObjectMatch, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { type Files, filesBy } from "../../src/disk/files.ts";
import { libc } from "../../src/disk/libc.ts";
import {
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
} from "../../src/disk/open_flags.ts";
import { systemCode } from "../../src/disk/system_error.ts";
import * as fs from "node:fs";

const WAYS: readonly (readonly [string, Files])[] = [
  ["by node:fs", filesBy(undefined)],
  ...(libc() === undefined ? [] : [["by the C library", filesBy(libc())] as const]),
];

/** Registers `body` as one test for each way. */
function testEach(name: string, body: (files: Files, folder: string) => void, ignore = false): void {
  for (const [way, files] of WAYS) {
    Deno.test({
      name: `${name}, ${way}`,
      ignore,
      fn() {
        const folder = Deno.makeTempDirSync();
        try {
          body(files, folder);
        } finally {
          Deno.removeSync(folder, { recursive: true });
        }
      },
    });
  }
}

function codeOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    return systemCode(error);
  }
  return "none";
}

Deno.test("the flags for opening are the system's", () => {
  const constants = fs.constants;
  assertEquals(
    [O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECTORY, O_NONBLOCK],
    [
      constants.O_RDONLY,
      constants.O_WRONLY,
      constants.O_RDWR,
      constants.O_CREAT,
      constants.O_EXCL,
      constants.O_NOFOLLOW ?? 0,
      constants.O_DIRECTORY ?? 0,
      constants.O_NONBLOCK ?? 0,
    ],
  );
});

testEach("files write, read, cut, rename, link and remove", (files, folder) => {
  const [one, two, three] = ["one", "zwei é", "three"].map((name) => join(folder, name)) as [string, string, string];
  const descriptor = files.open(one, O_RDWR | O_CREAT | O_EXCL, 0o600);
  try {
    assertEquals(files.write(descriptor, new TextEncoder().encode("content"), 3), 7);
    assertEquals(files.write(descriptor, new Uint8Array(), 100), 0);
    files.truncate(descriptor, 8);
    files.sync(descriptor);
    const bytes = new Uint8Array(20);
    assertEquals(files.read(descriptor, bytes, 1), 7);
    assertEquals(new TextDecoder().decode(bytes.subarray(0, 7)), "\0\0conte");
    assertEquals(files.read(descriptor, bytes, 8), 0);
    files.setMode(descriptor, 0o640);
  } finally {
    files.close(descriptor);
  }
  const info = Deno.statSync(one);
  assertEquals(info.size, 8);
  if (Deno.build.os !== "windows") assertEquals((info.mode ?? 0) & 0o777, 0o640);
  files.rename(one, two);
  files.link(two, three);
  assertEquals(Deno.statSync(three).ino, info.ino);
  files.unlink(two);
  assertEquals(Array.from(Deno.readDirSync(folder), (entry) => entry.name), ["three"]);
  files.unlink(three);
  files.removeFolder(folder);
  Deno.mkdirSync(folder);
}, Deno.build.os === "windows");

testEach("files say what is wrong by the system's codes", (files, folder) => {
  const there = join(folder, "there");
  Deno.mkdirSync(there);
  Deno.writeTextFileSync(join(there, "file"), "");
  const missing = join(folder, "missing");
  const codes = {
    missing: codeOf(() => files.open(missing, O_RDONLY)),
    taken: codeOf(() => files.open(join(there, "file"), O_WRONLY | O_CREAT | O_EXCL, 0o600)),
    long: codeOf(() => files.open(join(folder, "n".repeat(300)), O_RDONLY)),
    longPath: codeOf(() => files.unlink(`${folder}/${"n/".repeat(2500)}`)),
    noFolder: codeOf(() => files.unlink(join(there, "file", "below"))),
    full: codeOf(() => files.removeFolder(there)),
    unlinked: codeOf(() => files.unlink(missing)),
    renamed: codeOf(() => files.rename(missing, there)),
    linked: codeOf(() => files.link(join(there, "file"), there)),
    closed: codeOf(() => files.sync(-1)) === "none",
  };
  assertEquals(codes, {
    missing: "ENOENT",
    taken: "EEXIST",
    long: "ENAMETOOLONG",
    longPath: "ENAMETOOLONG",
    noFolder: "ENOTDIR",
    full: "ENOTEMPTY",
    unlinked: "ENOENT",
    renamed: "ENOENT",
    linked: "EEXIST",
    closed: false,
  });
}, Deno.build.os === "windows");

testEach("an error of files names the call and the path", (files, folder) => {
  const [path, other] = [join(folder, "missing"), join(folder, "other")];
  const calls = {
    open: () => files.open(path, O_RDONLY),
    unlink: () => files.unlink(path),
    rmdir: () => files.removeFolder(path),
    rename: () => files.rename(path, other),
    link: () => files.link(path, other),
  };
  for (const [syscall, call] of Object.entries(calls)) {
    const error = assertThrows(call, Error);
    assertObjectMatch({ ...error }, { code: "ENOENT", syscall, path });
  }
}, Deno.build.os === "windows");

testEach("files reach names just below the system's limit", (files, folder) => {
  const deep = folder + `/${"d".repeat(200)}`.repeat(Math.floor((4090 - folder.length) / 201));
  Deno.mkdirSync(deep, { recursive: true });
  const path = `${deep}/${"f".repeat(4095 - deep.length - 1)}`;
  assertEquals(path.length, 4095);
  files.close(files.open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600));
  assertEquals(codeOf(() => files.open(`${path}f`, O_RDONLY)), "ENAMETOOLONG");
  assert(Deno.lstatSync(path).isFile);
}, Deno.build.os !== "linux");

testEach("files say that a disk is full", (files) => {
  const descriptor = files.open("/dev/full", O_WRONLY);
  try {
    assertEquals(codeOf(() => files.write(descriptor, new Uint8Array(1), 0)), "ENOSPC");
  } finally {
    files.close(descriptor);
  }
}, Deno.build.os !== "linux");
