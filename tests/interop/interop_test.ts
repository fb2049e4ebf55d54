/**
 * Reads archives with a second reader, in Python, that was written from FORMAT.md alone: all golden vectors, and what
 * the program makes. What is wrong with that document, two readers do not get wrong in the same way.
 */
import { assert, assertEquals, equal } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { encodeKeyText } from "../../src/text/key_text.ts";
import { inFolder, testWith } from "../e2e/conditions.ts";
import { CHECKOUT, create, expectExit, PASSPHRASE, QUICK } from "../e2e/program.ts";
import { describeTree, randomBytes, writeTree } from "../e2e/trees.ts";
import { readVector, vectorNames } from "../vectors/vector_file.ts";
import { python, runPython, SECOND_READER } from "./second_reader.ts";

/** What the second reader says about one vector. */
type Reading =
  | { readonly name: string; readonly skipped: string }
  | {
    readonly name: string;
    readonly outcome: string;
    readonly released: string;
    readonly warnings: number;
    readonly why: string;
    /** As the vector has it. */
    readonly mended?: string;
    /** What reading the content of each snapshot by its places gives. */
    readonly snapshots: readonly {
      readonly outcome: string;
      readonly paths?: readonly string[];
      readonly released?: string;
    }[];
  };

function lines<T>(text: string): T[] {
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

testWith(SECOND_READER, "the second reader reads every vector as it says", async () => {
  const readings = lines<Reading>(await python(["vectors", `${CHECKOUT}tests/vectors`]));
  assertEquals(readings.map(({ name }) => name).sort(), vectorNames());
  const skipped = readings.filter((reading) => "skipped" in reading);
  assertEquals(
    skipped.map(({ name }) => name),
    vectorNames().filter((name) => "identity" in readVector(name).key),
    "only recipients may be left out",
  );
  for (const { name, skipped: why } of skipped) console.warn(`skipped: "${name}": ${why}`);
  const wrong = readings.flatMap((reading): unknown[] => {
    if ("skipped" in reading) return [];
    const { stream, seek, warnings, snapshots, mended } = readVector(reading.name);
    const expected = { ...stream, warnings };
    const { outcome, released } = reading;
    const found = { outcome, released, warnings: reading.warnings };
    if (JSON.stringify(found) !== JSON.stringify(expected)) return [{ reading, expected }];
    if (reading.mended !== mended) return [{ reading, mended }];
    // What is whole is read by its places too: the newest snapshot, and each where the vector says what it holds.
    const newest = reading.snapshots.at(-1);
    if (outcome === "none" && newest?.outcome !== seek.outcome) return [{ reading, seek }];
    const held = reading.snapshots.map(({ paths, released }) => ({ paths, released }));
    return snapshots === undefined || JSON.stringify(held) === JSON.stringify(snapshots)
      ? []
      : [{ reading, snapshots }];
  });
  assertEquals(wrong, []);
  assert(readings.length - skipped.length > 400, "hardly any vectors were read");
});

/** A tree with every kind of entry, a file of several blocks, and one with holes. */
function writeMixedTree(folder: string): void {
  const large = randomBytes(9_000_000);
  writeTree(folder, {
    "a/b.txt": "hello\n",
    "a/empty": "",
    "a-b/c": "x".repeat(10_000),
    "a/folder": null,
    "a/link": { link: "b.txt" },
    "dangling": { link: "no/such/place" },
    "large": large,
    "larger": new Uint8Array([...randomBytes(1000), ...large, ...large.subarray(5_000_000)]),
    "zeros": new Uint8Array(200_000),
    "naïve ～ 😀\nname": "names",
  });
  Deno.linkSync(`${folder}/a/b.txt`, `${folder}/hardlink`);
  Deno.chmodSync(`${folder}/a/b.txt`, 0o640);
  Deno.chmodSync(`${folder}/a/folder`, 0o500);
  using holes = Deno.createSync(`${folder}/holes`);
  holes.truncateSync(6_000_000);
  holes.seekSync(5_000_000, Deno.SeekMode.Start);
  holes.writeSync(new TextEncoder().encode("behind a hole"));
  const fifo = new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).outputSync();
  assert(fifo.success, "mkfifo does not work");
  Deno.utimeSync(`${folder}/a/folder`, 1_000_000_000, 1_000_000_000);
  for (const path of ["a/b.txt", "large", "holes", "zeros", "a"]) Deno.utimeSync(`${folder}/${path}`, 1, 1_234_567_890);
}

