/** Disks that fill up or fail in the middle of a restore. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { descriptorsWork } from "../../src/disk/descriptors.ts";
import { type DiskCalls, diskCalls } from "../../src/disk/disk_calls.ts";
import { type RestoreProblem, RestoreTarget } from "../../src/disk/restore.ts";
import { systemCode } from "../../src/disk/system_error.ts";
import { bytesOf, IS_ROOT, isThere, rowOf, run, treeOf, withFolder } from "./surroundings.ts";

const CONTENT = bytesOf("content of a file");
const file = rowOf({ size: CONTENT.length, mode: 0o640 });

/** The system's calls, the `nth` of which fails with `code`; those that can only be answered yes or no included. */
function failingCalls(nth: number, code: string, failed: (call: string) => void): DiskCalls {
  let count = 0;
  return new Proxy(diskCalls, {
    get(calls, name: keyof DiskCalls) {
      const call = calls[name] as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        if (name !== "close" && ++count === nth) {
          failed(name);
          throw Object.assign(new Error(`${code}: on purpose`), { code });
        }
        return call(...args);
      };
    },
  });
}

/** A bit of everything; returns whether the hard link is made or told of, or left to the caller to copy. */
function restoreAll(target: RestoreTarget): boolean {
  target.makeDirectory("a/b");
  target.writeFile(file, "a/b/whole", [{ fileOffset: 0, bytes: CONTENT }]);
  const part = target.beginFile("a/part");
  part?.writeAt(0, CONTENT.subarray(0, 5));
  part?.writeAt(5, CONTENT.subarray(5));
  part?.finish(file);
  target.writeFile(file, "old", [{ fileOffset: 0, bytes: CONTENT }]);
  const linked = target.hardlink("a/linked", "a/part");
  target.symlink(rowOf({ kind: "symlink", link: "x" }), "a/symlink");
  target.finishDirectory(rowOf({ kind: "directory", mode: 0o755 }), "a/b");
  target.finishDirectory(rowOf({ kind: "directory", mode: 0o755 }), "a");
  return linked;
}

/** What came of a run: the call that failed, what was thrown or told, and whether a copy is to be made. */
interface Run {
  readonly call: string;
  readonly thrown: unknown;
  readonly problems: readonly string[];
  readonly copy: boolean;
}

/** Runs it with the `nth` call failing. */
function runFailing(out: string, nth: number, code: string): Run {
  let call = "";
  let copy = false;
  let thrown: unknown;
  const problems: string[] = [];
  try {
    const calls = failingCalls(nth, code, (name) => call = name);
    const onProblem = ({ kind, path }: RestoreProblem) => void problems.push(`${kind} ${path}`);
    using target = RestoreTarget.open({ directory: out, existing: "overwrite", calls, onProblem });
    copy = !restoreAll(target);
    target.finish();
  } catch (error) {
    thrown = error;
  }
  return { call, thrown, problems, copy };
}

const openDescriptors = () => descriptorsWork() ? [...Deno.readDirSync("/proc/self/fd")].length : 0;

/** No file under a final name is anything but whole, and no temporary one is left. */
function checkNothingHalf(out: string, what: string): void {
  for (const path of treeOf(out)) {
    assert(!path.includes(".coffer-tmp"), `${what} left ${path}`);
    const info = Deno.lstatSync(`${out}/${path}`);
    if (!info.isFile) continue;
    const content = Deno.readTextFileSync(`${out}/${path}`);
    if (content !== "old") assertEquals(content, "content of a file", `${what}, ${path}`);
  }
}

for (const code of ["ENOSPC", "EIO"]) {
  Deno.test(`RestoreTarget leaves nothing of a fresh target whichever call fails with ${code}`, () => {
    const failed = new Set<string>();
    const before = openDescriptors();
    for (let nth = 1;; nth++) {
      let finished = false;
      withFolder((folder) => {
        const { call, thrown, problems } = runFailing(`${folder}/out`, nth, code);
        finished = call === "";
        failed.add(call);
        const what = `call ${nth} (${call})`;
        assertEquals(problems, [], what);
        // Removing a file that is no longer wanted is the one thing whose failure need not be known.
        if (!finished && thrown === undefined) assertEquals(call, "unlink");
        if (thrown !== undefined) {
          assertEquals(systemCode(thrown), code, what);
          assertEquals(treeOf(folder), [], what);
        }
      });
      assertEquals(openDescriptors(), before, `call ${nth}`);
      if (finished) break;
    }
    for (
      const call of ["open", "write", "makeDirectory", "link", "symlink", "setMode", "setTimes", "setLinkMetadata"]
    ) {
      assert(failed.has(call), `${call} never failed`);
    }
  });

  Deno.test(`RestoreTarget leaves no half file in an existing target whichever call fails with ${code}`, () => {
    const before = openDescriptors();
    for (let nth = 1;; nth++) {
      let finished = false;
      withFolder((folder) => {
        Deno.writeTextFileSync(`${folder}/old`, "old");
        const { call, thrown } = runFailing(folder, nth, code);
        finished = call === "";
        if (thrown !== undefined) assertEquals(systemCode(thrown), code);
        if (call !== "unlink" && call !== "lookAt") checkNothingHalf(folder, `call ${nth} (${call})`);
      });
      assertEquals(openDescriptors(), before, `call ${nth}`);
      if (finished) break;
    }
  });
}

