/** What only a terminal sees: questions, progress, and refusals to show what is nothing to look at. */
import { assert, assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { inFolder, TERMINAL, testWith } from "./conditions.ts";
import { create, expectExit, PASSPHRASE, QUICK, start, together } from "./program.ts";
import { dialogue } from "./terminal.ts";
import { exists, leftovers, randomBytes, writeTree } from "./trees.ts";

const ASK_NEW = "New passphrase";
const ASK_AGAIN = "The same again";
const ASK = "Passphrase for";

testWith(TERMINAL, "create asks twice on the terminal, without showing what is typed", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { in: "content" });
    const made = await dialogue(["create", ...QUICK, "x.coffer", "in"], {
      cwd: folder,
      steps: [{ wait: ASK_NEW, type: `${PASSPHRASE}\r` }, { wait: ASK_AGAIN, type: `${PASSPHRASE}\r` }],
    });
    assertEquals([made.code, made.missing, made.echoes], [0, null, true], made.screen);
    assertNotMatch(made.screen, /plum/);
    assertNotMatch(made.screen, /weak/);
    const opened = await dialogue(["list", "x.coffer"], {
      cwd: folder,
      steps: [{ wait: ASK, type: `${PASSPHRASE}\n` }],
    });
    assertEquals([opened.code, opened.missing, opened.echoes], [0, null, true], opened.screen);
    assertMatch(opened.screen, /^in$/m);
    assertNotMatch(opened.screen, /plum/);
  });
});

testWith(
  TERMINAL,
  "what is typed ahead or pasted in one go is never shown, and answers the questions in turn",
  async () => {
    await inFolder(async (folder) => {
      writeTree(folder, { in: "content" });
      const made = await dialogue(["create", ...QUICK, "x.coffer", "in"], {
        cwd: folder,
        steps: [{ wait: ASK_NEW, type: `${PASSPHRASE}\r${PASSPHRASE}\r` }],
      });
      assertEquals([made.code, made.missing], [0, null], made.screen);
      assertNotMatch(made.screen, /plum/);
      assertEquals((await expectExit(0, ["list", `${folder}/x.coffer`])).out, "in\n");
    });
  },
);

testWith(
  TERMINAL,
  "passphrases that differ are asked for again, three times at most, and then nothing is left",
  async () => {
    await inFolder(async (folder) => {
      writeTree(folder, { in: "content" });
      const differing = [{ wait: ASK_NEW, type: "one\r" }, { wait: ASK_AGAIN, type: "two\r" }];
      const [never, second, editing] = await together([
        dialogue(["create", ...QUICK, "never.coffer", "in"], {
          cwd: folder,
          steps: [...differing, ...differing, ...differing],
        }),
        dialogue(["create", ...QUICK, "second.coffer", "in"], {
          cwd: folder,
          steps: [
            ...differing,
            { wait: ASK_NEW, type: `${PASSPHRASE}\r` },
            { wait: ASK_AGAIN, type: `${PASSPHRASE}\r` },
          ],
        }),
        // Backspace takes a whole character away, Ctrl-U the line; arrows are swallowed; an empty line is no
        // passphrase.
        dialogue(["create", ...QUICK, "editing.coffer", "in"], {
          cwd: folder,
          steps: [
            { wait: ASK_NEW, type: "\r" },
            { wait: ASK_NEW, type: `nonsense\x15${PASSPHRASE}\u00e9\x7f\r` },
            { wait: ASK_AGAIN, type: `\x1b[A${PASSPHRASE.slice(0, -1)}xx\x08\x7f${PASSPHRASE.slice(-1)}\r` },
          ],
        }),
      ]);
      assertEquals([never.code, never.missing], [2, null], never.screen);
      assertEquals(never.screen.match(/not the same/g)?.length, 3);
      assertEquals([second.code, second.missing], [0, null], second.screen);
      assertEquals([editing.code, editing.missing], [0, null], editing.screen);
      assert(!exists(`${folder}/never.coffer`));
      assertEquals(leftovers(folder), []);
      for (const name of ["second", "editing"]) await expectExit(0, ["list", `${folder}/${name}.coffer`]);
    });
  },
);

