/** Where a secret must never be seen: in lists of processes, in JSON, in reports, in errors. */
import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { inFolder, LINUX, testWith } from "./conditions.ts";
import { expectExit, PASSPHRASE, QUICK, run, start } from "./program.ts";
import { writeTree } from "./trees.ts";

const SECRET = /plum anchors|drift by/;
const KEYLESS = { env: { COFFER_PASSPHRASE: undefined } };

/** The arguments of every process that runs now, and the environment of those that the program started. */
function processes(program: number): { readonly arguments: string[]; readonly children: number } {
  const decoder = new TextDecoder();
  const found: string[] = [];
  let children = 0;
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      found.push(decoder.decode(Deno.readFileSync(`/proc/${name}/cmdline`)));
      const status = Deno.readTextFileSync(`/proc/${name}/status`);
      if (new RegExp(`^PPid:\\s+${program}$`, "m").test(status)) children++;
    } catch {
      // It has ended meanwhile.
    }
  }
  return { arguments: found, children };
}

testWith(LINUX, "no list of processes shows a passphrase, however it is given", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { secret: PASSPHRASE, "show": `cat "$1"; sleep 1` });
    const ways: readonly (readonly [string, readonly string[], boolean])[] = [
      ["a file", ["--passphrase-file", "secret"], false],
      ["a command", ["--passphrase-command", "sh show secret"], true],
    ];
    for (const [what, by, hasChild] of ways) {
      const child = start(["create", ...QUICK, "x.coffer", "--force", "--stdin-name", "in", ...by], {
        cwd: folder,
        ...KEYLESS,
      });
      let sawChild = false;
      // While the passphrase is fetched, used, and for a while after that.
      for (let i = 0; i < 40; i++) {
        const now = processes(child.pid);
        sawChild ||= now.children > 0;
        for (const line of now.arguments) assert(!SECRET.test(line), `${what}: ${line}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assertEquals(sawChild, hasChild, what);
      await child.stdin.close();
      const { code, stderr } = await child.output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
    }
  });
});

Deno.test("a passphrase command gets no shell unless it is one", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { in: "content" });
    const make = (command: string) =>
      run(["create", ...QUICK, "x.coffer", "in", "--force", "--passphrase-command", command], {
        cwd: folder,
        ...KEYLESS,
      });
    // To a shell this would be two commands, and a variable.
    assertEquals((await make(`echo '${PASSPHRASE}'; touch made`)).code, 0);
    assertEquals((await run(["list", "made"], { cwd: folder })).code, 1, "no file was made");
    const plain = await run(["list", "x.coffer", "--passphrase-command", `echo '${PASSPHRASE};' touch made`], {
      cwd: folder,
      ...KEYLESS,
    });
    assertEquals(plain.code, 0, plain.err);
    assertEquals((await make(`sh -c 'echo ${PASSPHRASE} && touch made'`)).code, 0);
    assert((await Deno.stat(`${folder}/made`)).isFile);
  });
});

Deno.test("no report, no JSON and no error shows a secret", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { in: "content" });
    await expectExit(0, ["keygen", "-q", "-o", "k.key"], { cwd: folder });
    const keyText = (await Deno.readTextFile(`${folder}/k.key`)).trim();
    const shown: string[] = [];
    const say = async (code: number, args: readonly string[], env: Record<string, string | undefined> = {}) => {
      const outcome = await run(args, { cwd: folder, env: { COFFER_DEBUG: "1", ...env } });
      assertEquals(outcome.code, code, outcome.err);
      shown.push(outcome.out, outcome.err);
    };
    await say(0, ["create", ...QUICK, "a.coffer", "in", "-v", "--json"]);
    await say(0, ["keys", "add", ...QUICK, "a.coffer", "--new-key-file", "k.key", "-v", "--json"]);
    for (const verb of ["list", "verify", "info"]) await say(0, [verb, "a.coffer", "-v", "--json"]);
    await say(0, ["keys", "list", "a.coffer", "--json"]);
    await say(0, ["list", "a.coffer", "-k", "k.key", "-v"]);
    await say(11, ["list", "a.coffer"], { COFFER_PASSPHRASE: `${PASSPHRASE} and more` });
    await say(11, ["list", "a.coffer"], { COFFER_PASSPHRASE: `${PASSPHRASE}\nsecond line` });
    await say(1, ["create", "a.coffer", "in", ...QUICK]);
    const damaged = Deno.readFileSync(`${folder}/a.coffer`);
    damaged.fill(0x55, 8192, 8400);
    Deno.writeFileSync(`${folder}/b.coffer`, damaged);
    await say(12, ["cat", "b.coffer", "in"]);
    // A key file with a typo is not shown either.
    writeTree(folder, { "typo.key": `${keyText.slice(0, -1)}${keyText.endsWith("q") ? "p" : "q"}\n` });
    await say(11, ["list", "a.coffer", "-k", "typo.key"]);
    for (const text of shown) {
      assertNotMatch(text, SECRET);
      assert(!text.includes(keyText) && !text.includes(keyText.slice(-40)), text);
    }
    assertMatch(shown.join(""), /"schema":"coffer\/create\/1"/);
  });
});
