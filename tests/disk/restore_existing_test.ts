/** What is in the way: existing files, and names that a file system takes for one another. */
import { assert, assertEquals, assertFalse } from "@std/assert";
import type { DiskCalls } from "../../src/disk/disk_calls.ts";
import {
  type ExistingPolicy,
  type RestoreOptions,
  type RestoreProblem,
  RestoreTarget,
} from "../../src/disk/restore.ts";
import { foldingCalls } from "./folding_calls.ts";
import { bytesOf, IS_ROOT, isThere, modeAt, rowOf, run, treeOf, withFolder } from "./surroundings.ts";

const CONTENT = bytesOf("content");
const whole = [{ fileOffset: 0, bytes: CONTENT }];
const file = rowOf({ size: CONTENT.length, mode: 0o640 });
const symlink = rowOf({ kind: "symlink", link: "elsewhere" });
const fifo = rowOf({ kind: "fifo" });

/** Opens a target; problems are collected as `kind path`. */
function openTarget(directory: string, options: Partial<RestoreOptions>): [RestoreTarget, string[]] {
  const problems: string[] = [];
  const onProblem = ({ kind, path }: RestoreProblem) => void problems.push(`${kind} ${path}`);
  return [RestoreTarget.open({ directory, onProblem, ...options }), problems];
}

/** Ways to make an entry named `path`; each says whether it did. */
const ENTRIES: [what: string, make: (target: RestoreTarget, path: string) => boolean][] = [
  ["file", (target, path) => target.writeFile(file, path, whole)],
  ["part", (target, path) => target.beginFile(path)?.finish({ ...file, size: 0 }) ?? false],
  ["symlink", (target, path) => target.symlink(symlink, path)],
  ["fifo", (target, path) => target.fifo(fifo, path)],
];

/** What can be in the way. */
const OBSTACLES: [what: string, make: (path: string) => void][] = [
  ["a file", (path) => Deno.writeTextFileSync(path, "theirs")],
  ["a read-only file", (path) => Deno.writeTextFileSync(path, "theirs", { mode: 0o400 })],
  ["a symlink", (path) => Deno.symlinkSync("../victim", path)],
  ["a symlink to nothing", (path) => Deno.symlinkSync("../nothing", path)],
  ["a FIFO", (path) => void run("mkfifo", path)],
];

for (const [what, make] of ENTRIES) {
  for (const [obstacle, put] of OBSTACLES) {
    const withObstacle = (existing: ExistingPolicy, check: (out: string, done: boolean, problems: string[]) => void) =>
      withFolder((folder) => {
        Deno.writeTextFileSync(`${folder}/victim`, "victim");
        const out = `${folder}/out`;
        Deno.mkdirSync(out);
        put(`${out}/name`);
        const [target, problems] = openTarget(out, { existing });
        using _ = target;
        check(out, make(target, "name"), problems);
        assertEquals(treeOf(out), ["name"]);
        assertEquals(Deno.readTextFileSync(`${folder}/victim`), "victim");
        assertFalse(isThere(`${folder}/nothing`));
      });

    Deno.test(`RestoreTarget leaves ${obstacle} alone and tells, for a ${what}`, () => {
      let before = "";
      withFolder((folder) => {
        put(`${folder}/name`);
        before = JSON.stringify(Deno.lstatSync(`${folder}/name`).mode);
      });
      withObstacle("refuse", (out, done, problems) => {
        assertFalse(done);
        assertEquals(problems, ["exists name"]);
        assertEquals(JSON.stringify(Deno.lstatSync(`${out}/name`).mode), before);
      });
    });

    Deno.test(`RestoreTarget skips ${obstacle} without a word when asked to, for a ${what}`, () => {
      withObstacle("skip", (_, done, problems) => {
        assertFalse(done);
        assertEquals(problems, []);
      });
    });

    Deno.test(`RestoreTarget replaces ${obstacle} when asked to, for a ${what}`, () => {
      withObstacle("overwrite", (out, done, problems) => {
        assert(done);
        assertEquals(problems, []);
        const info = Deno.lstatSync(`${out}/name`);
        assertEquals([info.isFile, info.isSymlink, info.isFifo], [
          what === "file" || what === "part",
          what === "symlink",
          what === "fifo",
        ]);
      });
    });
  }

  Deno.test(`RestoreTarget never replaces a folder, for a ${what}`, () => {
    for (const existing of ["refuse", "overwrite"] as const) {
      withFolder((folder) => {
        Deno.mkdirSync(`${folder}/name`);
        const [target, problems] = openTarget(folder, { existing });
        using _ = target;
        assertFalse(make(target, "name"));
        assertEquals(problems, ["exists name"]);
        assertEquals(treeOf(folder), ["name/"]);
      });
    }
  });
}