testWith(
  TERMINAL,
  "Ctrl-C, Ctrl-D and signals at the question end the work and give the terminal its echo back",
  async () => {
    await inFolder(async (folder) => {
      writeTree(folder, { in: "content" });
      await create("x.coffer", ["in"], { cwd: folder });
      const ends = [
        [130, { wait: ASK_NEW, type: "half of it\x03" }],
        [130, { wait: ASK_NEW, signal: "SIGTERM" }],
        [130, { wait: ASK_NEW, signal: "SIGHUP" }],
        [2, { wait: ASK_NEW, type: "\x04" }],
      ] as const;
      const tried = ends.map(async ([code, step], i) => {
        const ended = await dialogue(["create", ...QUICK, `y${i}.coffer`, "in"], { cwd: folder, steps: [step] });
        assertEquals([ended.code, ended.missing, ended.echoes], [code, null, true], ended.screen);
        assertNotMatch(ended.screen, /half of it/);
        assert(!exists(`${folder}/y${i}.coffer`));
      });
      tried.push((async () => {
        const ended = await dialogue(["extract", "x.coffer", "-C", "out"], {
          cwd: folder,
          steps: [{ wait: ASK, type: "\x03" }],
        });
        assertEquals([ended.code, ended.echoes], [130, true], ended.screen);
        assert(!exists(`${folder}/out`));
      })());
      await together(tried);
      assertEquals(leftovers(folder), []);
    });
  },
);

testWith(
  TERMINAL,
  "a passphrase that does not open is asked for again, and after the third the exit code is 11",
  async () => {
    await inFolder(async (folder) => {
      writeTree(folder, { in: "content" });
      await create("x.coffer", ["in"], { cwd: folder });
      const wrong = { wait: ASK, type: "a mistake\r" };
      const right = { wait: ASK, type: `${PASSPHRASE}\r` };
      const [never, second, piped] = await together([
        dialogue(["extract", "x.coffer", "-C", "never"], { cwd: folder, steps: [wrong, wrong, wrong] }),
        dialogue(["extract", "x.coffer", "-C", "second"], { cwd: folder, steps: [wrong, right] }),
        // A pipe cannot be read again: what was read of it is kept.
        dialogue(["extract", "-", "-C", "piped"], {
          cwd: folder,
          steps: [wrong, wrong, right],
          redirect: { "0": `${folder}/x.coffer` },
        }),
      ]);
      assertEquals([never.code, never.missing, never.echoes], [11, null, true], never.screen);
      assertEquals([second.code, second.missing, second.echoes], [0, null, true], second.screen);
      assertEquals([piped.code, piped.missing, piped.echoes], [0, null, true], piped.screen);
      for (const { screen } of [never, second, piped]) assertNotMatch(screen, /a mistake|plum/);
      assert(!exists(`${folder}/never`) && exists(`${folder}/second/in`) && exists(`${folder}/piped/in`));
    });
  },
);

testWith(TERMINAL, "questions go to the terminal wherever standard input and output lead", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { in: "content" });
    const twice = [{ wait: ASK_NEW, type: `${PASSPHRASE}\r` }, { wait: ASK_AGAIN, type: `${PASSPHRASE}\r` }];
    const made = await dialogue(["create", ...QUICK, "-", "in"], {
      cwd: folder,
      steps: twice,
      redirect: { "1": `${folder}/x.coffer`, "2": `${folder}/messages` },
    });
    assertEquals([made.code, made.missing], [0, null], made.screen);
    assertNotMatch(Deno.readTextFileSync(`${folder}/messages`), /assphrase/);
    const listed = await dialogue(["list", "-"], {
      cwd: folder,
      steps: [{ wait: ASK, type: `${PASSPHRASE}\r` }],
      redirect: { "0": `${folder}/x.coffer`, "1": `${folder}/list` },
    });
    assertEquals([listed.code, listed.missing], [0, null], listed.screen);
    assertEquals(Deno.readTextFileSync(`${folder}/list`), "in\n");
  });
});

