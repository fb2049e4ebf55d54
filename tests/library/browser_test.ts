import { assertEquals } from "@std/assert";
import { fromFileUrl, join, toFileUrl } from "@std/path";
import * as browser from "../../browser.ts";
import * as native from "../../mod.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { createBytes } from "./samples.ts";

async function deno(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = new Deno.Command(Deno.execPath(), { args: [...args], stdin: "null", env: { NO_COLOR: "1" } });
  const { code, stdout, stderr } = await command.output();
  return { code, stdout: new TextDecoder().decode(stdout).trim(), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("browser.ts works without Deno, Node's globals, shared memory, a network and permissions", async () => {
  const entries = [{ path: "compressed.txt", content: "c".repeat(100_000) }];
  const { bytes } = await createBytes(nativeEngine, entries, { archiveKey: new Uint8Array(32).fill(7) });
  const folder = await Deno.makeTempDir();
  try {
    // Bundled, as pages have it; and Deno itself needs its globals to load a CommonJS package.
    const bundle = join(folder, "browser.js");
    const source = fromFileUrl(new URL("../../browser.ts", import.meta.url));
    const { code, stderr } = await deno("bundle", "--platform", "browser", "--output", bundle, source);
    assertEquals(code, 0, stderr);
    const page = new URL("./bare_page.ts", import.meta.url);
    const parts = [toFileUrl(bundle).href, btoa(String.fromCharCode(...bytes))];
    page.hash = parts.map(encodeURIComponent).join();
    // Without a prompt everything that is not allowed is denied; importing is reading.
    const run = await deno("run", "--no-prompt", `--allow-read=${folder}`, page.href);
    assertEquals({ code: run.code, stdout: run.stdout }, { code: 0, stdout: "ok" }, run.stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("browser.ts has what mod.ts has, but for files", () => {
  const onlyNative = [
    "copyArchiveFile",
    "LockError",
    "SourceError",
    "TargetError",
    "createArchiveFile",
    "fileSource",
    "lockFile",
  ];
  assertEquals([...Object.keys(browser), ...onlyNative].sort(), Object.keys(native).sort());
});