Deno.test("RestoreTarget refuses a folder where a file is, and all below it", () => {
  for (const existing of ["refuse", "skip", "overwrite"] as const) {
    withFolder((folder) => {
      Deno.writeTextFileSync(`${folder}/name`, "theirs");
      const [target, problems] = openTarget(folder, { existing });
      using _ = target;
      assertFalse(target.makeDirectory("name"));
      assertFalse(target.writeFile(file, "name/f", whole));
      assertFalse(target.finishDirectory(rowOf({ kind: "directory" }), "name"));
      assertEquals(problems, ["exists name", "exists name/f", "exists name"]);
      assertEquals(Deno.readTextFileSync(`${folder}/name`), "theirs");
    });
  }
});

Deno.test("RestoreTarget with overwrite sets the metadata of existing folders", () => {
  withFolder((folder) => {
    Deno.mkdirSync(`${folder}/d`);
    const [target] = openTarget(folder, { existing: "overwrite" });
    using _ = target;
    assert(target.finishDirectory(rowOf({ kind: "directory", mode: 0o711 }), "d"));
    assertEquals(modeAt(`${folder}/d`), "711");
  });
});

Deno.test("RestoreTarget with overwrite breaks hard links instead of writing through them", () => {
  withFolder((folder) => {
    Deno.mkdirSync(`${folder}/out`);
    Deno.writeTextFileSync(`${folder}/other`, "theirs");
    Deno.linkSync(`${folder}/other`, `${folder}/out/name`);
    const [target] = openTarget(`${folder}/out`, { existing: "overwrite" });
    using _ = target;
    assert(target.writeFile(file, "name", whole));
    assertEquals(Deno.readTextFileSync(`${folder}/other`), "theirs");
  });
});

Deno.test("RestoreTarget.hardlink() keeps to the policy for what exists", () => {
  for (const existing of ["refuse", "skip", "overwrite"] as const) {
    withFolder((folder) => {
      Deno.writeTextFileSync(`${folder}/name`, "theirs");
      const [target, problems] = openTarget(folder, { existing });
      using _ = target;
      target.writeFile(file, "first", whole);
      assert(target.hardlink("name", "first"));
      assertEquals(Deno.readTextFileSync(`${folder}/name`), existing === "overwrite" ? "content" : "theirs");
      assertEquals(problems, existing === "refuse" ? ["exists name"] : []);
      assertEquals(treeOf(folder), ["first", "name"]);
    });
  }
});

Deno.test("RestoreTarget.hardlink() leaves nothing behind when it replaces a link to the same file", () => {
  withFolder((folder) => {
    const [target, problems] = openTarget(folder, { existing: "overwrite" });
    using _ = target;
    target.writeFile(file, "first", whole);
    Deno.linkSync(`${folder}/first`, `${folder}/second`);
    assert(target.hardlink("second", "first"));
    assertEquals(treeOf(folder), ["first", "second"]);
    assertEquals(problems, []);
  });
});

Deno.test("RestoreTarget takes one path once, whatever the policy", () => {
  for (const existing of ["refuse", "skip", "overwrite"] as const) {
    for (const fresh of [true, false]) {
      withFolder((folder) => {
        const [target, problems] = openTarget(fresh ? `${folder}/out` : folder, { existing });
        using _ = target;
        assert(target.writeFile(file, "a", whole));
        assertFalse(target.writeFile(file, "a", whole));
        assertEquals(problems, ["collision a"]);
      });
    }
  }
});

Deno.test("PartFile.finish() replaces nothing that appeared after beginFile()", () => {
  withFolder((folder) => {
    const [target, problems] = openTarget(folder, {});
    using _ = target;
    const part = target.beginFile("name");
    part?.writeAt(0, CONTENT);
    Deno.writeTextFileSync(`${folder}/name`, "theirs");
    assertEquals(part?.finish(file), false);
    assertEquals(problems, ["exists name"]);
    assertEquals(treeOf(folder), ["name"]);
    assertEquals(Deno.readTextFileSync(`${folder}/name`), "theirs");
  });
});

