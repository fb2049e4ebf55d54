/** The same promises with less than all permissions, where no descriptor has a path. */
import { assert, assertEquals, assertMatch } from "@std/assert";

const PERMISSIONS = ["--allow-read", "--allow-write", "--allow-env", "--allow-sys", "--allow-run"];
const FILES = ["content", "metadata", "restore", "restore_existing", "restore_faults", "restore_security", "walk"];

Deno.test({
  name: "the disk layer keeps its promises without descriptors",
  // Within the run below, the tests are there already.
  ignore: Deno.permissions.querySync({ name: "net" }).state !== "granted",
  fn: async () => {
    const files = FILES.map((name) => new URL(`./${name}_test.ts`, import.meta.url).pathname);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "--no-check", ...PERMISSIONS, ...files],
      env: { NO_COLOR: "1" },
    }).output();
    const output = new TextDecoder().decode(stdout);
    assertEquals(code, 0, output + new TextDecoder().decode(stderr));
    assertMatch(output, /RestoreTarget says how it is contained \.\.\. ok/);
    assert(Number(/(\d+) passed/.exec(output)?.[1]) > 200, output);
  },
});

Deno.test("the disk layer never asks for a permission on a terminal", async () => {
  const script = new URL("./narrow_child.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-read=.,/tmp", "--allow-write=/tmp", script],
  }).output();
  assertEquals([code, new TextDecoder().decode(stdout)], [0, "checked done\n"], new TextDecoder().decode(stderr));
});
