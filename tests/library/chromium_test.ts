/** The library for browsers in a real one: a page with it, bundled, in headless Chromium. */
import { assertEquals, assertMatch } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { fromFileUrl, join } from "@std/path";
import { createArchiveFile, fileSource, lockFile, openArchive, updateArchive, verifyArchive } from "../../mod.ts";
import { inFolder, type Need, testWith } from "../e2e/conditions.ts";
import type { Found } from "./chromium_page.ts";

const PROGRAM = ["chromium", "chromium-browser", "google-chrome"].find((name) => {
  try {
    return new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
});

/** `.ci/run` installs it. */
const CHROMIUM: Need = { what: "Chromium (Debian: chromium)", met: PROGRAM !== undefined };

const PATIENCE_MS = 60_000;
const PASSPHRASE = "correct horse battery staple";
const TEXT = "c".repeat(1_000_000);

/** Bundles the page's script as README says that pages do. */
async function bundle(folder: string): Promise<string> {
  const script = join(folder, "page.js");
  const source = fromFileUrl(new URL("./chromium_page.ts", import.meta.url));
  const args = ["bundle", "--platform", "browser", "--output", script, source];
  const { code, stderr } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return await Deno.readTextFile(script);
}

/** What the library's documentation says that a policy has to allow, and nothing else. */
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' data:";

/** Opens a page in Chromium until `until` is done. */
async function browse<T>(url: string, folder: string, until: Promise<T>): Promise<T> {
  const args = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    `--user-data-dir=${folder}/profile`,
    url,
  ];
  const command = new Deno.Command(PROGRAM as string, { args, env: { HOME: folder }, stdout: "null", stderr: "piped" });
  const child = command.spawn();
  const said = new Response(child.stderr).text();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("The page took too long")), PATIENCE_MS);
  });
  const ended = child.status.then(async ({ code }) => {
    throw new Error(`Chromium ended with ${code} before the page did: ${await said}`);
  });
  ended.catch(() => {});
  try {
    return await Promise.race([until, tooLong, ended]);
  } finally {
    clearTimeout(timer);
    try {
      child.kill("SIGTERM");
    } catch {
      // It has ended.
    }
    await child.status;
    await said;
  }
}

testWith(CHROMIUM, "a page in Chromium opens, lists, reads, makes and updates archives", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/notes.coffer`;
    const options = { passphrase: PASSPHRASE, kdf: { logN: 15 } };
    await createArchiveFile(path, [
      { path: "notes/compressed.txt", content: TEXT },
      { path: "notes/old", content: "old" },
    ], options);
    {
      using file = await lockFile(path);
      await updateArchive(file, [{ path: "notes/new", content: "new!" }], { ...options, remove: ["notes/old"] });
    }
    const script = await bundle(folder);
    const found = Promise.withResolvers<{ readonly found?: Found; readonly error?: string }>();
    const pages: Readonly<Record<string, readonly [type: string, body: () => BodyInit]>> = {
      "/": ["text/html", () => `<!doctype html><title>Coffer</title><script type="module" src="/page.js"></script>`],
      "/page.js": ["text/javascript", () => script],
      "/archive": ["application/octet-stream", () => Deno.readFileSync(path)],
    };
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
      const { pathname } = new URL(request.url);
      if (request.method === "POST") {
        const body = await request.bytes();
        if (pathname === "/created") Deno.writeFileSync(`${folder}/created.coffer`, body);
        else found.resolve(JSON.parse(new TextDecoder().decode(body)));
        return new Response(null, { status: 204 });
      }
      const page = pages[pathname];
      if (page === undefined) return new Response(null, { status: 404 });
      return new Response(page[1](), { headers: { "content-type": page[0], "content-security-policy": POLICY } });
    });
    const answer = await browse(`http://127.0.0.1:${server.addr.port}/`, folder, found.promise);
    assertEquals(answer.error, undefined);
    const { browser, createdId, content, ...rest } = answer.found as Found;
    assertMatch(browser, /Chrome\//);
    assertEquals(rest, {
      sharesMemory: false,
      listed: [["notes/compressed.txt", "file", TEXT.length], ["notes/new", "file", 4]],
      snapshots: 2,
      changes: [["notes/new", "added"], ["notes/old", "removed"]],
      wrongKey: "wrong-key",
      altered: "damaged",
      streamed: ["entry", "entry", "end"],
    });
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(TEXT));
    assertEquals(content, encodeHex(new Uint8Array(digest)));
    // And what the page made is read here.
    using source = fileSource(`${folder}/created.coffer`);
    const own = { passphrase: "another passphrase, made here" };
    const archive = await openArchive(source, own);
    assertEquals(archive.id, createdId);
    assertEquals(await new Response(archive.read("from/text.txt")).text(), "and changed there");
    assertEquals((await new Response(archive.read("from/blob")).bytes()).every((byte) => byte === 7), true);
    assertEquals((await verifyArchive(source, own)).totals.files, 2);
  });
});
