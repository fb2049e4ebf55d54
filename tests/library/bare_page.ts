/**
 * What a page can do with `browser.ts`, run by browser_test.ts without permissions and with everything taken away that
 * a browser may lack: Deno, Node's globals and shared memory. Prints `ok` at its end.
 *
 * Its URL says in its hash where the library's bundle is, and has an archive in Base64 behind a comma.
 */

const [bundle = "", base64 = ""] = new URL(import.meta.url).hash.slice(1).split(",").map(decodeURIComponent);

for (const name of ["SharedArrayBuffer", "Deno", "process", "Buffer", "global"]) {
  Reflect.deleteProperty(globalThis, name);
  if (name in globalThis) throw new Error(`${name} is still there`);
}
// Loaded only now, so that nothing can have kept a reference.
const library: typeof import("../../browser.ts") = await import(bundle);
const { ArchiveError, createArchive, inspectArchive, openArchive, readArchive, verifyArchive } = library;

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** Compressed by the native engine: 100,000 times the letter `c` as `compressed.txt`. */
const compressed = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const archiveKey = new Uint8Array(32).fill(7);
const fromNative = await openArchive(compressed, { archiveKey });
const text = await new Response(fromNative.read("compressed.txt")).text();
check(text === "c".repeat(100_000), "what the native engine compressed is read");

for (const suite of ["chacha20-poly1305", "aes-256-gcm"] as const) {
  const options = { passphrase: "correct horse battery staple", kdf: { logN: 15 }, suite };
  const { readable, result } = createArchive([{ path: "a/b.txt", content: "hello" }], options);
  const blob = await new Response(readable).blob();
  const { id } = await result;
  const archive = await openArchive(blob, options);
  check(await new Response(archive.read("a/b.txt")).text() === "hello", "an entry is read");
  check((await verifyArchive(blob.stream(), options)).id === id, "an archive is verified");
  check((await inspectArchive(blob)).suite === suite, "an archive is inspected");
  const types: string[] = [];
  for await (const item of readArchive(blob.stream(), options)) types.push(item.type);
  check(types.join() === "entry,end", "a stream is read");
  const refused = await openArchive(blob, { passphrase: "wrong" }).catch((error: unknown) => error);
  check(refused instanceof ArchiveError && refused.code === "wrong-key", "a wrong passphrase is refused");
}
console.log("ok");
