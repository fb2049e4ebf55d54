import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { TargetError } from "../../src/disk/atomic_file.ts";
import { descriptorsWork, reach } from "../../src/disk/descriptors.ts";
import { type DiskCalls, diskCalls } from "../../src/disk/disk_calls.ts";
import { OwnerNames } from "../../src/disk/metadata.ts";
import { type RestoreOptions, type RestoreProblem, RestoreTarget } from "../../src/disk/restore.ts";
import { utf8Length } from "../../src/format/path.ts";
import { bytesOf, IS_ROOT, isThere, modeAt, mtimeAt, rowOf, treeOf, withFolder } from "./surroundings.ts";

/** A target and the problems it tells of, as `kind path: reason`. */
function openTarget(directory: string, options: Partial<RestoreOptions> = {}): {
  readonly target: RestoreTarget;
  readonly problems: string[];
} {
  const problems: string[] = [];
  const onProblem = ({ kind, path, reason }: RestoreProblem) => void problems.push(`${kind} ${path}: ${reason}`);
  return { target: RestoreTarget.open({ directory, onProblem, ...options }), problems };
}

const CONTENT = bytesOf("content");
const file = (path: string, mode = 0o644) => rowOf({ path, mode, size: CONTENT.length });
const whole = [{ fileOffset: 0, bytes: CONTENT }];
const MTIME = 1_600_000_000_123;

Deno.test("RestoreTarget fills a fresh folder for the user alone and names it at the end", () => {
  withFolder((folder) => {
    const { target, problems } = openTarget(`${folder}/out`);
    using _ = target;
    assertMatch(target.location.slice(folder.length), /^\/\.out\.[a-z2-7]{12}\.coffer-tmp$/);
    assertEquals(modeAt(target.location), "700");
    assert(target.writeFile(file("a/b/f"), "a/b/f", whole));
    assert(!isThere(`${folder}/out`));
    target.finish();
    assertEquals(treeOf(folder), ["out/", "out/a/", "out/a/b/", "out/a/b/f"]);
    assertEquals(Deno.readTextFileSync(`${folder}/out/a/b/f`), "content");
    const ordinary = (0o777 & ~Deno.umask()).toString(8);
    for (const path of ["out", "out/a", "out/a/b"]) assertEquals(modeAt(`${folder}/${path}`), ordinary, path);
    assertEquals(problems, []);
    assertThrows(() => target.makeDirectory("x"), TypeError, "closed");
    assertThrows(() => target.finish(), TypeError, "closed");
  });
});

Deno.test("RestoreTarget removes everything of a fresh folder when it is disposed unfinished", () => {
  withFolder((folder) => {
    {
      using target = openTarget(`${folder}/new/deep/out/`).target;
      target.writeFile(file("a/f"), "a/f", whole);
      target.finishDirectory(rowOf({ path: "a", kind: "directory", mode: 0o000 }), "a");
      target.beginFile("part")?.writeAt(0, CONTENT);
    }
    assertEquals(treeOf(folder), []);
  });
});

Deno.test("RestoreTarget fills an existing folder, also through a symlink, and leaves its metadata alone", () => {
  withFolder((folder) => {
    Deno.mkdirSync(`${folder}/real/sub`, { recursive: true, mode: 0o750 });
    Deno.writeTextFileSync(`${folder}/real/kept`, "kept");
    Deno.symlinkSync("real", `${folder}/link`);
    const { target, problems } = openTarget(`${folder}/link`);
    using _ = target;
    assert(target.writeFile(file("sub/f"), "sub/f", whole));
    assert(target.writeFile(file("new/f"), "new/f", whole));
    for (const path of [".", "sub", "new"]) {
      const row = rowOf({ path, kind: "directory", mode: 0o701 });
      assertEquals(target.finishDirectory(row, path), path === "new");
    }
    target.finish();
    assertEquals(treeOf(`${folder}/real`), ["kept", "new/", "new/f", "sub/", "sub/f"]);
    assertEquals([modeAt(`${folder}/real`), modeAt(`${folder}/real/sub`)], ["750", "750"]);
    assertEquals([modeAt(`${folder}/real/new`), mtimeAt(`${folder}/real/new`)], ["701", MTIME]);
    assertEquals(problems, []);
  });
});

