import { assertEquals } from "@std/assert";
import { enterCallersFolder } from "../../src/cli/paths.ts";

function entered(programFolder: string | undefined, callers: string | undefined, cwd: string): string | undefined {
  let folder: string | undefined;
  enterCallersFolder(programFolder, {
    env: (name) => name === "INIT_CWD" ? callers : undefined,
    cwd: () => cwd,
    realPath(path) {
      if (path === "/gone") throw new Deno.errors.NotFound(path);
      return path.replace("/link", "/coffer");
    },
    chdir: (path) => folder = path,
  });
  return folder;
}

Deno.test("enterCallersFolder() goes back to where a task was called", () => {
  assertEquals(entered("/coffer", "/home/ann", "/coffer"), "/home/ann");
  assertEquals(entered("/link", "/home/ann", "/coffer"), "/home/ann");
});

Deno.test("enterCallersFolder() stays when the variable comes from somebody else's task", () => {
  assertEquals(entered("/coffer", "/home/ann", "/other"), undefined);
  assertEquals(entered("/coffer", undefined, "/coffer"), undefined);
  assertEquals(entered("/coffer", "", "/coffer"), undefined);
  assertEquals(entered(undefined, "/home/ann", "/coffer"), undefined);
  assertEquals(entered("/gone", "/home/ann", "/coffer"), undefined);
});
