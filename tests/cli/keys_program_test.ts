/** The commands about keys, run as programs. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";

const PROGRAM = fromFileUrl(new URL("../../cli.ts", import.meta.url));
const QUICK = ["--kdf-log-n", "15", "-q"];

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function coffer(cwd: string, ...args: string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", PROGRAM, ...args],
    cwd,
    env: Object.fromEntries(Object.entries(Deno.env.toObject()).filter(([name]) => name !== "COFFER_PASSPHRASE")),
    clearEnv: true,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

async function expectExit(code: number, cwd: string, ...args: string[]): Promise<Outcome> {
  const outcome = await coffer(cwd, ...args);
  assertEquals(outcome.code, code, `coffer ${args.join(" ")}: ${outcome.err}`);
  assert(!/internal error|^\s+at /m.test(outcome.err), outcome.err);
  return outcome;
}

/** A folder with a file to store, two passphrases, a key file, and an identity with its recipient. */
async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "coffer-keys-" });
  try {
    await Deno.writeTextFile(`${folder}/file`, "content\n");
    await Deno.writeTextFile(`${folder}/one`, "first maple lantern\n");
    await Deno.writeTextFile(`${folder}/two`, "second copper kettle\n");
    await expectExit(0, folder, "keygen", "-qo", "k.key");
    const { out } = await expectExit(0, folder, "keygen", "-q", "--identity", "-o", "me");
    await Deno.writeTextFile(`${folder}/me.pub`, out);
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("keygen writes private files that hold one key, shows the recipient, and overwrites nothing", async () => {
  await inFolder(async (folder) => {
    const key = await Deno.readTextFile(`${folder}/k.key`);
    assertMatch(key, /^COFFER-KEY-1[A-Z0-9]{58}\n$/);
    const identity = await Deno.readTextFile(`${folder}/me`);
    const recipient = await Deno.readTextFile(`${folder}/me.pub`);
    assertMatch(identity, /^# recipient: (coffer1[a-z0-9]+)\nCOFFER-IDENTITY-1[A-Z0-9]{58}\n$/);
    assert(identity.includes(recipient.trim()));
    if (Deno.build.os !== "windows") {
      for (const name of ["k.key", "me"]) assertEquals((await Deno.stat(`${folder}/${name}`)).mode! & 0o777, 0o600);
    }
    const { err } = await expectExit(1, folder, "keygen", "-o", "k.key");
    assertMatch(err, /exists already/);
    assertEquals(await Deno.readTextFile(`${folder}/k.key`), key);
    assertMatch((await expectExit(0, folder, "keygen", "-o", "-")).out, /^COFFER-KEY-1[A-Z0-9]{58}\n$/);
  });
});

Deno.test("an archive opens with each key it was made for, and messages tell typos from other kinds", async () => {
  await inFolder(async (folder) => {
    const made = ["--passphrase-file", "one", "--passphrase-file", "two", "-k", "k.key", "-r", "me.pub"];
    await expectExit(0, folder, "create", ...QUICK, "a.coffer", "file", ...made);
    for (const how of [["--passphrase-file", "two"], ["-k", "k.key"], ["-i", "me"]]) {
      assertEquals((await expectExit(0, folder, "cat", "a.coffer", "file", ...how)).out, "content\n");
    }
    await expectExit(0, folder, "keygen", "-qo", "other.key");
    const wrong = await expectExit(11, folder, "list", "a.coffer", "-k", "other.key");
    assertMatch(wrong.err, /the key given does not open it: tried 1 key file on one key slot/);
    assertMatch(
      (await expectExit(11, folder, "list", "a.coffer", "-k", "me")).err,
      /it is an identity, not a key file/,
    );
    assertMatch(
      (await expectExit(11, folder, "list", "a.coffer", "-i", "k.key")).err,
      /it is a key file, not an identity/,
    );
    assertMatch(
      (await expectExit(2, folder, "create", "b", "file", "-r", "me")).err,
      /it is an identity, not a recipient/,
    );
    assertMatch(
      (await expectExit(2, folder, "create", "b", "file", "-r", "nobody")).err,
      /does not exist, and it is no/,
    );
    const key = await Deno.readTextFile(`${folder}/k.key`);
    await Deno.writeTextFile(`${folder}/typo`, key.replace(/.\n$/, key.at(-2) === "Q" ? "P\n" : "Q\n"));
    const typo = await expectExit(11, folder, "list", "a.coffer", "-k", "typo");
    assertMatch(typo.err, /its checksum does not hold/);
    assert(!typo.err.includes(key.slice(12, 24)), "the key is shown");
  });
});

Deno.test("--both needs passphrase and key file together", async () => {
  await inFolder(async (folder) => {
    await expectExit(
      0,
      folder,
      "create",
      ...QUICK,
      "a.coffer",
      "file",
      "--both",
      "-k",
      "k.key",
      "--passphrase-file",
      "one",
    );
    await expectExit(0, folder, "list", "a.coffer", "-k", "k.key", "--passphrase-file", "one");
    const { err } = await expectExit(11, folder, "list", "a.coffer", "--passphrase-file", "one");
    assertMatch(err, /a passphrase together with a key file/);
    await expectExit(11, folder, "list", "a.coffer", "--passphrase-file", "two", "-k", "k.key");
    const shown = JSON.parse((await expectExit(0, folder, "keys", "list", "a.coffer", "--json")).out);
    assertEquals(shown.keys.map((key: { kind: string }) => key.kind), ["passphrase-and-key-file"]);
  });
});

Deno.test("keys add, change and remove work in place, and say what removal does not do", async () => {
  await inFolder(async (folder) => {
    await expectExit(0, folder, "create", ...QUICK, "a.coffer", "file", "--passphrase-file", "one");
    const before = await Deno.readFile(`${folder}/a.coffer`);
    const by = ["--passphrase-file", "one"];
    await expectExit(
      0,
      folder,
      "keys",
      "add",
      "a.coffer",
      ...by,
      "--new-key-file",
      "k.key",
      "--new-recipient",
      "me.pub",
    );
    const listed = await expectExit(0, folder, "keys", "list", "a.coffer", "-k", "k.key");
    assertMatch(listed.out, /^1: passphrase.*\n2: recipient[^\n]*\n3: key file; opened by the key given\n$/);
    const changed = await expectExit(0, folder, "keys", "change", "a.coffer", ...by, "--new-passphrase-file", "two");
    assertMatch(changed.err, /may have kept a copy/);
    await expectExit(11, folder, "list", "a.coffer", ...by);
    await expectExit(0, folder, "list", "a.coffer", "--passphrase-file", "two");
    assertMatch((await expectExit(2, folder, "keys", "remove", "a.coffer", "9", "-k", "k.key")).err, /keys 1 to 3/);
    assertMatch((await expectExit(0, folder, "keys", "remove", "a.coffer", "1", "2", "-k", "k.key")).err, /for ever/);
    await expectExit(11, folder, "list", "a.coffer", "-i", "me");
    assertMatch(
      (await expectExit(1, folder, "keys", "remove", "a.coffer", "1", "-k", "k.key")).err,
      /it is the last one/,
    );
    const after = await Deno.readFile(`${folder}/a.coffer`);
    assertEquals(after.length, before.length);
    assertEquals(after.subarray(8192), before.subarray(8192));
  });
});

Deno.test("two processes do not change keys at once: one is told, or waits", async () => {
  await inFolder(async (folder) => {
    await expectExit(0, folder, "create", "a.coffer", "file", "-k", "k.key", "-q");
    const add = ["keys", "add", "a.coffer", "-k", "k.key", "--new-passphrase-file", "one", "--kdf-log-n", "16"];
    const held = await Deno.open(`${folder}/a.coffer`, { read: true, write: true });
    await held.lock(true);
    assertMatch((await expectExit(1, folder, ...add)).err, /another program is changing it/);
    const waiting = expectExit(0, folder, ...add, "--lock-wait", "30");
    // Readers are not kept out.
    await expectExit(0, folder, "list", "a.coffer", "-k", "k.key");
    held.close();
    await waiting;
    // Both at once, each waiting for the other: neither loses what the other did.
    await Promise.all([1, 2, 3].map(() => expectExit(0, folder, ...add, "--lock-wait", "60")));
    const shown = JSON.parse((await expectExit(0, folder, "keys", "list", "a.coffer", "--json")).out);
    assertEquals([shown.keys.length, shown.generation], [5, 5]);
  });
});

Deno.test("keys backup and restore, and recovery words, bring back an archive whose first 64 KiB are gone", async () => {
  await inFolder(async (folder) => {
    const tree = `${folder}/tree`;
    await Deno.mkdir(tree);
    const contents = ["a", "b", "c"].map((name, i) => {
      const bytes = new Uint8Array(2_500_000);
      for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
      Deno.writeFileSync(`${tree}/${name}`, bytes);
      return [name, bytes, i] as const;
    });
    const by = ["--passphrase-file", "one"];
    await expectExit(0, folder, "create", ...QUICK, "a.coffer", "tree", ...by);
    await expectExit(0, folder, "create", ...QUICK, "other.coffer", "tree", ...by);
    const shown = await expectExit(0, folder, "keys", "backup", "a.coffer", ...by, "-o", "header", "--words");
    assertEquals(shown.out.trim().split("\n").length, 24);
    assertMatch(await Deno.readTextFile(`${folder}/header`), /^-----BEGIN COFFER HEADER-----\n/);
    await Deno.writeTextFile(`${folder}/words`, shown.out);
    const whole = await Deno.readFile(`${folder}/a.coffer`);
    const lost = whole.slice().fill(0, 0, 65_536);
    for (const name of ["x.coffer", "y.coffer"]) await Deno.writeFile(`${folder}/${name}`, lost);

    await expectExit(10, folder, "list", "x.coffer", ...by);
    const { err } = await expectExit(0, folder, "list", "x.coffer", "--recovery-words", "words");
    assertMatch(err, /header is lost/);
    assertMatch(err, /keys restore writes it anew/);
    const read = await expectExit(10, folder, "verify", "x.coffer", "--recovery-words", "words");
    assertMatch(read.err, /keys restore writes it anew/);
    await expectExit(0, folder, "extract", "x.coffer", "-C", "out", "--recovery-words", "words", "tree/b", "tree/c");
    for (const [name, bytes] of contents.slice(1)) {
      assertEquals(await Deno.readFile(`${folder}/out/tree/${name}`), bytes);
    }
    await expectExit(12, folder, "cat", "x.coffer", "tree/a", "--recovery-words", "words");

    await expectExit(0, folder, "keys", "restore", "x.coffer", "header", ...by);
    await expectExit(0, folder, "cat", "x.coffer", "tree/c", ...by);
    const anew = ["--recovery-words", "words", "--new-passphrase-file", "two", "--kdf-log-n", "15"];
    await expectExit(0, folder, "keys", "restore", "y.coffer", ...anew);
    await expectExit(0, folder, "cat", "y.coffer", "tree/c", "--passphrase-file", "two");
    assertMatch((await expectExit(1, folder, "keys", "restore", "y.coffer", ...anew)).err, /it is not lost/);
    const restored = await Deno.readFile(`${folder}/y.coffer`);
    assertEquals(restored.subarray(8192), lost.subarray(8192));

    assertMatch(
      (await expectExit(11, folder, "keys", "restore", "other.coffer", "header", ...by)).err,
      /another archive/,
    );
    assertMatch(
      (await expectExit(1, folder, "keys", "restore", "x.coffer", "file", ...by)).err,
      /no whole header backup/,
    );
    await expectExit(11, folder, "list", "other.coffer", "--recovery-words", "words");
  });
});

Deno.test("copy gives the same entries under a fresh archive key, and none of the old keys", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/tree/empty`, { recursive: true });
    await Deno.writeTextFile(`${folder}/tree/text`, "some text\n".repeat(50_000));
    await Deno.writeFile(`${folder}/tree/holes`, new Uint8Array(5_000_000).fill(7, 3_000_000, 3_000_100));
    await Deno.writeFile(`${folder}/tree/nothing`, new Uint8Array(0));
    await Deno.link(`${folder}/tree/text`, `${folder}/tree/text-2`);
    if (Deno.build.os !== "windows") await Deno.symlink("text", `${folder}/tree/soft`);
    const by = ["--passphrase-file", "one"];
    await expectExit(
      0,
      folder,
      "create",
      ...QUICK,
      "a.coffer",
      "tree",
      "file",
      ...by,
      "--label",
      "kept",
      "--suite",
      "aes-256-gcm",
    );
    await expectExit(0, folder, "keys", "backup", "a.coffer", ...by, "--words", "-q");
    const words = (await expectExit(0, folder, "keys", "backup", "a.coffer", ...by, "--words", "-q")).out;
    await Deno.writeTextFile(`${folder}/words`, words);
    await expectExit(0, folder, "copy", "a.coffer", "b.coffer", ...by, "--new-key-file", "k.key");
    await expectExit(11, folder, "list", "b.coffer", ...by);
    await expectExit(11, folder, "list", "b.coffer", "--recovery-words", "words");
    const with_ = ["-k", "k.key"];
    await expectExit(0, folder, "verify", "b.coffer", ...with_, "--against", ".");
    const [before, after] = await Promise.all([
      expectExit(0, folder, "list", "--json", "a.coffer", ...by),
      expectExit(0, folder, "list", "--json", "b.coffer", ...with_),
    ]);
    assertEquals(after.out, before.out);
    const info = JSON.parse((await expectExit(0, folder, "info", "--json", "b.coffer", ...with_)).out);
    const old = JSON.parse((await expectExit(0, folder, "info", "--json", "a.coffer", ...by)).out);
    assertEquals([info.suite, info.snapshot.label, info.snapshot.time], ["aes-256-gcm", "kept", old.snapshot.time]);
    await expectExit(1, folder, "copy", "a.coffer", "b.coffer", ...by, "--new-key-file", "k.key");
    await expectExit(2, folder, "copy", "a.coffer", "c", "d", ...by, "--new-key-file", "k.key");
    await expectExit(2, folder, "copy", "a.coffer", ...by);
  });
});

Deno.test("a copy's files are the same when they are extracted, holes or not, also through a pipe", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/tree`);
    const sparse = await Deno.open(`${folder}/tree/sparse`, { write: true, create: true });
    await sparse.truncate(5_000_001);
    await sparse.seek(3_000_000, Deno.SeekMode.Start);
    await sparse.write(new TextEncoder().encode("in the middle"));
    sparse.close();
    const by = ["--passphrase-file", "one"];
    await expectExit(0, folder, "create", ...QUICK, "a.coffer", "tree", ...by);
    await expectExit(0, folder, "copy", "a.coffer", "b.coffer", ...by, "--new-key-file", "k.key");
    const piped = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", PROGRAM, "copy", "a.coffer", "-", ...by, "--new-key-file", "k.key", "-q"],
      cwd: folder,
      stdin: "null",
    });
    await Deno.writeFile(`${folder}/c.coffer`, (await piped.output()).stdout);
    for (const name of ["b", "c"]) {
      await expectExit(0, folder, "extract", `${name}.coffer`, "-C", name, "-k", "k.key");
      assertEquals(
        await Deno.readFile(`${folder}/${name}/tree/sparse`),
        await Deno.readFile(`${folder}/tree/sparse`),
        name,
      );
    }
  });
});