Deno.test("RestoreTarget keeps new folders of an existing target closed until they are finished", () => {
  withFolder((folder) => {
    const { target } = openTarget(folder);
    using _ = target;
    target.makeDirectory("explicit/inner");
    target.writeFile(file("implicit/f"), "implicit/f", whole);
    for (const path of ["explicit", "explicit/inner", "implicit"]) assertEquals(modeAt(`${folder}/${path}`), "700");
    target.finishDirectory(rowOf({ path: "explicit", kind: "directory", mode: 0o711 }), "explicit");
    target.finish();
    const ordinary = (0o777 & ~Deno.umask()).toString(8);
    assertEquals(modeAt(`${folder}/explicit`), "711");
    assertEquals([modeAt(`${folder}/explicit/inner`), modeAt(`${folder}/implicit`)], [ordinary, ordinary]);
  });
});

Deno.test("RestoreTarget.finishDirectory() enters a folder again that it made, and makes one that is not there", () => {
  withFolder((folder) => {
    const made: string[] = [];
    const calls: DiskCalls = {
      ...diskCalls,
      makeDirectory: (path, mode) => {
        made.push(path.slice(path.lastIndexOf("/") + 1));
        diskCalls.makeDirectory(path, mode);
      },
    };
    using target = RestoreTarget.open({ directory: `${folder}/new`, onProblem: () => {}, calls });
    // More than are kept open at a time.
    const names = Array.from({ length: 200 }, (_, i) => `folder-${i}`);
    for (const name of names) target.makeDirectory(name);
    for (const name of names.toReversed()) target.finishDirectory(rowOf({ kind: "directory", mode: 0o711 }), name);
    target.finishDirectory(rowOf({ kind: "directory", mode: 0o711 }), "folder-3/late");
    target.finish();
    assertEquals(made.filter((name) => name.startsWith("folder-") || name === "late"), [...names, "late"]);
    assertEquals(names.map((name) => modeAt(`${folder}/new/${name}`)), names.map(() => "711"));
    assertEquals(modeAt(`${folder}/new/folder-3/late`), "711");
  });
});

Deno.test("RestoreTarget.abort() keeps what is complete in an existing target and removes what is not", () => {
  withFolder((folder) => {
    const { target } = openTarget(folder);
    target.writeFile(file("done"), "done", whole);
    target.beginFile("a/half")?.writeAt(0, CONTENT);
    assertEquals(treeOf(folder).length, 3);
    assert(target.abort());
    assert(target.abort());
    assertEquals(treeOf(folder), ["a/", "done"]);
  });
});

