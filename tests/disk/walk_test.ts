import { assert, assertEquals, assertThrows } from "@std/assert";
import { descriptorsWork, reach } from "../../src/disk/descriptors.ts";
import { libc } from "../../src/disk/libc.ts";
import { OwnerNames } from "../../src/disk/metadata.ts";
import { planRoots, RootConflictError } from "../../src/disk/names.ts";
import { walk, type WalkNotice, type WalkOptions, type WalkProblem } from "../../src/disk/walk.ts";
import { comparePaths, utf8Length } from "../../src/format/path.ts";
import type { Row } from "../../src/format/row.ts";
import { IS_ROOT, run, withFolder } from "./surroundings.ts";

interface Walked {
  readonly rows: readonly Row[];
  readonly paths: readonly string[];
  readonly sparse: readonly string[];
  readonly notices: readonly WalkNotice[];
  readonly problems: readonly WalkProblem[];
}

/** Walks one root to the end. */
function walked(location: string, options: WalkOptions = {}, stored = "t"): Walked {
  const notices: WalkNotice[] = [];
  const problems: WalkProblem[] = [];
  const entries = [...walk([{ location, stored }], {
    ...options,
    onNotice: (notice) => notices.push(notice),
    onProblem: (problem) => problems.push(problem),
  })];
  const rows = entries.map((entry) => entry.row);
  const sparse = entries.filter((entry) => entry.sparse).map((entry) => entry.row.path);
  return { rows, paths: rows.map((row) => row.path), sparse, notices, problems };
}

const make = (path: string, content = "") => Deno.writeTextFileSync(path, content);

Deno.test("walk() gives rows in path order, folders before what is in them", () => {
  withFolder((folder) => {
    for (const name of ["a", "a/b", "b", "a-b", "\u0001x"]) Deno.mkdirSync(`${folder}/${name}`);
    for (const name of ["a/z", "a/b/c", "a.txt", "B", "é", "😀", "\uffee", "zz", "a-b/x"]) make(`${folder}/${name}`);
    const { paths } = walked(folder);
    const expected = ["t", "t/\u0001x", "t/B", "t/a", "t/a/b", "t/a/b/c", "t/a/z", "t/a-b", "t/a-b/x", "t/a.txt", "t/b"]
      .concat(["t/zz", "t/é", "t/\uffee", "t/😀"]);
    assertEquals(paths, expected);
    for (let i = 1; i < paths.length; i++) assert(comparePaths(paths[i - 1] ?? "", paths[i] ?? "") < 0);
  });
});

Deno.test("walk() gives the root . its own row and its entries plain names", () => {
  withFolder((folder) => {
    Deno.mkdirSync(`${folder}/sub`);
    make(`${folder}/sub/f`, "abc");
    assertEquals(walked(folder, {}, ".").paths, [".", "sub", "sub/f"]);
    const entries = [...walk([{ location: folder, stored: "." }])];
    assertEquals(entries.map((entry) => entry.location), [folder, `${folder}/sub`, `${folder}/sub/f`]);
  });
});

Deno.test("walk() sorts roots by their stored names", () => {
  withFolder((folder) => {
    for (const name of ["x", "y", "z"]) make(`${folder}/${name}`);
    const roots = [["x", "z"], ["y", "a/b"], ["z", "a-b"]].map(([name, stored = ""]) => ({
      location: `${folder}/${name}`,
      stored,
    }));
    assertEquals([...walk(roots)].map((entry) => entry.row.path), ["a/b", "a-b", "z"]);
  });
});

Deno.test("walk() fills in every field of a row", () => {
  withFolder((folder) => {
    const path = `${folder}/f`;
    make(path, "12345");
    Deno.chmodSync(path, 0o4751);
    Deno.utimeSync(path, 0, new Date(1_234_567_890_123));
    const info = Deno.lstatSync(path);
    const { uid, gid } = info;
    const row = walked(path, {}, "x/f").rows[0];
    const names = run("stat", "-c", "%U %G", path).trim().split(" ");
    assertEquals(row, {
      path: "x/f",
      kind: "file",
      mode: 0o4751,
      size: 5,
      mtime: { seconds: 1_234_567_890, nanoseconds: 123_000_000 },
      ctime: Math.floor((info.ctime?.getTime() ?? 0) / 1000),
      dev: info.dev,
      inode: info.ino ?? 0,
      owner: { uid: uid ?? 0, gid: gid ?? 0, user: names[0] ?? "", group: names[1] ?? "" },
      link: "",
      changed: false,
      contentHash: undefined,
    });
  });
});

