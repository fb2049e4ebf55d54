import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { AtomicFile, TargetError } from "../../src/disk/atomic_file.ts";
import { FaultyFiles } from "../faults/faulty_files.ts";
import { bytesOf, isThere, modeAt, run, withFolder } from "./surroundings.ts";

const OLD = bytesOf("what was there");
const NEW = new Uint8Array(10_000).map((_, i) => i % 251);
const TARGET = "/backup/db.coffer";

/** Writes NEW as an archive is written: in pieces, and its first bytes last. */
function writeNew(file: AtomicFile): void {
  file.write(new Uint8Array(100));
  file.write(NEW.subarray(100, 9000));
  file.write(NEW.subarray(9000));
  file.writeAt(0, NEW.subarray(0, 100));
}

Deno.test("AtomicFile writes beside its target and names it at the end", () => {
  withFolder((folder) => {
    const target = `${folder}/a.coffer`;
    using file = AtomicFile.create(target);
    assertMatch(file.temporaryPath.slice(folder.length), /^\/\.a\.coffer\.[a-z2-7]{12}\.coffer-tmp$/);
    assertEquals(modeAt(file.temporaryPath), "600");
    assertEquals(file.identity().inode, Deno.lstatSync(file.temporaryPath).ino);
    writeNew(file);
    assertEquals(file.position, NEW.length);
    assert(!isThere(target));
    file.commit();
    assertEquals(Deno.readFileSync(target), NEW);
    assertEquals([...Deno.readDirSync(folder)].map((entry) => entry.name), ["a.coffer"]);
    assertThrows(() => file.write(OLD), TypeError, "closed");
  });
});

Deno.test("AtomicFile leaves nothing behind when it is disposed without a commit", () => {
  withFolder((folder) => {
    {
      using file = AtomicFile.create(`${folder}/a`);
      file.write(OLD);
    }
    assertEquals([...Deno.readDirSync(folder)], []);
    const file = AtomicFile.create(`${folder}/a`);
    assertEquals(file.abort(), true);
    assertEquals(file.abort(), true);
    assertThrows(() => file.commit(), TypeError, "closed");
  });
});

Deno.test("AtomicFile.create() takes a name of 255 bytes and a bare name", () => {
  withFolder((folder) => {
    using file = AtomicFile.create(`${folder}/${"n".repeat(255)}`);
    file.commit();
    assertEquals(Deno.readFileSync(`${folder}/${"n".repeat(255)}`).length, 0);
  });
  const bare = `coffer-test-${crypto.randomUUID()}`;
  try {
    using file = AtomicFile.create(bare);
    file.commit();
    assert(isThere(bare));
  } finally {
    Deno.removeSync(bare);
  }
});

Deno.test("AtomicFile refuses an existing target at once, or replaces it when asked to", () => {
  withFolder((folder) => {
    const target = `${folder}/a`;
    Deno.writeFileSync(target, OLD);
    const error = assertThrows(() => AtomicFile.create(target), TargetError, "it exists already");
    assertEquals(error.replaceable, true);
    assertEquals([...Deno.readDirSync(folder)].length, 1);
    using file = AtomicFile.create(target, { overwrite: true });
    assertEquals(file.targetIdentity()?.inode, Deno.lstatSync(target).ino);
    file.write(NEW);
    assertEquals(Deno.readFileSync(target), OLD);
    file.commit();
    assertEquals(Deno.readFileSync(target), NEW);
    assertEquals([...Deno.readDirSync(folder)].length, 1);
  });
});

Deno.test("AtomicFile.commit() never replaces what appeared meanwhile", () => {
  withFolder((folder) => {
    const target = `${folder}/a`;
    {
      using file = AtomicFile.create(target);
      file.write(NEW);
      Deno.writeFileSync(target, OLD);
      assertThrows(() => file.commit(), TargetError, "it exists already");
    }
    assertEquals(Deno.readFileSync(target), OLD);
    assertEquals([...Deno.readDirSync(folder)].length, 1);
  });
});

