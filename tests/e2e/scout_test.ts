/** An update of so many files that another thread goes ahead of the walk. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { inFolder } from "./conditions.ts";
import { create, expectExit, jsonLines, together } from "./program.ts";

const FILES = 21_000;

Deno.test("update of many files appends the same whether a scout goes ahead or one thread does all", async () => {
  await inFolder(async (folder) => {
    const at = { cwd: folder };
    for (let i = 0; i < FILES; i++) {
      if (i % 100 === 0) Deno.mkdirSync(`${folder}/in/${i % 700}/${i}`, { recursive: true });
      Deno.writeTextFileSync(`${folder}/in/${i % 700 - i % 100}/${i - i % 100}/f${i}`, `${i}`);
    }
    await create("a.coffer", ["in"], at);
    Deno.copyFileSync(`${folder}/a.coffer`, `${folder}/b.coffer`);
    Deno.writeTextFileSync(`${folder}/in/0/0/f7`, "another one");
    Deno.renameSync(`${folder}/in/100/100/f101`, `${folder}/in/moved`);
    Deno.removeSync(`${folder}/in/200/200`, { recursive: true });
    for (let i = 0; i < 1200; i++) Deno.writeTextFileSync(`${folder}/in/300/300/g${i}`, "");
    const [ahead, alone] = await together([
      expectExit(0, ["update", "--json", "a.coffer", "in"], at),
      expectExit(0, ["update", "--json", "--jobs", "1", "b.coffer", "in"], at),
    ]);
    const [one, other] = [ahead, alone].map(({ out }) => jsonLines(out)[0]);
    for (const field of ["appended", "stored", "kept", "moved", "gone", "files", "bytes", "problems", "changed"]) {
      assertEquals(one?.[field], other?.[field], field);
    }
    assertEquals([one?.moved, one?.problems], [1, []]);
    const [first, second, same] = await together([
      expectExit(0, ["list", "--json", "a.coffer"], at),
      expectExit(0, ["list", "--json", "b.coffer"], at),
      expectExit(0, ["verify", "--against", ".", "a.coffer"], at),
    ]);
    assertEquals(first.out, second.out);
    assertStringIncludes(same.err, "no difference");
    const again = await expectExit(0, ["update", "a.coffer", "in"], at);
    assertStringIncludes(again.err, "nothing has changed");
  });
});