Deno.test("walk() knows every kind, and names sockets and devices as left out", () => {
  withFolder((folder) => {
    make(`${folder}/file`, "x");
    Deno.symlinkSync("../no where\n", `${folder}/link`);
    run("mkfifo", `${folder}/fifo`);
    const mayListen = Deno.permissions.querySync({ name: "net" }).state === "granted";
    using _ = mayListen ? Deno.listen({ transport: "unix", path: `${folder}/socket` }) : undefined;
    if (IS_ROOT) run("mknod", `${folder}/device`, "c", "1", "3");
    const { rows, notices, problems } = walked(folder);
    assertEquals(rows.map((row) => [row.path, row.kind, row.size, row.link]), [
      ["t", "directory", 0, ""],
      ["t/fifo", "fifo", 0, ""],
      ["t/file", "file", 1, ""],
      ["t/link", "symlink", 0, "../no where\n"],
    ]);
    assertEquals(notices.map((notice) => [notice.path, notice.kind]), [
      ...(IS_ROOT ? [["t/device", "device"]] : []),
      ...(mayListen ? [["t/socket", "socket"]] : []),
    ]);
    assertEquals(problems, []);
  });
});

Deno.test("walk() makes later names of a file hardlinks to its first, across roots", () => {
  withFolder((folder) => {
    Deno.mkdirSync(`${folder}/d`);
    make(`${folder}/b`, "content");
    Deno.linkSync(`${folder}/b`, `${folder}/a`);
    Deno.linkSync(`${folder}/b`, `${folder}/d/c`);
    Deno.linkSync(`${folder}/b`, `${folder}/outside`);
    const roots = ["d", "b", "a"].map((name) => ({ location: `${folder}/${name}`, stored: name }));
    assertEquals([...walk(roots)].map(({ row }) => [row.path, row.kind, row.link, row.size]), [
      ["a", "file", "", 7],
      ["b", "hardlink", "a", 0],
      ["d", "directory", "", 0],
      ["d/c", "hardlink", "a", 0],
    ]);
    const kinds = walked(folder).rows.map((row) => row.kind);
    assertEquals(kinds, ["directory", "file", "hardlink", "directory", "hardlink", "hardlink"]);
    const kept = walked(folder, { exclude: (path) => path === "t/a" });
    assertEquals(kept.rows.map((row) => [row.path, row.kind, row.link]).filter(([path]) => path !== "t/d"), [
      ["t", "directory", ""],
      ["t/b", "file", ""],
      ["t/d/c", "hardlink", "t/b"],
      ["t/outside", "hardlink", "t/b"],
    ]);
  });
});

Deno.test("walk() stores a root that is a symlink as one, unless its location ends with /", () => {
  withFolder((folder) => {
    Deno.mkdirSync(`${folder}/dir`);
    make(`${folder}/dir/f`);
    Deno.symlinkSync("dir", `${folder}/link`);
    assertEquals(walked(`${folder}/link`).rows.map((row) => [row.path, row.kind]), [["t", "symlink"]]);
    assertEquals(walked(`${folder}/link/`).rows.map((row) => [row.path, row.kind]), [["t", "directory"], [
      "t/f",
      "file",
    ]]);
  });
});