Deno.test("RestoreTarget.open() refuses what is no folder", () => {
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/f`, "");
    Deno.symlinkSync("nowhere", `${folder}/dangling`);
    assertThrows(() => openTarget(`${folder}/f`), TargetError, "not a folder");
    assertThrows(() => openTarget(`${folder}/dangling`), TargetError, "leads nowhere");
    assertThrows(() => openTarget(`${folder}/f/x`), TargetError, "a part of its path is not a folder");
    assertEquals(treeOf(folder), ["dangling", "f"]);
  });
});

Deno.test("RestoreTarget.finish() replaces nothing that appeared meanwhile, not even an empty folder", () => {
  for (const appear of [Deno.mkdirSync, (path: string) => Deno.writeTextFileSync(path, "theirs")]) {
    withFolder((folder) => {
      {
        using target = openTarget(`${folder}/out`).target;
        target.writeFile(file("f"), "f", whole);
        appear(`${folder}/out`);
        assertThrows(() => target.finish(), TargetError, "exists meanwhile");
        assertEquals(Deno.readTextFileSync(`${target.location}/f`), "content");
        Deno.removeSync(`${folder}/out`);
        target.finish();
      }
      assertEquals(treeOf(folder), ["out/", "out/f"]);
    });
  }
});

Deno.test("RestoreTarget.writeFile() sets exact modes and times whatever the umask", () => {
  withFolder((folder) => {
    const before = Deno.umask(0o077);
    try {
      using target = openTarget(folder).target;
      for (const mode of [0o777, 0o666, 0o644, 0o400, 0o000, 0o4755, 0o2755, 0o1777]) {
        target.writeFile(file("f", mode), `f${mode}`, whole);
        assertEquals(modeAt(`${folder}/f${mode}`), (mode & 0o777).toString(8));
        assertEquals(mtimeAt(`${folder}/f${mode}`), MTIME);
      }
    } finally {
      Deno.umask(before);
    }
  });
});

Deno.test("RestoreTarget with samePermissions sets set-id and sticky bits", () => {
  withFolder((folder) => {
    using target = openTarget(folder, { samePermissions: true }).target;
    for (const mode of [0o4755, 0o2755, 0o1644]) {
      target.writeFile(file("f", mode), `f${mode}`, whole);
      assertEquals(modeAt(`${folder}/f${mode}`), mode.toString(8));
    }
    target.finishDirectory(rowOf({ path: "d", kind: "directory", mode: 0o1777 }), "d");
    assertEquals(modeAt(`${folder}/d`), "1777");
  });
});

Deno.test("RestoreTarget.writeFile() leaves holes between pieces and at the end", () => {
  withFolder((folder) => {
    using target = openTarget(folder).target;
    const size = 20 * 2 ** 20;
    const pieces = [{ fileOffset: 10 * 2 ** 20, bytes: CONTENT }, { fileOffset: 5, bytes: CONTENT }];
    assert(target.writeFile(rowOf({ path: "f", size }), "f", pieces));
    assert(target.writeFile(rowOf({ path: "empty", size: 0 }), "empty", []));
    assert(target.writeFile(rowOf({ path: "zeros", size }), "zeros", []));
    const info = Deno.lstatSync(`${folder}/f`);
    assertEquals(info.size, size);
    assert((info.blocks ?? 0) * 512 < 2 ** 20, "the holes take up space");
    const expected = new Uint8Array(size);
    for (const { fileOffset, bytes } of pieces) expected.set(bytes, fileOffset);
    // Not assertEquals: it takes minutes for 20 MiB.
    assertEquals(Deno.readFileSync(`${folder}/f`).every((byte, i) => byte === expected[i]), true);
    assertEquals(Deno.lstatSync(`${folder}/empty`).size, 0);
    assertEquals(Deno.lstatSync(`${folder}/zeros`).size, size);
    const tooLong = [{ fileOffset: 1, bytes: CONTENT }];
    assertThrows(() => target.writeFile(file("x"), "x", tooLong), RangeError, "exceeds its size");
    assert(!isThere(`${folder}/x`));
  });
});

Deno.test("RestoreTarget.beginFile() writes parts in any order, and names the file at the end", () => {
  withFolder((folder) => {
    const { target, problems } = openTarget(folder);
    using _ = target;
    const part = target.beginFile("a/big");
    assert(part !== undefined);
    part.writeAt(2 ** 20, CONTENT);
    part.writeAt(0, CONTENT);
    assertMatch(treeOf(folder)[1] ?? "", /^a\/\.big\.[a-z2-7]{12}\.coffer-tmp$/);
    const row = rowOf({ path: "a/big", size: 2 ** 20 + 100, mode: 0o640 });
    assert(part.finish(row));
    assertEquals(treeOf(folder), ["a/", "a/big"]);
    const read = Deno.readFileSync(`${folder}/a/big`);
    assertEquals(read.length, row.size);
    assertEquals(read.subarray(2 ** 20, 2 ** 20 + CONTENT.length), CONTENT);
    assertEquals([modeAt(`${folder}/a/big`), mtimeAt(`${folder}/a/big`)], ["640", MTIME]);
    assertThrows(() => part.writeAt(0, CONTENT), TypeError, "closed");
    assertThrows(() => part.finish(row), TypeError, "closed");
    part.abandon();
    assert(isThere(`${folder}/a/big`));
    assertEquals(problems, []);
  });
});

Deno.test("PartFile.abandon() leaves nothing, and finish() cuts what is too long", () => {
  withFolder((folder) => {
    using target = openTarget(folder).target;
    const part = target.beginFile("f");
    part?.writeAt(0, CONTENT);
    part?.abandon();
    part?.abandon();
    assertEquals(treeOf(folder), []);
    const shrunk = target.beginFile("g");
    shrunk?.writeAt(0, CONTENT);
    assert(shrunk?.finish(rowOf({ path: "g", size: 3 })));
    assertEquals(Deno.readTextFileSync(`${folder}/g`), "con");
    assert(target.beginFile("empty")?.finish(rowOf({ size: 0 })));
    assertEquals(Deno.lstatSync(`${folder}/empty`).size, 0);
  });
});

Deno.test("RestoreTarget keeps parts apart from the folders it closes and opens meanwhile", () => {
  withFolder((folder) => {
    const { target, problems } = openTarget(folder);
    using _ = target;
    const parts = Array.from({ length: 20 }, (_, i) => target.beginFile(`parts${i}/f`));
    // More folders than are kept open.
    for (let i = 0; i < 200; i++) target.writeFile(file("f"), `d${i}/f`, whole);
    for (const [i, part] of parts.entries()) {
      part?.writeAt(0, bytesOf(String(i)));
      assert(part?.finish(rowOf({ size: String(i).length })));
    }
    for (let i = 0; i < 200; i++) assert(target.writeFile(file("g"), `d${i}/g`, whole));
    for (let i = 0; i < 20; i++) assertEquals(Deno.readTextFileSync(`${folder}/parts${i}/f`), String(i));
    for (let i = 0; i < 200; i++) assertEquals(treeOf(`${folder}/d${i}`), ["f", "g"]);
    assertEquals(problems, []);
  });
});

Deno.test("RestoreTarget.symlink() makes any link, with its own times", () => {
  withFolder((folder) => {
    const { target, problems } = openTarget(folder);
    using _ = target;
    for (const [i, link] of ["/etc/passwd", "../../..", "no\nwhere", "é", "x".repeat(4000)].entries()) {
      const path = `links/${i}`;
      const mtime = { seconds: 1000, nanoseconds: 456_000_000 };
      assert(target.symlink(rowOf({ path, kind: "symlink", link, mtime, mode: 0o777 }), path));
      assertEquals(Deno.readLinkSync(`${folder}/${path}`), link);
      assertEquals(mtimeAt(`${folder}/${path}`), 1_000_456);
    }
    assertEquals(problems, []);
  });
});

Deno.test("RestoreTarget keeps times before 1970", () => {
  withFolder((folder) => {
    using target = openTarget(folder).target;
    const mtime = { seconds: -1000, nanoseconds: 250_000_000 };
    target.writeFile(rowOf({ mtime }), "f", []);
    target.symlink(rowOf({ kind: "symlink", link: "x", mtime }), "l");
    target.finishDirectory(rowOf({ kind: "directory", mode: 0o755, mtime }), "d");
    const kept = descriptorsWork() ? -999_750 : -1_000_000;
    for (const path of ["f", "l", "d"]) assertEquals(mtimeAt(`${folder}/${path}`), kept, path);
  });
});

Deno.test("RestoreTarget.fifo() makes a FIFO with its mode and times", () => {
  withFolder((folder) => {
    const { target, problems } = openTarget(folder);
    using _ = target;
    assert(target.fifo(rowOf({ kind: "fifo", mode: 0o4622 }), "a/-fifo"));
    const info = Deno.lstatSync(`${folder}/a/-fifo`);
    assertEquals([info.isFifo, modeAt(`${folder}/a/-fifo`), mtimeAt(`${folder}/a/-fifo`)], [true, "622", MTIME]);
    assertEquals(target.fifo(rowOf({ kind: "fifo" }), "a/-fifo"), false);
    assertEquals(problems.length, 1);
    assertMatch(problems[0] ?? "", /^(exists|collision) a\/-fifo: /);
  });
});

Deno.test("RestoreTarget.hardlink() links to files of this run, whole or in parts", () => {
  for (const existing of [false, true]) {
    withFolder((folder) => {
      const out = `${folder}/out`;
      if (existing) Deno.mkdirSync(out);
      const { target, problems } = openTarget(out);
      using _ = target;
      target.writeFile(file("a/f"), "a/f", whole);
      target.beginFile("big")?.finish(rowOf({ size: 5 }));
      assert(target.hardlink("b/same", "a/f"));
      assert(target.hardlink("big2", "big"));
      const inode = (path: string) => Deno.lstatSync(`${target.location}/${path}`).ino;
      assertEquals(inode("b/same"), inode("a/f"));
      assertEquals(inode("big2"), inode("big"));
      assertEquals(problems, []);
    });
  }
});

Deno.test("RestoreTarget.removeFile() removes files of this run only", () => {
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/theirs`, "x");
    const { target } = openTarget(folder);
    using _ = target;
    target.writeFile(file("ours"), "ours", whole);
    target.makeDirectory("dir");
    assertEquals(target.removeFile("theirs"), false);
    assertEquals(target.removeFile("dir"), false);
    assertEquals(target.removeFile("ours"), true);
    assertEquals(target.removeFile("ours"), false);
    assertEquals(treeOf(folder), ["dir/", "theirs"]);
    const { target: fresh, problems } = openTarget(`${folder}/fresh`);
    using _fresh = fresh;
    fresh.symlink(rowOf({ kind: "symlink", link: "../theirs" }), "link");
    fresh.writeFile(file("ours"), "ours", whole);
    assertEquals(["link", "none", "none/at/all", "ours"].map((path) => fresh.removeFile(path)), [
      false,
      false,
      false,
      true,
    ]);
    assertEquals(problems, []);
  });
});