Deno.test("RestoreTarget goes on with the next entry when a call fails for one only", () => {
  const failed = new Set<string>();
  for (let nth = 1;; nth++) {
    let finished = false;
    withFolder((folder) => {
      Deno.mkdirSync(`${folder}/out`);
      const { call, thrown, problems, copy } = runFailing(`${folder}/out`, nth, "EACCES");
      finished = call === "";
      failed.add(call);
      // Without the target itself there is nothing to go on with.
      if (nth <= 2 && thrown !== undefined) return;
      assertEquals(thrown, undefined, `call ${nth} (${call})`);
      if (!finished && call !== "unlink") assert(problems.length > 0 || copy, `call ${nth} (${call}) was not told`);
      checkNothingHalf(`${folder}/out`, `call ${nth} (${call})`);
      assert(problems.length <= 4, `call ${nth} (${call}): ${problems}`);
    });
    if (finished) break;
  }
  assert(failed.size > 8, [...failed].join());
});

Deno.test("RestoreTarget writes everything over short writes", () => {
  withFolder((folder) => {
    const calls: DiskCalls = {
      ...diskCalls,
      write: (descriptor, bytes, position) => diskCalls.write(descriptor, bytes.subarray(0, 3), position),
    };
    const problems: RestoreProblem[] = [];
    using target = RestoreTarget.open({ directory: folder, calls, onProblem: (problem) => problems.push(problem) });
    restoreAll(target);
    for (const path of ["a/b/whole", "a/part", "old"]) {
      assertEquals(Deno.readTextFileSync(`${folder}/${path}`), "content of a file");
    }
    assertEquals(problems, []);
  });
});

Deno.test("RestoreTarget.writeFile() does not loop on a system that takes no bytes", () => {
  withFolder((folder) => {
    using target = RestoreTarget.open({
      directory: folder,
      calls: { ...diskCalls, write: () => 0 },
      onProblem: () => {},
    });
    assertThrows(() => restoreAll(target), Error, "took no bytes");
    assertEquals(treeOf(folder), ["a/", "a/b/"]);
  });
});

Deno.test("RestoreTarget copies where there are no hard links, and still replaces nothing", () => {
  withFolder((folder) => {
    const calls: DiskCalls = {
      ...diskCalls,
      link() {
        throw Object.assign(new Error("EPERM: no hard links"), { code: "EPERM" });
      },
    };
    const problems: string[] = [];
    const onProblem = ({ kind, path }: RestoreProblem) => void problems.push(`${kind} ${path}`);
    using target = RestoreTarget.open({ directory: folder, calls, onProblem });
    const part = target.beginFile("part");
    part?.writeAt(0, CONTENT);
    assertEquals(part?.finish(file), true);
    assertEquals(target.hardlink("linked", "part"), false);
    const late = target.beginFile("late");
    Deno.writeTextFileSync(`${folder}/late`, "theirs");
    assertEquals(late?.finish(file), false);
    assertEquals(problems, ["exists late"]);
    assertEquals(treeOf(folder), ["late", "part"]);
    assertEquals(Deno.readTextFileSync(`${folder}/late`), "theirs");
  });
});

Deno.test("RestoreTarget throws when a real disk is full, and cleans up", () => {
  if (!IS_ROOT || Deno.build.os !== "linux") {
    console.warn("NOT TESTED: only root can mount a disk small enough to fill");
    return;
  }
  withFolder((folder) => {
    const disk = `${folder}/disk`;
    Deno.mkdirSync(disk);
    run("mount", "-t", "tmpfs", "-o", "size=1m", "none", disk);
    try {
      const bytes = new Uint8Array(300_000).fill(1);
      const row = rowOf({ size: bytes.length });
      for (const fresh of [true, false]) {
        const out = fresh ? `${disk}/out` : disk;
        {
          using target = RestoreTarget.open({ directory: out, onProblem: () => {} });
          const fill = () => {
            for (let i = 0; i < 10; i++) target.writeFile(row, `f${i}`, [{ fileOffset: 0, bytes }]);
          };
          assertEquals(systemCode(assertThrows(fill)), "ENOSPC");
          const part = target.beginFile("part");
          const grow = () => {
            for (let i = 0; i < 10; i++) part?.writeAt(i * bytes.length, bytes);
          };
          assertEquals(systemCode(assertThrows(grow)), "ENOSPC");
          assertEquals(part?.finish(row), false);
        }
        if (fresh) assertEquals(treeOf(disk), []);
        else for (const path of treeOf(disk)) assertEquals(Deno.lstatSync(`${disk}/${path}`).size, bytes.length);
        assert(!isThere(`${disk}/part`));
      }
    } finally {
      run("umount", disk);
    }
  });
});