Deno.test("AtomicFile refuses what is no regular file, even when told to overwrite", () => {
  withFolder((folder) => {
    run("mkfifo", `${folder}/fifo`);
    Deno.mkdirSync(`${folder}/dir`);
    Deno.symlinkSync("dir", `${folder}/to-dir`);
    Deno.symlinkSync("fifo", `${folder}/to-fifo`);
    Deno.symlinkSync("nowhere", `${folder}/to-nowhere`);
    Deno.symlinkSync("loop", `${folder}/loop`);
    const refused = ["fifo", "dir", "dir/", "to-dir", "to-fifo", "to-nowhere", "loop"].map((name) =>
      `${folder}/${name}`
    );
    for (const target of [...refused, "/dev/null", ".", "..", "/"]) {
      for (const overwrite of [false, true]) {
        const error = assertThrows(() => AtomicFile.create(target, { overwrite }), TargetError);
        assertEquals(error.replaceable, false, target);
      }
    }
    assert(!isThere(`${folder}/nowhere`));
    assertEquals([...Deno.readDirSync(folder)].length, 6);
  });
});

Deno.test("AtomicFile replaces the file that a symlink leads to, and keeps the symlink", () => {
  withFolder((folder) => {
    Deno.mkdirSync(`${folder}/disk`);
    Deno.writeFileSync(`${folder}/disk/real`, OLD);
    Deno.symlinkSync("disk/real", `${folder}/link`);
    assertThrows(() => AtomicFile.create(`${folder}/link`), TargetError, "exists already");
    using file = AtomicFile.create(`${folder}/link`, { overwrite: true });
    assert(file.temporaryPath.includes("/disk/."), file.temporaryPath);
    file.write(NEW);
    file.commit();
    assertEquals(Deno.readLinkSync(`${folder}/link`), "disk/real");
    assertEquals(Deno.readFileSync(`${folder}/disk/real`), NEW);
  });
});

Deno.test("AtomicFile.commit() notices that its target has become something else", () => {
  withFolder((folder) => {
    const target = `${folder}/a`;
    Deno.writeFileSync(target, OLD);
    using file = AtomicFile.create(target, { overwrite: true });
    Deno.removeSync(target);
    Deno.mkdirSync(target);
    assertThrows(() => file.commit(), TargetError, "it is a folder");
    Deno.removeSync(target);
    Deno.writeFileSync(`${folder}/other`, OLD);
    Deno.symlinkSync("other", target);
    assertThrows(() => file.commit(), TargetError, "another file meanwhile");
    assertEquals(Deno.readFileSync(`${folder}/other`), OLD);
  });
});

Deno.test("AtomicFile writes everything over short writes", () => {
  const files = new FaultyFiles();
  for (let nth = 1; nth < 40; nth += 2) files.fail("write", nth, { short: nth });
  using file = AtomicFile.create(TARGET, { files });
  writeNew(file);
  file.commit();
  assertEquals(files.files().get(TARGET), NEW);
});

Deno.test("AtomicFile does not loop on a system that takes no bytes", () => {
  const files = new FaultyFiles();
  files.fail("write", 1, { short: 0 });
  using file = AtomicFile.create(TARGET, { files });
  assertThrows(() => file.write(NEW), TargetError, "input or output error");
});

Deno.test("AtomicFile falls back to a rename without hard links, and still replaces nothing", () => {
  for (const code of ["EPERM", "ENOTSUP", "EMLINK"]) {
    const files = new FaultyFiles();
    files.fail("link", 1, { code });
    using file = AtomicFile.create(TARGET, { files });
    writeNew(file);
    file.commit();
    assertEquals([...files.files().keys()], [TARGET]);
  }
  const files = new FaultyFiles();
  files.fail("link", 1, { code: "EPERM" });
  const file = AtomicFile.create(TARGET, { files });
  files.createExclusive(TARGET, 0o600).close();
  // Without hard links the system cannot say that the name is taken.
  files.link = () => {
    throw Object.assign(new Error("EPERM"), { code: "EPERM" });
  };
  assertThrows(() => file.commit(), TargetError, "exists already");
  file.abort();
  assertEquals([...files.files().keys()], [TARGET]);
});