Deno.test("walk() leaves out what is excluded, with all below it", () => {
  withFolder((folder) => {
    for (const name of ["keep", "drop"]) {
      Deno.mkdirSync(`${folder}/${name}`);
      make(`${folder}/${name}/drop.txt`);
      make(`${folder}/${name}/f`);
    }
    const asked: [string, boolean][] = [];
    const exclude = (path: string, isDirectory: boolean) => {
      asked.push([path, isDirectory]);
      return /(^|\/)drop(\.txt)?$/.test(path);
    };
    assertEquals(walked(folder, { exclude }).paths, ["t", "t/keep", "t/keep/f"]);
    assertEquals(asked.length, 5);
    assertEquals(asked.filter(([, isDirectory]) => isDirectory).map(([path]) => path), ["t", "t/drop", "t/keep"]);
    assertEquals(walked(folder, { exclude: () => true }).paths, []);
    assertEquals(walked(folder, { exclude: () => true }, ".").paths, ["."]);
  });
});

Deno.test("walk() never stores the archive itself, under any of its names", () => {
  withFolder((folder) => {
    make(`${folder}/a.coffer`, "x");
    make(`${folder}/f`, "x");
    Deno.linkSync(`${folder}/a.coffer`, `${folder}/same`);
    const { dev, ino } = Deno.lstatSync(`${folder}/a.coffer`);
    const { paths, notices } = walked(folder, { skip: [{ dev, inode: ino ?? 0 }] });
    assertEquals(paths, ["t", "t/f"]);
    assertEquals(notices.map((notice) => [notice.path, notice.kind]), [
      ["t/a.coffer", "excluded-archive"],
      ["t/same", "excluded-archive"],
    ]);
  });
});

Deno.test("walk() keeps of caches the tag only, and of false ones everything", () => {
  withFolder((folder) => {
    for (const name of ["cache", "false", "linked"]) {
      Deno.mkdirSync(`${folder}/${name}`);
      make(`${folder}/${name}/data`);
    }
    make(`${folder}/cache/CACHEDIR.TAG`, "Signature: 8a477f597d28d172789f06886806bc55\n# more");
    make(`${folder}/false/CACHEDIR.TAG`, "Signature: 8a477f597d28d172789f06886806bc5X");
    Deno.symlinkSync("../cache/CACHEDIR.TAG", `${folder}/linked/CACHEDIR.TAG`);
    const { paths, notices } = walked(folder, { excludeCaches: true });
    assertEquals(
      paths,
      ["t", "t/cache", "t/cache/CACHEDIR.TAG"].concat(
        ["t/false", "t/false/CACHEDIR.TAG", "t/false/data", "t/linked", "t/linked/CACHEDIR.TAG", "t/linked/data"],
      ),
    );
    assertEquals(notices.map((notice) => [notice.path, notice.kind]), [["t/cache", "cache"]]);
    assertEquals(walked(folder).paths.length, 10);
  });
});

Deno.test("walk() tells sparse files from others", () => {
  withFolder((folder) => {
    make(`${folder}/full`, "x".repeat(200_000));
    for (const [name, size] of [["holes", 10 * 2 ** 20], ["small", 65_535]] as const) {
      make(`${folder}/${name}`);
      Deno.truncateSync(`${folder}/${name}`, size);
    }
    // A file system that allocates late reports blocks only after a sync.
    using full = Deno.openSync(`${folder}/full`, { write: true });
    full.syncSync();
    assertEquals(walked(folder).sparse, ["t/holes"]);
  });
});

Deno.test("walk() reports a missing root as one, and goes on", () => {
  withFolder((folder) => {
    make(`${folder}/there`);
    const problems: WalkProblem[] = [];
    const roots = ["missing", "there"].map((name) => ({ location: `${folder}/${name}`, stored: name }));
    const entries = [...walk(roots, { onProblem: (problem) => problems.push(problem) })];
    assertEquals(entries.map((entry) => entry.row.path), ["there"]);
    assertEquals(problems.map(({ path, reason, root }) => [path, reason, root]), [
      ["missing", "it does not exist", true],
    ]);
  });
});