Deno.test({
  name: "RestoreTarget with sameOwner sets owners by name, then by number, of everything",
  ignore: !IS_ROOT,
  fn: () => {
    withFolder((folder) => {
      const owners = new OwnerNames("ann:x:1234:1\n", "staff:x:4321:\n");
      const { target, problems } = openTarget(folder, { sameOwner: true, samePermissions: true, owners });
      using _ = target;
      const owner = { uid: 77, gid: 88, user: "ann", group: "unknown" };
      target.writeFile({ ...file("f", 0o6755), owner }, "f", whole);
      target.beginFile("part")?.finish(rowOf({ owner }));
      target.symlink(rowOf({ kind: "symlink", link: "f", owner }), "l");
      target.fifo(rowOf({ kind: "fifo", owner }), "p");
      target.finishDirectory(rowOf({ kind: "directory", mode: 0o755, owner }), "d");
      for (const path of ["f", "part", "l", "p", "d"]) {
        const { uid, gid } = Deno.lstatSync(`${folder}/${path}`);
        assertEquals([uid, gid], [1234, 88], path);
      }
      assertEquals(modeAt(`${folder}/f`), "6755");
      assertEquals(problems, []);
      // An owner that cannot be set takes the set-id bits with it.
      const impossible = { uid: 2 ** 32 - 1, gid: 0, user: "", group: "" };
      assert(target.writeFile({ ...file("g", 0o4755), owner: impossible }, "g", whole));
      assertEquals([modeAt(`${folder}/g`), Deno.lstatSync(`${folder}/g`).uid], ["755", 0]);
      assertEquals(problems, ["metadata g: its owner could not be set: its number is out of range"]);
    });
  },
});