for (const overwrite of [false, true]) {
  const initial: ReadonlyMap<string, Uint8Array> = overwrite ? new Map([[TARGET, OLD]]) : new Map();
  const before = initial.get(TARGET);
  const how = overwrite ? "replacing a file" : "making a new one";

  Deno.test(`AtomicFile leaves the old or the new state whatever operation fails, ${how}`, () => {
    let failures = 0;
    for (const code of ["ENOSPC", "EIO"]) {
      for (let nth = 1;; nth++) {
        const files = new FaultyFiles(initial);
        files.fail("any", nth, { code });
        let failed: unknown;
        try {
          using file = AtomicFile.create(TARGET, { files, overwrite });
          writeNew(file);
          file.commit();
        } catch (error) {
          failed = error;
        }
        assertEquals(files.openFiles, 0, `operation ${nth}`);
        if (failed === undefined) {
          assertEquals(files.files(), new Map([[TARGET, NEW]]));
          break;
        }
        failures++;
        const left = files.files();
        const content = left.get(TARGET);
        left.delete(TARGET);
        assertEquals([...left.keys()], [], `operation ${nth} left a file`);
        // Only the sync of the folder, which comes last, may fail with the new name in place.
        if (content?.length === NEW.length) assertEquals(content, NEW);
        else assertEquals(content, before, `operation ${nth}`);
      }
    }
    assert(failures >= 14, `only ${failures} failures`);
  });

  Deno.test(`AtomicFile leaves the old or the whole new file after a crash at any moment, ${how}`, () => {
    const files = new FaultyFiles(initial);
    {
      using file = AtomicFile.create(TARGET, { files, overwrite });
      writeNew(file);
      file.commit();
    }
    let states = 0;
    let torn = 0;
    for (const { label, files: left } of files.replay()) {
      states++;
      for (const [path, content] of left) if (path !== TARGET && content.length === NEW.length) torn++;
      const content = left.get(TARGET);
      if (content?.length === NEW.length) assertEquals(content, NEW, label);
      else assertEquals(content, before, label);
    }
    assert(states > 30, `only ${states} states`);
    assertNotEquals(torn, 0, "no state had a temporary file of full length");
    const last = [...files.replay()].at(-1);
    assertEquals(last?.files, new Map([[TARGET, NEW]]));
  });
}

Deno.test("AtomicFile that is kept stays when it is not committed, and is taken up to be named", () => {
  withFolder((folder) => {
    const [target, kept] = [`${folder}/a.coffer`, `${folder}/a.coffer.partial`];
    {
      using file = AtomicFile.create(target);
      writeNew(file);
      file.keepAs(kept, false);
      assertEquals([file.temporaryPath, file.isKept], [kept, true]);
      assertEquals(modeAt(kept), "600");
    }
    assertEquals([...Deno.readDirSync(folder)].map((entry) => entry.name), ["a.coffer.partial"]);
    AtomicFile.takeUp(target, kept).commit();
    assertEquals([...Deno.readDirSync(folder)].map((entry) => entry.name), ["a.coffer"]);
    assertEquals(Deno.readFileSync(target), NEW);
    assertThrows(() => AtomicFile.takeUp(target, kept), TargetError, "exists already");
  });
});

Deno.test("AtomicFile.keepAs() replaces a file when it may, and nothing else", () => {
  withFolder((folder) => {
    const [target, kept] = [`${folder}/a.coffer`, `${folder}/a.coffer.partial`];
    Deno.writeFileSync(kept, OLD);
    Deno.mkdirSync(`${folder}/folder`);
    {
      using file = AtomicFile.create(target);
      writeNew(file);
      assertThrows(() => file.keepAs(kept, false), TargetError, "exists already");
      assertThrows(() => file.keepAs(`${folder}/folder`, true), TargetError, "exists already");
      assertEquals(file.isKept, false);
    }
    assertEquals(Deno.readFileSync(kept), OLD);
    {
      using file = AtomicFile.create(target);
      writeNew(file);
      file.keepAs(kept, true);
    }
    assertEquals(Deno.readFileSync(kept), NEW);
    assertEquals([...Deno.readDirSync(folder)].map((entry) => entry.name).sort(), ["a.coffer.partial", "folder"]);
  });
});
