/** Where passphrases come from, without a terminal. */
import { assert, assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { inFolder, installed, LINUX, POSIX, testWith } from "./conditions.ts";
import { create, environment, expectExit, jsonLines, PASSPHRASE, PROGRAM, QUICK, together } from "./program.ts";
import { exists, writeTree } from "./trees.ts";

const OTHER = "nine copper kettles sing at dusk";
/** No passphrase in the environment. */
const NONE = { COFFER_PASSPHRASE: undefined };

Deno.test("passphrases come from a file, standard input, a command and the environment, and mean the same", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { in: "content", "pass word": `${OTHER}\n`, bare: OTHER });
    const at = { cwd: folder, env: NONE };
    const show = `${Deno.execPath()} eval 'console.log("${OTHER}")'`;
    await together([
      create("file.coffer", ["in", "--passphrase-file", "pass word"], at),
      create("stdin.coffer", ["in", "--passphrase-file", "-"], { ...at, stdin: `${OTHER}\n` }),
      create("command.coffer", ["in", "--passphrase-command", show], at),
      create("env.coffer", ["in"], { cwd: folder, env: { COFFER_PASSPHRASE: OTHER } }),
    ]);
    // Each opens what another made.
    await together([
      expectExit(0, ["cat", "file.coffer", "in"], { cwd: folder, env: { COFFER_PASSPHRASE: OTHER } }),
      expectExit(0, ["cat", "stdin.coffer", "in", "--passphrase-command", show], at),
      expectExit(0, ["cat", "command.coffer", "in", "--passphrase-file", "bare"], at),
      expectExit(0, ["cat", "env.coffer", "in", "--passphrase-file", "-"], { ...at, stdin: OTHER }),
    ]);
  });
});

testWith([LINUX, installed("bash", "-c", "exit 0")], "a passphrase may come from a descriptor or a FIFO", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { in: "content" });
    await create("x.coffer", ["in"], { cwd: folder });
    const script = `printf %s "$SECRET" | "$@" list x.coffer --passphrase-file /dev/fd/0 &&
      "$@" list x.coffer --passphrase-file <(printf '%s\\n' "$SECRET")`;
    const { code, stdout } = await new Deno.Command("bash", {
      args: ["-c", script, "bash", ...PROGRAM],
      cwd: folder,
      clearEnv: true,
      env: environment({ ...NONE, SECRET: PASSPHRASE }),
    }).output();
    assertEquals([code, new TextDecoder().decode(stdout)], [0, "in\nin\n"]);
  });
});

Deno.test("an explicit key option overrides COFFER_PASSPHRASE, at create and at open", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { in: "content", other: OTHER });
    const archive = `${folder}/x.coffer`;
    await create(archive, ["in", "--passphrase-file", "other"], { cwd: folder });
    const [shown] = jsonLines((await expectExit(0, ["info", archive, "--json"], { env: NONE })).out);
    assertEquals((shown?.keys as unknown[]).length, 1);
    await together([
      expectExit(11, ["list", archive]),
      expectExit(11, ["info", archive]),
      expectExit(0, ["list", archive, "--passphrase-file", `${folder}/other`]),
    ]);
  });
});

testWith(
  POSIX,
  "a passphrase that cannot be used is refused before any work, with exit code 2 at create and 11 at open",
  async () => {
    await inFolder(async (folder) => {
      const at = { cwd: folder, env: NONE };
      writeTree(folder, {
        in: "content",
        empty: "",
        feed: "\n",
        lines: "two\nlines\n",
        feeds: `${PASSPHRASE}\n\n`,
        windows: `${PASSPHRASE}\r\n`,
        latin1: Uint8Array.of(0x66, 0xfc, 0x72),
        long: "x".repeat(1025),
        huge: "x".repeat(100_000),
        control: "bell\x07",
        folder: null,
      });
      await create("x.coffer", ["in"], { cwd: folder });
      const texts: Record<string, RegExp> = {
        empty: /it is empty/,
        feed: /it is empty/,
        lines: /more than one line/,
        feeds: /a line feed follows it/,
        windows: /carriage return/,
        latin1: /not valid UTF-8/,
        long: /1,?024 bytes/,
        huge: /over 4096 bytes/,
        control: /control character/,
        folder: /folder/,
        absent: /it does not exist/,
      };
      await together(
        Object.entries(texts).flatMap(([file, text]) => [
          expectExit(2, ["create", "y.coffer", "in", "--passphrase-file", file], at).then(({ err }) =>
            assertMatch(err, text)
          ),
          expectExit(11, ["list", "x.coffer", "--passphrase-file", file], at).then(({ err }) => assertMatch(err, text)),
        ]),
      );
      const commands: readonly (readonly [command: string, text: RegExp])[] = [
        ["false", /"false": it exited with 1/],
        ["no-such-program-anywhere", /"no-such-program-anywhere"/],
        ["true", /it is empty/],
        ["sh -c 'kill -9 $$'", /SIGKILL/],
        ["yes", /over 4096 bytes|more than one line/],
      ];
      // `yes` never ends by itself: it is cut off.
      await together(
        commands.slice(0, -1).flatMap(([command, text]) => [
          expectExit(2, ["create", "y.coffer", "in", "--passphrase-command", command], at).then(({ err }) =>
            assertMatch(err, text)
          ),
          expectExit(11, ["list", "x.coffer", "--passphrase-command", command], at),
        ]),
      );
      for (const value of ["", "two\nlines", "bell\x07"]) {
        await expectExit(2, ["create", "y.coffer", "in"], { cwd: folder, env: { COFFER_PASSPHRASE: value } });
        await expectExit(11, ["list", "x.coffer"], { cwd: folder, env: { COFFER_PASSPHRASE: value } });
      }
      assert(!exists(`${folder}/y.coffer`));
    });
  },
);