Deno.test("an archive has 32 keys at most: the 33rd is refused, and the others open it", async () => {
  await inFolder(async (folder) => {
    const names = Array.from({ length: 33 }, (_, i) => `${i}.key`);
    const keys = await Promise.all(names.slice(0, 4).map(() => expectExit(0, folder, "keygen", "-qo", "-")));
    // Four keys, of eight slots each: what counts is the slots.
    for (const [i, name] of names.entries()) await Deno.writeTextFile(`${folder}/${name}`, keys[i % 4]?.out ?? "");
    const all = names.flatMap((name) => ["-k", name]);
    assertMatch((await expectExit(2, folder, "create", "-q", "a.coffer", "file", ...all)).err, /32 keys at most/);
    const nine = Array.from({ length: 9 }, () => ["--passphrase-file", "one"]).flat();
    assertMatch(
      (await expectExit(2, folder, "create", "-q", "a.coffer", "file", ...nine)).err,
      /8 passphrases at most/,
    );
    await expectExit(0, folder, "create", "-q", "a.coffer", "file", ...all.slice(0, 64));
    for (const name of names.slice(0, 4)) await expectExit(0, folder, "cat", "a.coffer", "file", "-k", name);
    const before = await Deno.readFile(`${folder}/a.coffer`);
    const { err } = await expectExit(1, folder, "keys", "add", "a.coffer", "-k", "0.key", "--new-key-file", "32.key");
    assertMatch(err, /Cannot add the key: .*32/);
    assertEquals(await Deno.readFile(`${folder}/a.coffer`), before);
  });
});

Deno.test("Ctrl-C ends a key derivation at once, with exit code 130 and nothing left", async () => {
  await inFolder(async (folder) => {
    // Seconds of work, and 2 GiB of memory.
    const costly = ["--kdf-log-n", "21", "--passphrase-file", "one"];
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", PROGRAM, "create", "a.coffer", "file", ...costly],
      cwd: folder,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    // It says what opening will cost right before it begins.
    let said = "";
    while (!said.includes("--max-kdf-memory")) said += (await reader.read()).value ?? "";
    const begun = performance.now();
    child.kill("SIGINT");
    const { code } = await child.status;
    await reader.cancel();
    assertEquals(code, 130);
    assert(performance.now() - begun < 4000);
    assertEquals([...Deno.readDirSync(folder)].filter(({ name }) => name.includes("coffer")), []);
  });
});