Deno.test("walk() reports what vanishes or is replaced between listing and looking", () => {
  withFolder((folder) => {
    for (const name of ["a", "b", "c"]) {
      Deno.mkdirSync(`${folder}/${name}`);
      make(`${folder}/${name}/f`);
    }
    const problems: WalkProblem[] = [];
    const paths: string[] = [];
    for (const { row } of walk([{ location: folder, stored: "t" }], { onProblem: (found) => problems.push(found) })) {
      paths.push(row.path);
      // By now the names in `t` have been read, and those in the folder just named have not.
      if (row.path === "t/a") {
        Deno.removeSync(`${folder}/a`, { recursive: true });
        Deno.removeSync(`${folder}/c`, { recursive: true });
      }
      if (row.path === "t/b" && descriptorsWork()) {
        Deno.removeSync(`${folder}/b`, { recursive: true });
        Deno.symlinkSync("/etc", `${folder}/b`);
      }
    }
    assertEquals(paths, descriptorsWork() ? ["t", "t/a", "t/b"] : ["t", "t/a", "t/b", "t/b/f"]);
    assertEquals(problems.map(({ path, reason, root }) => [path, reason, root]), [
      ["t/a", "it does not exist", false],
      ...(descriptorsWork() ? [["t/b", "a part of its path is not a folder", false]] : []),
      ["t/c", "it does not exist", false],
    ]);
  });
});

Deno.test({
  name: "walk() does not follow a folder that becomes another one",
  ignore: !descriptorsWork(),
  fn: () => {
    withFolder((folder) => {
      Deno.mkdirSync(`${folder}/t/a`, { recursive: true });
      Deno.mkdirSync(`${folder}/secret`);
      make(`${folder}/secret/key`);
      const problems: WalkProblem[] = [];
      const paths: string[] = [];
      const options: WalkOptions = { onProblem: (problem) => problems.push(problem) };
      for (const { row } of walk([{ location: `${folder}/t`, stored: "t" }], options)) {
        paths.push(row.path);
        if (row.path !== "t/a") continue;
        Deno.renameSync(`${folder}/t/a`, `${folder}/gone`);
        Deno.renameSync(`${folder}/secret`, `${folder}/t/a`);
      }
      assertEquals(paths, ["t", "t/a"]);
      assertEquals(problems.map(({ path, reason }) => [path, reason]), [
        ["t/a", "it was replaced by another folder meanwhile"],
      ]);
    });
  },
});

Deno.test({
  name: "walk() reports names that are not UTF-8, and stores a true U+FFFD",
  ignore: Deno.build.os !== "linux",
  fn: () => {
    withFolder((folder) => {
      const script = 'cd "$0" && touch "$(printf \'a\\377\')" "$(printf \'b\\377\')" "$(printf \'b\\376\')" ok &&' +
        "touch \"$(printf 'c\\357\\277\\275')\" \"$(printf 'd\\357\\277\\275')\" \"$(printf 'd\\377')\" &&" +
        "ln -s \"$(printf 'x\\377')\" link";
      run("bash", "-c", script, folder);
      const { paths, problems } = walked(folder);
      assertEquals(paths, ["t", "t/c\ufffd", "t/d\ufffd", "t/ok"]);
      assertEquals(problems.map(({ path, reason }) => [path, reason]), [
        ["t/a\ufffd", "its name is not valid UTF-8"],
        ["t/b\ufffd", "its name is not valid UTF-8"],
        ["t/b\ufffd", "its name is not valid UTF-8"],
        ["t/d\ufffd", "its name is not valid UTF-8"],
        ["t/link", "its target is not valid UTF-8"],
      ]);
    });
  },
});

Deno.test("walk() stores odd names as they are", () => {
  withFolder((folder) => {
    const names = [
      "line\nfeed",
      "tab\t",
      "quote\"'`",
      "\u202egnp.exe",
      "\u001b[31mred",
      "😀",
      "e\u0301",
      "é",
      " ",
      "-rf",
    ]
      .concat(["n".repeat(255), "é".repeat(127), "😀".repeat(63), "back\\slash", "*?[x]", "\u007f", "a:b"]);
    for (const name of names) make(`${folder}/${name}`);
    const { paths, problems } = walked(folder);
    assertEquals(new Set(paths.slice(1)), new Set(names.map((name) => `t/${name}`)));
    assertEquals(problems, []);
  });
});