testWith(
  [POSIX, installed("setsid", "--version")],
  "without any passphrase and without a terminal, the message names the ways to give one",
  async () => {
    await inFolder(async (folder) => {
      writeTree(folder, { in: "content" });
      await create("x.coffer", ["in"], { cwd: folder });
      // setsid takes the terminal away that the tests may be run from.
      const at = { cwd: folder, env: NONE, before: ["setsid", "-w"] };
      const [made, opened] = await together([
        expectExit(2, ["create", "y.coffer", "in"], at),
        expectExit(11, ["list", "x.coffer"], at),
      ]);
      for (const { err } of [made, opened]) {
        assertStringIncludes(err, "there is no terminal");
        for (const way of ["--passphrase-file", "--passphrase-command", "COFFER_PASSPHRASE"]) {
          assertStringIncludes(err, way);
        }
      }
      assertStringIncludes(made.err, "--generate-passphrase");
      assert(!exists(`${folder}/y.coffer`));
    });
  },
);

Deno.test("--generate-passphrase shows on standard output what opens the archive, or on standard error for -", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { in: "content" });
    const at = { cwd: folder, env: NONE };
    const [plain, quiet, piped, json] = await together([
      create("plain.coffer", ["in", "--generate-passphrase"], at),
      create("quiet.coffer", ["in", "--generate-passphrase", "-q"], at),
      create("-", ["in", "--generate-passphrase"], at),
      create("json.coffer", ["in", "--generate-passphrase", "--json"], at),
    ]);
    assertMatch(plain.out, /^[a-z]+(?:-[a-z]+){6}\n$/);
    assertMatch(plain.err, /the passphrase, shown this once/);
    assertMatch(quiet.out, /^[a-z]+(?:-[a-z]+){6}\n$/);
    assertEquals(quiet.err, "");
    const words = /^[a-z]+(?:-[a-z]+){6}$/m;
    const shown = piped.err.match(words)?.[0] ?? "";
    Deno.writeFileSync(`${folder}/piped.coffer`, piped.bytes);
    assertEquals(jsonLines(json.out)[0]?.schema, "coffer/create/1");
    const made: readonly (readonly [name: string, passphrase: string])[] = [
      ["plain", plain.out.trim()],
      ["quiet", quiet.out.trim()],
      ["piped", shown],
      ["json", json.err.match(words)?.[0] ?? ""],
    ];
    assertEquals(new Set(made.map(([, passphrase]) => passphrase)).size, made.length);
    await together(made.map(async ([name, passphrase]) => {
      const { out } = await expectExit(0, ["list", `${folder}/${name}.coffer`], {
        env: { COFFER_PASSPHRASE: passphrase },
      });
      assertEquals(out, "in\n", name);
    }));
    // It is an option of create alone, and it does not let another key in.
    await expectExit(2, ["list", "plain.coffer", "--generate-passphrase"], at);
  });
});

Deno.test("a weak passphrase is warned about with a reason and never shown; a strong one is not", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { in: "content" });
    const weak = await create("weak.coffer", ["in"], { cwd: folder, env: { COFFER_PASSPHRASE: "password123" } });
    assertMatch(weak.err, /warning: the passphrase is weak: .+\ncoffer: hint: /);
    assertNotMatch(weak.err, /password123/);
    const strong = await create("strong.coffer", ["in"], { cwd: folder });
    assertNotMatch(strong.err, /weak/);
    // Nobody is told about it when opening: that would help only somebody who looks over the shoulder.
    const opened = await expectExit(0, ["list", "weak.coffer"], {
      cwd: folder,
      env: { COFFER_PASSPHRASE: "password123" },
    });
    assertEquals(opened.err, "");
  });
});

Deno.test("the same passphrase in another normalisation opens; blanks and capitals count", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { in: "content" });
    const composed = "caf\u00e9 with seven plum anchors";
    const at = (passphrase: string) => ({ cwd: folder, env: { COFFER_PASSPHRASE: passphrase } });
    await expectExit(0, ["create", ...QUICK, "x.coffer", "in"], at(composed));
    await together([
      expectExit(0, ["list", "x.coffer"], at("cafe\u0301 with seven plum anchors")),
      expectExit(11, ["list", "x.coffer"], at(`${composed} `)),
      expectExit(11, ["list", "x.coffer"], at(composed.toUpperCase())),
    ]);
  });
});