Deno.test({
  name: "RestoreTarget with sameOwner tells that only root may give files away, and drops set-id bits",
  ignore: IS_ROOT || Deno.build.os === "windows",
  fn: () => {
    withFolder((folder) => {
      const { target, problems } = openTarget(folder, { sameOwner: true, samePermissions: true });
      using _ = target;
      const owner = { uid: 0, gid: 0, user: "", group: "" };
      assert(target.writeFile({ ...file("f", 0o4755), owner }, "f", whole));
      assertEquals(modeAt(`${folder}/f`), "755");
      assertEquals(problems, ["metadata f: its owner could not be set: the operation is not permitted"]);
    });
  },
});

Deno.test("RestoreTarget restores odd names", () => {
  withFolder((folder) => {
    const { target, problems } = openTarget(folder);
    using _ = target;
    const names = ["line\nfeed", "quote\"'`", "\u202egnp.exe", "😀", "e\u0301", "é", " ", "-rf", "n".repeat(255)]
      .concat(["é".repeat(127), "😀".repeat(63), "back\\slash", "a:b", "con", "x.", "\ufffd"]);
    for (const name of names) {
      assert(target.writeFile(file(name), name, whole), name);
      assert(target.beginFile(`big/${name}`)?.finish(file(name)), name);
    }
    assertEquals(new Set(treeOf(folder).filter((path) => !path.startsWith("big"))), new Set(names));
    assertEquals(treeOf(`${folder}/big`).length, names.length);
    assertEquals(problems, []);
  });
});

