/** Restores and walks with scoped permissions only; for checked_mode_test.ts. */
import { RestoreTarget } from "../../src/disk/restore.ts";
import { walk } from "../../src/disk/walk.ts";
import { bytesOf, rowOf } from "./surroundings.ts";

const folder = Deno.makeTempDirSync({ dir: "/tmp", prefix: "coffer-test-" });
try {
  const problems: string[] = [];
  using target = RestoreTarget.open({
    directory: `${folder}/out`,
    onProblem: ({ path, reason }) => problems.push(`${path}: ${reason}`),
  });
  target.writeFile(rowOf({ size: 3 }), "a/f", [{ fileOffset: 0, bytes: bytesOf("abc") }]);
  target.hardlink("a/g", "a/f");
  target.fifo(rowOf({ kind: "fifo" }), "a/p");
  target.symlink(rowOf({ kind: "symlink", link: "f" }), "a/s");
  target.finish();
  const rows = [...walk([{ location: `${folder}/out`, stored: "out" }])].map(({ row }) => `${row.kind} ${row.path}`);
  const expected = ["directory out", "directory out/a", "file out/a/f", "hardlink out/a/g"];
  if (rows.join() !== expected.join()) throw new Error(rows.join());
  if (problems.length !== 2 || problems.some((problem) => !/permission/.test(problem))) {
    throw new Error(problems.join());
  }
  console.log(target.containment, "done");
} finally {
  Deno.removeSync(folder, { recursive: true });
}
