/** What people get wrong, coming from other archivers, and what they are told. */
import { assertStringIncludes } from "@std/assert";
import { inFolder } from "./conditions.ts";
import { create, expectExit } from "./program.ts";
import { writeTree } from "./trees.ts";

const MISTAKES: readonly (readonly [args: readonly string[], code: number, hint: string])[] = [
  [["list", "a.coffer", "TREE/README.MD"], 1, 'Did you mean "tree/Readme.md"?'],
  [["list", "a.coffer", "readme.md"], 1, 'Did you mean "tree/Readme.md"?'],
  [["list", "a.coffer", "nothing"], 1, "coffer list ARCHIVE shows the paths"],
  [["cat", "a.coffer", "tree/readme.md"], 1, 'Did you mean "tree/Readme.md"?'],
  [["extract", "a.coffer", "outdir"], 1, "-C DIR"],
  [["a.coffer"], 2, "coffer list a.coffer"],
  [["cvf", "a.coffer", "tree"], 2, "There is no -f"],
  [["create", "tree/Readme.md", "a.coffer"], 1, "ARCHIVE comes first"],
  [["create", "a.coffer", "tree"], 1, "--force replaces it"],
];

Deno.test("mistakes that are easily made are answered with what to do", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "tree/Readme.md": "text" });
    await create(`${folder}/a.coffer`, ["tree"], { cwd: folder });
    for (const [args, code, hint] of MISTAKES) {
      assertStringIncludes(
        (await expectExit(code, args, { cwd: folder })).err,
        hint,
      );
    }
  });
});