Deno.test({
  name: "walk() keeps paths of 4,096 bytes below a long root, and reports longer ones",
  ignore: !descriptorsWork(),
  fn: () => {
    withFolder((folder) => {
      const root = `${folder}/${"r".repeat(200)}`;
      Deno.mkdirSync(root);
      let path = root;
      // "t" and 16 times 201 bytes and 878 more are 4,095 bytes; one letter more makes 4,096.
      for (let i = 0; i < 16; i++) {
        path += `/${"d".repeat(200)}`;
        reach(path, (there) => Deno.mkdirSync(there));
      }
      for (const name of ["e".repeat(250), "f".repeat(250), "g".repeat(250)]) {
        path += `/${name}`;
        reach(path, (there) => Deno.mkdirSync(there));
      }
      const left = 4096 - utf8Length(`t${path.slice(root.length)}/`);
      const fits = "y".repeat(left);
      for (const name of [fits, `${fits}y`]) reach(`${path}/${name}`, (there) => Deno.writeTextFileSync(there, ""));
      assert(left > 0 && left < 255);
      const { paths, problems, rows } = walked(root);
      assertEquals(paths.length, 1 + 16 + 3 + 1);
      assertEquals(utf8Length(paths.at(-1) ?? ""), 4096);
      assertEquals(rows.at(-1)?.kind, "file");
      assertEquals(problems.map((problem) => problem.reason), ["it is over 4096 bytes"]);
    });
  },
});

Deno.test({
  name: "walk() goes deeper than it keeps descriptors, and gives all of them back",
  ignore: !descriptorsWork(),
  fn: () => {
    withFolder((folder) => {
      let path = folder;
      for (let i = 0; i < 400; i++) {
        path += "/d";
        Deno.mkdirSync(path);
        if (i % 50 === 0) make(`${path}/z`);
      }
      const open = () => [...Deno.readDirSync("/proc/self/fd")].length;
      const before = open();
      const { paths, problems } = walked(folder);
      assertEquals(problems, []);
      assertEquals(paths.length, 1 + 400 + 8);
      assertEquals(paths.filter((found) => found.endsWith("/z")).length, 8);
      assertEquals(open(), before);
      let most = 0;
      for (const _ of walk([{ location: folder, stored: "t" }])) {
        most = Math.max(most, open() - before);
      }
      assert(most > 100 && most < 140, `${most} descriptors`);
      for (const { row } of walk([{ location: folder, stored: "t" }])) if (row.path.length > 600) break;
      assertEquals(open(), before);
    });
  },
});

Deno.test({
  name: "walk() reports folders that cannot be read, keeps their rows and goes on",
  ignore: IS_ROOT || Deno.build.os === "windows",
  fn: () => {
    withFolder((folder) => {
      Deno.mkdirSync(`${folder}/closed`, { mode: 0o000 });
      make(`${folder}/open`);
      const { paths, problems } = walked(folder);
      assertEquals(paths, ["t", "t/closed", "t/open"]);
      assertEquals(problems.map(({ path, reason }) => [path, reason]), [["t/closed", "permission is denied"]]);
    });
  },
});

Deno.test({
  name: "walk() stays on one file system when asked to, and stores the folder that another is mounted on",
  ignore: !IS_ROOT || Deno.build.os !== "linux",
  fn: () => {
    withFolder((folder) => {
      Deno.mkdirSync(`${folder}/mnt`);
      run("mount", "-t", "tmpfs", "none", `${folder}/mnt`);
      try {
        make(`${folder}/mnt/f`);
        make(`${folder}/z`);
        const { paths, notices } = walked(folder, { oneFileSystem: true });
        assertEquals(paths, ["t", "t/mnt", "t/z"]);
        assertEquals(notices.map((notice) => [notice.path, notice.kind]), [["t/mnt", "other-file-system"]]);
        assertEquals(walked(folder).paths, ["t", "t/mnt", "t/mnt/f", "t/z"]);
        assertEquals(walked(`${folder}/mnt`, { oneFileSystem: true }).paths, ["t", "t/f"]);
      } finally {
        run("umount", `${folder}/mnt`);
      }
    });
  },
});