Deno.test({
  name: "RestoreTarget restores paths of 4,096 bytes below a long target",
  ignore: !descriptorsWork(),
  fn: () => {
    withFolder((folder) => {
      const out = `${folder}/${"o".repeat(200)}`;
      const { target, problems } = openTarget(out);
      using _ = target;
      const parts = [...Array.from({ length: 20 }, () => "d".repeat(200))];
      const dir = parts.join("/");
      const path = `${dir}/${"f".repeat(4096 - utf8Length(dir) - 1)}`;
      assertEquals(utf8Length(path), 4096);
      assert(target.writeFile(file(path), path, whole));
      assert(target.hardlink(`${dir}/l`, path));
      assert(target.symlink(rowOf({ kind: "symlink", link: "f" }), `${dir}/s`));
      assert(target.fifo(rowOf({ kind: "fifo" }), `${dir}/p`));
      assert(target.beginFile(`${dir}/b`)?.finish(file("b")));
      assert(target.finishDirectory(rowOf({ path: dir, kind: "directory", mode: 0o500 }), dir));
      target.finish();
      assertEquals(reach(`${out}/${path}`, Deno.readTextFileSync), "content");
      assertEquals(problems, []);
    });
  },
});

Deno.test({
  name: "RestoreTarget gives every descriptor back",
  ignore: !descriptorsWork(),
  fn: () => {
    const open = () => [...Deno.readDirSync("/proc/self/fd")].length;
    const before = open();
    withFolder((folder) => {
      for (const finish of [true, false]) {
        const { target } = openTarget(`${folder}/out${finish}`);
        for (let i = 0; i < 100; i++) target.writeFile(file("f"), `d${i}/f`, whole);
        for (let i = 0; i < 5; i++) target.beginFile(`p${i}`);
        target.beginFile("q")?.finish(rowOf({}));
        target.beginFile("d1/f/impossible");
        target.hardlink("h", "d1/f");
        target.hardlink("i", "none/f");
        target.symlink(rowOf({ kind: "symlink", link: "x" }), "s");
        target.fifo(rowOf({ kind: "fifo" }), "fifo");
        if (finish) target.finish();
        else target.abort();
        assertEquals(open(), before);
      }
    });
  },
});

Deno.test("RestoreTarget says how it is contained", () => {
  withFolder((folder) => {
    using target = openTarget(folder).target;
    assertEquals(target.containment, descriptorsWork() ? "descriptor" : "checked");
  });
});

Deno.test("RestoreTarget.refuse() tells of what the caller leaves out", () => {
  withFolder((folder) => {
    const { target, problems } = openTarget(folder);
    using _ = target;
    target.refuse("a", "it is odd");
    target.refuse("b", "it is worse", "unsafe");
    assertEquals(problems, ["failed a: it is odd", "unsafe b: it is worse"]);
  });
});
