/** Hostile archives, hostile targets and hostile neighbours: what extraction must never do. */
import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import { descriptorsWork } from "../../src/disk/descriptors.ts";
import {
  type ExistingPolicy,
  type RestoreOptions,
  type RestoreProblem,
  RestoreTarget,
} from "../../src/disk/restore.ts";
import { bytesOf, isThere, modeAt, mtimeAt, rowOf, treeOf, withFolder, withFolderAsync } from "./surroundings.ts";

const CONTENT = bytesOf("content");
const whole = [{ fileOffset: 0, bytes: CONTENT }];
const file = rowOf({ size: CONTENT.length, mode: 0o666 });
const directory = rowOf({ kind: "directory", mode: 0o777 });
const symlink = rowOf({ kind: "symlink", link: "x" });
const fifo = rowOf({ kind: "fifo", mode: 0o666 });

interface Scene {
  /** The target, existing. */
  readonly out: string;
  /** A folder beside it that nothing may touch; it holds `secret`. */
  readonly outside: string;
  readonly target: RestoreTarget;
  readonly problems: RestoreProblem[];
}

/** Sets up an existing target beside a folder that must stay as it is, and checks afterwards that it did. */
function withScene(
  options: Partial<RestoreOptions>,
  prepare: (out: string) => void,
  act: (scene: Scene) => void,
): void {
  withFolder((folder) => {
    const out = `${folder}/out`;
    const outside = `${folder}/outside`;
    Deno.mkdirSync(out);
    Deno.mkdirSync(outside, { mode: 0o750 });
    Deno.writeTextFileSync(`${outside}/secret`, "secret");
    Deno.chmodSync(`${outside}/secret`, 0o600);
    for (const path of [`${outside}/secret`, outside]) Deno.utimeSync(path, 0, 1_000_000);
    prepare(out);
    const problems: RestoreProblem[] = [];
    {
      using target = RestoreTarget.open({
        directory: out,
        onProblem: (problem) => problems.push(problem),
        ...options,
      });
      act({ out, outside, target, problems });
    }
    assertEquals(treeOf(outside), ["secret"]);
    assertEquals(Deno.readTextFileSync(`${outside}/secret`), "secret");
    assertEquals([modeAt(outside), modeAt(`${outside}/secret`)], ["750", "600"]);
    assertEquals([mtimeAt(outside), mtimeAt(`${outside}/secret`)], [1_000_000_000, 1_000_000_000]);
    assertEquals(Deno.lstatSync(`${outside}/secret`).nlink, 1);
  });
}

/** Everything that can be done below a folder, by name; each says whether it did something. */
const BELOW: [what: string, act: (target: RestoreTarget, folder: string) => boolean][] = [
  ["writeFile", (target, folder) => target.writeFile(file, `${folder}/new`, whole)],
  ["writeFile deeper", (target, folder) => target.writeFile(file, `${folder}/a/b`, whole)],
  ["writeFile over what is there", (target, folder) => target.writeFile(file, `${folder}/secret`, whole)],
  ["beginFile", (target, folder) => target.beginFile(`${folder}/new`) !== undefined],
  ["beginFile over what is there", (target, folder) => target.beginFile(`${folder}/secret`) !== undefined],
  ["makeDirectory", (target, folder) => target.makeDirectory(`${folder}/new`)],
  ["makeDirectory itself", (target, folder) => target.makeDirectory(folder)],
  ["symlink", (target, folder) => target.symlink(symlink, `${folder}/new`)],
  ["symlink over what is there", (target, folder) => target.symlink(symlink, `${folder}/secret`)],
  ["fifo", (target, folder) => target.fifo(fifo, `${folder}/new`)],
  ["finishDirectory", (target, folder) => target.finishDirectory(directory, folder)],
  ["finishDirectory below", (target, folder) => target.finishDirectory(directory, `${folder}/new`)],
  ["removeFile", (target, folder) => target.removeFile(`${folder}/secret`)],
];

const POLICIES: readonly ExistingPolicy[] = ["refuse", "skip", "overwrite"];