Deno.test("walk() of a list's roots takes folders with all below them, and doubled names once", () => {
  withFolder((folder) => {
    Deno.mkdirSync(`${folder}/d`);
    make(`${folder}/d/f`);
    make(`${folder}/g`);
    const rootsOf = (names: string[]) => planRoots(names, { directory: folder, covered: "drop" }).roots;
    const paths = (names: string[]) => [...walk(rootsOf(names))].map((entry) => entry.row.path);
    assertEquals(paths(["./d", "./d/f", "g", "./g"]), ["d", "d/f", "g"]);
    assertEquals(paths(["d/f"]), ["d/f"]);
    assertThrows(() => rootsOf(["a", `${folder}/../a`, "../a"]), RootConflictError);
  });
});

Deno.test({
  name: "walk() leaves out what is known, and asks about folders and plain files with one name that are not left out",
  ignore: libc() === undefined,
  fn() {
    withFolder((folder) => {
      for (const name of ["a", "a/sub", "known", "skip"]) Deno.mkdirSync(`${folder}/${name}`);
      for (
        const name of ["known/new", "skip/new", "a/known", "a/sub/known", "a/new", "a/skip", "archive", "twice", "é"]
      ) {
        make(`${folder}/${name}`, name);
      }
      Deno.linkSync(`${folder}/twice`, `${folder}/two`);
      Deno.symlinkSync("a/known", `${folder}/link`);
      Deno.utimeSync(`${folder}/known`, 5, 1_600_000_000);
      Deno.chmodSync(`${folder}/known`, 0o1750);
      Deno.utimeSync(`${folder}/a/known`, 5, 1_700_000_000.123);
      Deno.chmodSync(`${folder}/a/known`, 0o4640);
      const { ino, dev, ctime, uid, gid } = Deno.lstatSync(`${folder}/a/known`);
      const below = Deno.lstatSync(`${folder}/known`);
      const asked: string[] = [];
      const glances: unknown[] = [];
      const archive = Deno.lstatSync(`${folder}/archive`);
      const { paths } = walked(folder, {
        exclude: (path) => path.endsWith("/skip"),
        skip: [{ dev, inode: archive.ino ?? 0 }],
        owners: new OwnerNames("", ""),
        isKnown: (where, name, found) => {
          asked.push(where + name);
          if (where !== "t/a/sub/" && name === "known") glances.push({ ...found });
          return name === "known";
        },
      });
      assertEquals(paths, ["t", "t/a", "t/a/new", "t/a/sub", "t/known/new", "t/link", "t/twice", "t/two", "t/é"]);
      assertEquals(
        asked.filter((path) => path !== "t/é"),
        ["t/a", "t/a/known", "t/a/new", "t/a/sub", "t/a/sub/known", "t/known", "t/known/new"],
      );
      const owner = { uid: uid ?? 0, gid: gid ?? 0, user: "", group: "" };
      assertEquals(glances, [{
        isDirectory: false,
        mode: 0o4640,
        size: 7,
        mtimeSeconds: 1_700_000_000,
        mtimeNanoseconds: 123_000_000,
        ctime: Math.floor((ctime?.getTime() ?? 0) / 1000),
        inode: ino,
        owner,
      }, {
        isDirectory: true,
        mode: 0o1750,
        size: 0,
        mtimeSeconds: 1_600_000_000,
        mtimeNanoseconds: 0,
        ctime: Math.floor((below.ctime?.getTime() ?? 0) / 1000),
        inode: below.ino,
        owner,
      }]);
    });
  },
});

Deno.test({
  name: "walk() passes on what is wrong with the catalog that files are compared with",
  ignore: libc() === undefined,
  fn() {
    withFolder((folder) => {
      make(`${folder}/f`);
      const isKnown = () => {
        throw new RangeError("a bad page");
      };
      assertThrows(() => walked(folder, { isKnown }), RangeError, "a bad page");
    });
  },
});