/** What is compared of a tree that another program restored: not whom it belongs to. */
async function contentOf(folder: string): Promise<Record<string, string>> {
  const tree = Object.entries(await describeTree(folder));
  return Object.fromEntries(tree.map(([path, about]) => [path, about.replace(/, \d+:\d+,/, ",")]));
}

const VARIANTS: readonly (readonly [about: string, ...options: string[]])[] = [
  ["with ChaCha20-Poly1305"],
  ["with AES-256-GCM", "--suite", "aes-256-gcm"],
  ["without compression", "--store"],
  ["padded", "--pad"],
  ["with shared content", "--dedup"],
];

for (const to of ["a file", "a pipe"] as const) {
  testWith(SECOND_READER, `the second reader restores what the program writes to ${to}`, async () => {
    await inFolder(async (folder) => {
      Deno.mkdirSync(`${folder}/tree`);
      writeMixedTree(`${folder}/tree`);
      const expected = await contentOf(`${folder}/tree`);
      Deno.writeTextFileSync(`${folder}/passphrase`, `${PASSPHRASE}\n`);
      for (const [about, ...options] of VARIANTS) {
        const archive = `${folder}/archive.coffer`;
        const target = to === "a file" ? archive : "-";
        const args = ["create", target, "-C", `${folder}/tree`, ".", ...QUICK, ...options];
        const { bytes } = await expectExit(0, args);
        if (to === "a pipe") Deno.writeFileSync(archive, bytes);
        const key = ["--passphrase-file", `${folder}/passphrase`];
        const listed = lines<Record<string, unknown>>(await python(["list", archive, ...key]));
        assertEquals(listed.at(-1)?.streamed, to === "a pipe", about);
        assertEquals(listed.at(-1)?.warnings, 0, about);
        assertEquals(listed.length - 1, Object.keys(expected).length, about);
        for (const { path, kind, sha256 } of listed.slice(0, -1)) {
          if (kind !== "file") continue;
          const content = Deno.readFileSync(`${folder}/tree/${path}`);
          const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
          assertEquals(sha256, encodeHex(hash), `${about}: ${path}`);
        }
        await python(["extract", archive, `${folder}/restored`, ...key]);
        assertEquals(await contentOf(`${folder}/restored`), expected, about);
        Deno.removeSync(`${folder}/restored`, { recursive: true });
        Deno.removeSync(archive);
      }
    });
  });
}

testWith(SECOND_READER, "the second reader restores each snapshot of what the program updates", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "tree/a": "1", "tree/b/c": randomBytes(300_000), "tree/b/d": "3", "passphrase": PASSPHRASE });
    const at = { cwd: folder };
    const archive = `${folder}/archive.coffer`;
    const trees = [await contentOf(`${folder}/tree`)];
    await create(archive, ["-C", "tree", "."], at);
    const changes = [
      () => writeTree(`${folder}/tree`, { "a": "one", "e": "5" }),
      () => Deno.renameSync(`${folder}/tree/b/c`, `${folder}/tree/moved`),
      () => Deno.chmodSync(`${folder}/tree/moved`, 0o600),
      () => Deno.removeSync(`${folder}/tree/b`, { recursive: true }),
    ];
    for (const change of changes) {
      change();
      trees.push(await contentOf(`${folder}/tree`));
      await expectExit(0, ["update", archive, "-C", "tree", "."], at);
    }
    const key = ["--passphrase-file", `${folder}/passphrase`];
    const ids = lines<{ id: string }>((await expectExit(0, ["snapshots", archive, "--json"], at)).out);
    const listed = lines<Record<string, unknown>>(await python(["list", archive, ...key]));
    assertEquals(listed.at(-1)?.snapshots, ids.map(({ id }) => id));
    for (const [i, tree] of trees.entries()) {
      const target = `${folder}/restored-${i}`;
      await python(["extract", archive, target, "--snapshot", `${i + 1}`, ...key]);
      assertEquals(await contentOf(target), tree, `snapshot ${i + 1}`);
    }
  });
});