/** Checks that pairs of names which a file system takes for one another never lose or merge anything. */
function checkFolding(out: string, calls: DiskCalls | undefined, preserves: boolean): void {
  const options = calls === undefined ? {} : { calls };
  const pairs = [["Readme", "README"], ["stra\u00dfe", "STRA\u00dfE"], ["\u00e9", "e\u0301"]].filter(
    // What a real file system folds is its own affair, and nothing has to be told apart that it tells apart.
    ([one = "", two = ""]) => calls !== undefined || foldsTogether(out, one, two),
  );
  assert(pairs.length > 0, "this file system folds none of the names");
  for (const existing of ["refuse", "skip", "overwrite"] as const) {
    for (const fresh of [true, false]) {
      for (const [what, make] of ENTRIES) {
        for (const [one = "", two = ""] of pairs) {
          const place = `${out}/${existing}-${fresh}-${what}-${one}`.toLowerCase().normalize("NFC");
          if (!fresh) Deno.mkdirSync(place);
          const [target, problems] = openTarget(place, { existing, ...options });
          using _ = target;
          assert(make(target, one), `${what} ${one}`);
          assertFalse(make(target, two), `${what} ${two} came over ${one}, ${existing}`);
          const kind = existing === "refuse" && !fresh ? "exists" : "collision";
          assertEquals(problems, [`${kind} ${two}`], `${what} ${two}, ${existing}, fresh ${fresh}`);
          assertEquals([...Deno.readDirSync(target.location)].length, 1);
        }
      }
    }
  }
  // Folders do not merge, nor does what is below them get in.
  for (const fresh of [true, false]) {
    const place = `${out}/folders-${fresh}`;
    if (!fresh) Deno.mkdirSync(place);
    const [target, problems] = openTarget(place, options);
    using _ = target;
    assert(target.writeFile(file, "dir/one", whole));
    assertFalse(target.makeDirectory("DIR"));
    assertFalse(target.writeFile(file, "Dir/two", whole));
    assertFalse(target.finishDirectory(rowOf({ kind: "directory", mode: 0o777 }), "DIR"));
    assertEquals(problems, ["collision DIR", "collision Dir/two", "collision DIR"]);
    assertEquals(treeOf(target.location), ["dir/", "dir/one"]);
  }
  if (!preserves) return;
  // An existing file of another spelling is somebody else's; one of the same spelling is what overwriting is about.
  const place = `${out}/theirs`;
  Deno.mkdirSync(place);
  for (const name of ["Theirs", "Same"]) Deno.writeTextFileSync(`${place}/${name}`, "theirs");
  const [target, problems] = openTarget(place, { existing: "overwrite", ...options });
  using _ = target;
  assertFalse(target.writeFile(file, "theirs", whole));
  assert(target.writeFile(file, "Same", whole));
  assertEquals(problems, ["collision theirs"]);
  assertEquals(Deno.readTextFileSync(`${place}/Theirs`), "theirs");
  assertEquals(Deno.readTextFileSync(`${place}/Same`), "content");
}

Deno.test("RestoreTarget never merges names that fall together, on a simulated folding file system", () => {
  withFolder((folder) => {
    const real = Deno.realPathSync(folder);
    checkFolding(real, foldingCalls(real), false);
  });
});

/** Whether a file of one name is found by the other. */
function foldsTogether(folder: string, one: string, two: string): boolean {
  Deno.writeTextFileSync(`${folder}/${one}`, "");
  try {
    return isThere(`${folder}/${two}`);
  } finally {
    Deno.removeSync(`${folder}/${one}`);
  }
}

/** Mounts a file system that folds case, and returns what ends it; `undefined` where none can be had. */
function mountFolding(folder: string): (() => void) | undefined {
  if (!IS_ROOT || Deno.build.os !== "linux") return undefined;
  const mount = `${folder}/mnt`;
  Deno.mkdirSync(mount);
  const attempt = (program: string, ...args: string[]) => {
    try {
      return new Deno.Command(program, { args, stdout: "null", stderr: "null" }).outputSync().success;
    } catch {
      return false;
    }
  };
  if (attempt("mount", "-t", "tmpfs", "-o", "casefold", "none", mount) && attempt("chattr", "+F", mount)) {
    return () => void run("umount", mount);
  }
  const image = `${folder}/image`;
  Deno.writeFileSync(image, new Uint8Array(0));
  Deno.truncateSync(image, 64 * 2 ** 20);
  if (attempt("mkfs.ext4", "-q", "-O", "casefold", image) && attempt("mount", "-o", "loop", image, mount)) {
    if (attempt("chattr", "+F", mount)) return () => void run("umount", mount);
    run("umount", mount);
  }
  return undefined;
}

Deno.test("RestoreTarget never merges names that fall together, on a real folding file system", () => {
  withFolder((folder) => {
    const probe = `${folder}/Probe`;
    Deno.writeTextFileSync(probe, "");
    if (isThere(`${folder}/pROBE`)) return checkFolding(folder, undefined, true);
    const unmount = mountFolding(folder);
    if (unmount === undefined) {
      console.warn("NOT TESTED: no file system here folds case, and none can be mounted; only the simulation ran");
      return;
    }
    try {
      checkFolding(`${folder}/mnt`, undefined, true);
    } finally {
      unmount();
    }
  });
});