testWith(
  TERMINAL,
  "an archive is neither written to a terminal nor read from one, and nothing is asked first",
  async () => {
    await inFolder(async (folder) => {
      writeTree(folder, { in: "content" });
      const tried = [
        [["create", "-", "in"], "Cannot write an archive to a terminal"],
        [["list", "-"], "Cannot read an archive from a terminal"],
        [["extract", "-"], "Cannot read an archive from a terminal"],
        [["verify", "-"], "Cannot read an archive from a terminal"],
      ] as const;
      await together(tried.map(async ([args, text]) => {
        const refused = await dialogue(args, { cwd: folder });
        assertEquals(refused.code, 2, refused.screen);
        assertStringIncludes(refused.screen, text);
        assertNotMatch(refused.screen, /assphrase/);
      }));
      const planned = await dialogue(["create", "-", "in", "--dry-run"], { cwd: folder });
      assertEquals(planned.code, 0, planned.screen);
    });
  },
);

testWith(TERMINAL, "names on a terminal are escaped", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "\x1b]0;title\x07\u202e": "content" });
    await create("x.coffer", ["--files-from", "-", "-0"], { cwd: folder, stdin: "\x1b]0;title\x07\u202e\0" });
    const env = { COFFER_PASSPHRASE: PASSPHRASE };
    for (const args of [["list", "x.coffer"], ["list", "-l", "x.coffer"], ["extract", "-v", "x.coffer"]]) {
      const { code, screen } = await dialogue(args, { cwd: folder, env });
      assert(code === 0 || code === 3, screen);
      assertStringIncludes(screen, "\\x1b]0;title\\x07\\u{202e}");
      assert(!screen.includes("\x1b]0;") && !screen.includes("\u202e"));
    }
  });
});

/** Writes more than three blocks, with a pause longer than a second before the second and the last. */
async function writeSlowly(writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>): Promise<void> {
  const piece = randomBytes(3 * 2 ** 20);
  for (const pause of [0, 1100, 1100]) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    await writer.write(piece);
  }
  await writer.close();
}

testWith(TERMINAL, "progress shows on a terminal when work lasts, within its width, and leaves no trace", async () => {
  await inFolder(async (folder) => {
    const args = ["create", ...QUICK, "--jobs", "1", "x.coffer", "--force", "--stdin-name", "a\u202eb"];
    const onTerminal = async (...more: string[]) => {
      const fifo = `${folder}/${crypto.randomUUID()}`;
      await new Deno.Command("mkfifo", { args: [fifo] }).output();
      const shown = dialogue([...args, ...more], {
        cwd: folder,
        env: { COFFER_PASSPHRASE: PASSPHRASE },
        columns: 60,
        redirect: { "0": fifo },
      });
      await writeSlowly((await Deno.open(fifo, { write: true })).writable.getWriter());
      const { code, screen } = await shown;
      assertEquals(code, 0, screen);
      return screen;
    };
    const inPipe = async (...more: string[]) => {
      const child = start([...args, ...more], { cwd: folder });
      const output = child.output();
      await writeSlowly(child.stdin.getWriter());
      const { code, stderr } = await output;
      assertEquals(code, 0);
      return new TextDecoder().decode(stderr);
    };
    const [screen, never, quiet, piped, always] = await together([
      onTerminal(),
      onTerminal("--progress", "never"),
      onTerminal("-q"),
      inPipe(),
      inPipe("--progress=always"),
    ]);
    // Every drawing starts with the cursor at the left and the line erased.
    const drawn = screen.split("\r\x1b[K").slice(1).filter((line) => line.startsWith("Storing "));
    assert(drawn.length > 0, "No progress was drawn");
    for (const line of drawn) assert(line.length < 60 && !line.includes("\n") && !line.includes("\u202e"), line);
    assertMatch(drawn.at(-1) as string, /^Storing [\d.]+ MiB, \d+ files?, [\d.]+ [KM]iB\/s/);
    assertMatch(screen.split("\r\x1b[K").at(-1) ?? "", /^coffer: stored 1 entry/);
    for (const silent of [never, quiet, piped]) assertNotMatch(silent, /Storing/);
    assertMatch(always, /^Storing .*\n/m);
  });
});
