/**
 * A start costs what is loaded for it: each command loads only what it needs, and the rest waits until it is asked for.
 */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join, relative } from "@std/path";
import { libc } from "../../src/disk/libc.ts";
import { systemHashes } from "../../src/engine/native/libcrypto_hashes.ts";
import { systemCrc32 } from "../../src/engine/native/libz.ts";
import { inFolder, LINUX, testWith } from "../e2e/conditions.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));

/** What this test reads of `deno info --json`. */
interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly isDynamic?: boolean;
    readonly code?: { readonly specifier?: string };
  }[];
}

/** Everything that is loaded when a module is, as paths from the project's root; imports that wait are not followed. */
async function loadedWith(entry: string): Promise<Set<string>> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", entry],
    cwd: ROOT,
  }).output();
  const { modules }: { modules: readonly Module[] } = JSON.parse(new TextDecoder().decode(stdout));
  const nameOf = (specifier: string) =>
    specifier.startsWith("file:") ? relative(ROOT, fromFileUrl(specifier)).replaceAll("\\", "/") : specifier;
  const imports = new Map(modules.map(({ specifier, dependencies = [] }) => [
    nameOf(specifier),
    dependencies.flatMap(({ isDynamic, code }) => isDynamic || !code?.specifier ? [] : [nameOf(code.specifier)]),
  ]));
  assert(imports.has(entry), entry);
  const loaded = new Set([entry]);
  for (const path of loaded) for (const target of imports.get(path) ?? []) loaded.add(target);
  return loaded;
}

const matching = (paths: Iterable<string>, pattern: RegExp) => [...paths].filter((path) => pattern.test(path));

Deno.test("the program starts without commands, archives, files, threads, ciphers and help", async () => {
  const loaded = await loadedWith("cli.ts");
  assert(loaded.has("src/cli/parse.ts"));
  const wanted = /^src\/(?:cli\/commands|engine|parallel|library)\/|^src\/cli\/(?:help|failure)\.ts|^node:|zxcvbn/;
  assertEquals(matching(loaded, wanted), []);
});

/**
 * What reads streams, and what mends and salvages: an ordinary file needs nothing of it but whether it has a record.
 */
const STREAMS_AND_DAMAGE =
  /^src\/recovery\/(?!geometry\.ts)|^src\/archive\/(?:stream_reader|body_queue|segment_check|agreement|recovery_record|lost_header|repair|salvage\w*)\.ts|^src\/cli\/(?:piped|check|partial)_archive\.ts|^src\/library\//;

Deno.test("list and cat load nothing that stores, restores, mends or reads pipes, and no threads", async () => {
  for (const verb of ["list", "cat"]) {
    const loaded = await loadedWith(join("src", "cli", "commands", `${verb}.ts`).replaceAll("\\", "/"));
    assert(loaded.has("src/archive/archive.ts"), verb);
    const unneeded =
      /^src\/parallel\/|^src\/archive\/(?:create|copy|writer|block_builder|planner)\.ts|^src\/disk\/(?:walk|restore|extract)|noble|zxcvbn|bip39/;
    assertEquals(matching(loaded, unneeded), [], verb);
    assertEquals(matching(loaded, STREAMS_AND_DAMAGE), [], verb);
  }
});

Deno.test("verify of a file loads nothing that salvages, mends or walks a tree", async () => {
  const loaded = await loadedWith("src/cli/verifying.ts");
  assert(loaded.has("src/archive/stream_reader.ts"));
  const unneeded =
    /^src\/archive\/(?:salvage\w*|lost_header|recovery_record|repair)\.ts|^src\/disk\/(?:walk|compare|spool)|^src\/cli\/piped_archive\.ts/;
  assertEquals(matching(loaded, unneeded), []);
});

Deno.test("create loads nothing that reads or updates archives", async () => {
  const loaded = await loadedWith("src/cli/commands/create.ts");
  assert(loaded.has("src/archive/create_in_parts.ts"));
  const unneeded =
    /^src\/archive\/(?:archive|update|changes|segments|stream_reader|unlock|lost_header)\.ts|^src\/cli\/open_archive\.ts|^src\/parallel\//;
  assertEquals(matching(loaded, unneeded), []);
});

Deno.test("create and extract do not load each other's half", async () => {
  assertEquals(matching(await loadedWith("src/cli/commands/create.ts"), /^src\/disk\/(?:restore|extract)|noble/), []);
  assertEquals(
    matching(await loadedWith("src/cli/extracting.ts"), /^src\/disk\/walk|^src\/archive\/planner|noble/),
    [],
  );
});

Deno.test("verify and extract start threads before they load what they work with themselves", async () => {
  for (const verb of ["verify", "extract"]) {
    const loaded = await loadedWith(`src/cli/commands/${verb}.ts`);
    assert(loaded.has("src/parallel/early_workers.ts"), verb);
    assertEquals(matching(loaded, /^src\/engine\/native|^src\/archive/), [], verb);
  }
});

testWith(LINUX, "what reads, stores, checks and restores loads none of the runtime's node: modules", async () => {
  if (libc() === undefined || systemHashes() === undefined || systemCrc32() === undefined) {
    console.warn("skipped: this machine lacks a library");
    return;
  }
  await inFolder(async (folder) => {
    // They are loaded through `process`, and some of them by it.
    const guard = join(folder, "guard.ts");
    await Deno.writeTextFile(
      guard,
      'Object.defineProperty(globalThis, "process", { get() { throw new Error("a node: module is loaded"); } });',
    );
    await Deno.writeTextFile(join(folder, "file"), "content");
    const run = async (...args: readonly string[]) => {
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", `--preload=${guard}`, join(ROOT, "cli.ts"), ...args],
        cwd: folder,
        stdin: "null",
      }).output();
      assertEquals(code, 0, `${args[0]}: ${new TextDecoder().decode(stderr)}`);
    };
    await run("keygen", "-o", "key");
    const key = ["-q", "-k", "key"];
    await run("create", ...key, "a.coffer", "file");
    await run("update", ...key, "a.coffer", "file");
    await run("list", ...key, "a.coffer");
    await run("cat", ...key, "a.coffer", "file");
    await run("verify", ...key, "a.coffer");
    await run("extract", ...key, "a.coffer", "-C", "out");
    assertEquals(await Deno.readTextFile(join(folder, "out", "file")), "content");
  });
});