for (const existing of POLICIES) {
  for (const [what, act] of BELOW) {
    Deno.test(`RestoreTarget refuses ${what} through a symlink that was there before (${existing})`, () => {
      const links = (out: string) => Deno.symlinkSync("../outside", `${out}/link`);
      withScene({ existing }, links, ({ out, target, problems }) => {
        assertFalse(act(target, "link"));
        if (what !== "removeFile") assertEquals(problems.map(({ kind }) => kind), ["unsafe"]);
        assert(Deno.lstatSync(`${out}/link`).isSymlink);
      });
    });

    Deno.test(`RestoreTarget refuses ${what} through a symlink of the same archive (${existing})`, () => {
      withScene({ existing }, () => {}, ({ target, problems }) => {
        assert(target.symlink({ ...symlink, link: "../outside" }, "evil"));
        assertFalse(act(target, "evil"));
        if (what !== "removeFile") assertEquals(problems.map(({ kind }) => kind), ["unsafe"]);
      });
    });
  }

  Deno.test(`RestoreTarget.hardlink() does not go through symlinks, on either side (${existing})`, () => {
    const links = (out: string) => Deno.symlinkSync("../outside", `${out}/link`);
    withScene({ existing }, links, ({ out, target, problems }) => {
      target.writeFile(file, "ours", whole);
      assertFalse(target.hardlink("stolen", "link/secret"));
      assertEquals(problems, []);
      assert(target.hardlink("link/new", "ours"));
      assertEquals(problems.map(({ kind }) => kind), ["unsafe"]);
      assertEquals(treeOf(out), ["link", "ours"]);
    });
  });
}

Deno.test("RestoreTarget.hardlink() links to nothing that this run did not write", () => {
  const prepare = (out: string) => {
    Deno.writeTextFileSync(`${out}/theirs`, "theirs");
    Deno.symlinkSync("../outside/secret", `${out}/link`);
    Deno.mkdirSync(`${out}/dir`);
  };
  for (const existing of POLICIES) {
    withScene({ existing }, prepare, ({ out, target, problems }) => {
      for (const first of ["theirs", "link", "dir", "none", "none/at/all", "theirs/x"]) {
        assertFalse(target.hardlink("new", first), first);
      }
      // Refused or skipped, `theirs` is still theirs.
      if (existing !== "overwrite") {
        assertFalse(target.writeFile(file, "theirs", whole));
        assertFalse(target.hardlink("new", "theirs"));
      }
      target.symlink({ ...symlink, link: "../outside/secret" }, "ours-but-symlink");
      assertFalse(target.hardlink("new", "ours-but-symlink"));
      assertFalse(isThere(`${out}/new`));
      assertEquals(problems.length, existing === "refuse" ? 1 : 0);
    });
  }
});

Deno.test("RestoreTarget.hardlink() never links to a symlink that has taken a file's place", () => {
  for (const fresh of [true, false]) {
    withScene({}, () => {}, ({ outside, out, problems }) => {
      const place = fresh ? `${out}/fresh` : out;
      using target = RestoreTarget.open({ directory: place, onProblem: (problem) => problems.push(problem) });
      target.writeFile(file, "first", whole);
      Deno.removeSync(`${target.location}/first`);
      Deno.symlinkSync(`${outside}/secret`, `${target.location}/first`);
      assertFalse(target.hardlink("second", "first"));
      assertFalse(isThere(`${target.location}/second`));
    });
  }
});

Deno.test("RestoreTarget refuses unsafe paths before it touches the disk", () => {
  const paths = ["", "/abs", "../out2/x", "a/../b", "..", "a//b", "./a", "a/.", "a/", "a\0b", "\ud800"]
    .concat(["x".repeat(256), "é".repeat(128), Array(2100).fill("a").join("/")]);
  for (const path of paths) {
    withScene({ existing: "overwrite" }, () => {}, ({ out, target, problems }) => {
      assertFalse(target.writeFile(file, path, whole));
      assertFalse(target.makeDirectory(path));
      assertEquals(target.beginFile(path), undefined);
      assertFalse(target.symlink(symlink, path));
      assertFalse(target.fifo(fifo, path));
      assertFalse(target.finishDirectory(directory, path));
      target.hardlink(path, "a");
      assertEquals(problems.map(({ kind }) => kind), Array(7).fill("unsafe"), JSON.stringify(path));
      assertEquals(treeOf(out), []);
    });
  }
});

Deno.test("RestoreTarget.hardlink() refuses to link to an unsafe path", () => {
  withScene({}, () => {}, ({ target, problems }) => {
    for (const first of ["../outside/secret", "/etc/passwd", "a/../../outside/secret", ""]) target.hardlink("x", first);
    assertEquals(problems.map(({ kind }) => kind), Array(4).fill("unsafe"));
  });
});

Deno.test("RestoreTarget refuses anything but a folder as its own path", () => {
  withScene({ existing: "overwrite" }, () => {}, ({ target, problems }) => {
    assertFalse(target.writeFile(file, ".", whole));
    assertFalse(target.symlink(symlink, "."));
    assertEquals(target.beginFile("."), undefined);
    assertEquals(problems.length, 3);
    assert(target.makeDirectory("."));
  });
});

/** Puts a symlink to `outside` in the place of a folder, which moves to `moved`. */
function swap(scene: Scene, path: string): void {
  Deno.renameSync(`${scene.out}/${path}`, `${scene.out}/../moved`);
  Deno.symlinkSync(scene.outside, `${scene.out}/${path}`);
}