testWith(
  SECOND_READER,
  "the second reader opens with a key file, and with both a passphrase and a key file",
  async () => {
    await inFolder(async (folder) => {
      writeTree(folder, { "tree/a": "content", "passphrase": PASSPHRASE, "another": "another passphrase" });
      for (const name of ["key", "other"]) {
        Deno.writeTextFileSync(`${folder}/${name}`, `# ${name}\n\n  ${encodeKeyText("key-file", randomBytes(32))}\n`);
      }
      const keyFile = (name: string) => ["--key-file", `${folder}/${name}`];
      const passphrase = (name: string) => ["--passphrase-file", `${folder}/${name}`];
      const make = (name: string, ...options: string[]) =>
        create(`${folder}/${name}`, ["-C", `${folder}/tree`, ".", ...keyFile("key"), ...options]);
      await make("alone.coffer");
      await make("both.coffer", "--both", ...passphrase("passphrase"));
      const attempts: readonly (readonly [code: number, archive: string, ...keys: string[]])[] = [
        [0, "alone.coffer", ...keyFile("key")],
        [0, "alone.coffer", ...keyFile("other"), ...keyFile("key")],
        [11, "alone.coffer", ...keyFile("other")],
        [11, "alone.coffer", ...passphrase("passphrase")],
        [0, "both.coffer", ...keyFile("key"), ...passphrase("passphrase")],
        [11, "both.coffer", ...keyFile("key")],
        [11, "both.coffer", ...passphrase("passphrase")],
        [11, "both.coffer", ...keyFile("key"), ...passphrase("another")],
        [11, "both.coffer", ...keyFile("other"), ...passphrase("passphrase")],
      ];
      for (const [expected, archive, ...keys] of attempts) {
        const { code, err } = await runPython(["list", `${folder}/${archive}`, ...keys]);
        assertEquals(code, expected, `${archive} ${keys.join(" ")}: ${err}`);
      }
    });
  },
);

testWith(
  SECOND_READER,
  "the second reader reads an archive with a recovery record, and mends it bit for bit",
  async () => {
    await inFolder(async (folder) => {
      const cwd = folder;
      writeTree(folder, { "in/noise": randomBytes(700_000), "in/text": "text", "passphrase": PASSPHRASE });
      await create("x.coffer", ["--recovery", "5", "in"], { cwd });
      writeTree(folder, { "in/more": randomBytes(30_000) });
      await expectExit(0, ["update", "x.coffer", "in"], { cwd });
      const good = Deno.readFileSync(`${folder}/x.coffer`);
      const key = ["--passphrase-file", `${folder}/passphrase`];
      const listed = lines<Record<string, unknown>>(await python(["list", `${folder}/x.coffer`, ...key]));
      assertEquals(listed.length - 1, 4);
      const bad = good.slice().fill(1, 300_000, 340_000).fill(2, good.length - 30_000, good.length - 20_000);
      Deno.writeFileSync(`${folder}/x.coffer`, bad.subarray(0, bad.length - 5000));
      await python(["mend", `${folder}/x.coffer`, `${folder}/y.coffer`]);
      assert(equal(Deno.readFileSync(`${folder}/y.coffer`), good));
      // The header is not needed for it.
      Deno.writeFileSync(`${folder}/z.coffer`, bad.fill(0, 0, 8192));
      await python(["mend", `${folder}/z.coffer`, `${folder}/w.coffer`]);
      assert(equal(Deno.readFileSync(`${folder}/w.coffer`).subarray(8192), good.subarray(8192)));
    });
  },
);