for (const [what, act] of BELOW) {
  Deno.test(`RestoreTarget does not ${what} outside when a folder becomes a symlink while it is in use`, () => {
    for (const swapped of ["a", "a/b", "a/b/c"]) {
      withScene({ existing: "overwrite" }, () => {}, (scene) => {
        assert(scene.target.writeFile(file, "a/b/c/before", whole));
        swap(scene, swapped);
        act(scene.target, "a/b/c");
        scene.target.finish();
      });
    }
  });

  Deno.test(`RestoreTarget refuses to ${what} where it comes back to a folder that has become a symlink`, () => {
    withScene({ existing: "overwrite" }, () => {}, (scene) => {
      assert(scene.target.writeFile(file, "a/before", whole));
      // More folders than are kept open, so that `a` is entered anew.
      for (let i = 0; i < 100; i++) scene.target.makeDirectory(`other/${i}`);
      swap(scene, "a");
      assertFalse(act(scene.target, "a"));
      if (what !== "removeFile") assertEquals(scene.problems.map(({ kind }) => kind), ["unsafe"]);
    });
  });
}

Deno.test("PartFile.finish() ends in the folder where it began, or nowhere", () => {
  withScene({ existing: "overwrite" }, () => {}, (scene) => {
    const { target, problems } = scene;
    const part = target.beginFile("a/secret");
    part?.writeAt(0, CONTENT);
    swap(scene, "a");
    const done = part?.finish(file);
    assertEquals(done, descriptorsWork());
    const moved = `${scene.out}/../moved`;
    // Without descriptors the temporary file can no longer be reached; it is not under a final name.
    if (descriptorsWork()) assertEquals(treeOf(moved), ["secret"]);
    else assertMatch(treeOf(moved).join(), /^\.secret\.[a-z2-7]{12}\.coffer-tmp$/);
    assertEquals(problems.map(({ kind }) => kind), descriptorsWork() ? [] : ["unsafe"]);
  });
});

Deno.test("RestoreTarget survives that the target itself becomes a symlink", () => {
  withScene({ existing: "overwrite" }, () => {}, ({ out, outside, target }) => {
    target.makeDirectory("a");
    Deno.renameSync(out, `${out}-moved`);
    Deno.symlinkSync(outside, out);
    for (const path of ["secret", "new", "a/new", "b/new"]) target.writeFile(file, path, whole);
    target.beginFile("part")?.finish(file);
    target.finishDirectory(directory, ".");
    target.finish();
  });
});

/** Swaps that a neighbour has to make meanwhile. */
const NEIGHBOUR_SWAPS = 1000;

Deno.test({
  name: "RestoreTarget writes nothing outside while a neighbour swaps folders all the time",
  ignore: !descriptorsWork(),
  fn: async () => {
    await withFolderAsync(async (folder) => {
      const [out, outside] = [`${folder}/out`, `${folder}/outside`];
      for (const path of [out, outside]) Deno.mkdirSync(path, { mode: 0o700 });
      Deno.writeTextFileSync(`${outside}/secret`, "secret");
      const shared = new Int32Array(new SharedArrayBuffer(8));
      const neighbour = new Worker(new URL("./swapping_neighbour.ts", import.meta.url), { type: "module" });
      const hear = () =>
        new Promise<unknown>((resolve, reject) => {
          neighbour.onmessage = (event) => resolve(event.data);
          neighbour.onerror = (event) => reject(new Error(event.message));
        });
      using target = RestoreTarget.open({ directory: out, existing: "overwrite", onProblem: () => {} });
      target.makeDirectory("a/b");
      const ready = hear();
      neighbour.postMessage({ out, outside, shared });
      assertEquals(await ready, "ready");
      // Until both have had their way, however long it takes.
      let done = 0;
      for (let i = 0; done === 0 || Atomics.load(shared, 1) < NEIGHBOUR_SWAPS; i++) {
        done += Number(target.writeFile(file, `a/b/f${i}`, whole));
        target.removeFile(`a/b/f${i - 1}`);
        target.hardlink(`a/b/h${i}`, `a/b/f${i}`);
        for (const path of ["a/b", "a"]) target.finishDirectory(directory, path);
        // More folders than are kept open, so that `a` is entered again and again.
        for (let j = 0; j < 65; j++) target.makeDirectory(`o${j}`);
      }
      const told = hear();
      Atomics.store(shared, 0, 1);
      assertEquals(await told, "done");
      neighbour.terminate();
      assertEquals(treeOf(outside), ["secret"]);
      assertEquals(Deno.readTextFileSync(`${outside}/secret`), "secret");
      assertEquals(modeAt(outside), "700");
    });
  },
});
