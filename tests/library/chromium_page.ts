/**
 * What a page does with the library, in a real browser: bundled, served and opened by chromium_test.ts. It takes an
 * archive from the server as a `Blob`, and sends back what it found and an archive that it made.
 */
import {
  ArchiveBuffer,
  ArchiveError,
  createArchive,
  openArchive,
  readArchive,
  updateArchive,
  verifyArchive,
} from "../../browser.ts";

/** What the page found. */
export interface Found {
  readonly browser: string;
  /** Whether memory can be shared between threads, and whether the platform has ciphers that a page may use. */
  readonly sharesMemory: boolean;
  /** Path, kind and size of all that the server's archive lists. */
  readonly listed: readonly (readonly [path: string, kind: string, size: number])[];
  /** SHA-256 of the content of `notes/compressed.txt`, in hex. */
  readonly content: string;
  readonly snapshots: number;
  readonly changes: readonly (readonly [path: string, kind: string])[];
  /** The failure class with a wrong passphrase, and with a byte altered. */
  readonly wrongKey: string;
  readonly altered: string;
  /** The id that the archive has which was made here. */
  readonly createdId: string;
  readonly streamed: readonly string[];
}

const hex = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "none";
  } catch (error) {
    return error instanceof ArchiveError ? error.code : String(error);
  }
}

async function run(): Promise<Found> {
  const passphrase = "correct horse battery staple";
  const blob = await (await fetch("/archive")).blob();
  // As from an input element.
  const file = new File([blob], "notes.coffer");
  const archive = await openArchive(file, { passphrase });
  const listed: [string, string, number][] = [];
  for await (const { path, kind, size } of archive.list()) listed.push([path, kind, size]);
  const content = await new Response(archive.read("notes/compressed.txt")).arrayBuffer();
  const snapshots = await Array.fromAsync(archive.snapshots());
  const changes = await Array.fromAsync(archive.diff(1), ({ path, kind }) => [path, kind] as const);
  const altered = new Uint8Array(await blob.arrayBuffer());
  altered[9000]! ^= 1;

  const own = { passphrase: "another passphrase, made here", kdf: { logN: 15 } };
  const { readable } = createArchive([
    { path: "from/text.txt", content: "written in a browser" },
    { path: "from/blob", content: new Blob([new Uint8Array(3_000_000).fill(7)]) },
  ], own);
  const growing = new ArchiveBuffer(await new Response(readable).bytes());
  const { id } = await updateArchive(growing, [{ path: "from/text.txt", content: "and changed there" }], own);
  const created = new Blob([growing.bytes()]);
  const streamed: string[] = [];
  for await (const item of readArchive(created.stream(), { ...own, first: true })) streamed.push(item.type);
  if ((await verifyArchive(created, own)).id !== id) throw new Error("what was made does not verify");
  await fetch("/created", { method: "POST", body: created });
  return {
    browser: navigator.userAgent,
    sharesMemory: typeof SharedArrayBuffer !== "undefined",
    listed,
    content: hex(await crypto.subtle.digest("SHA-256", content)),
    snapshots: snapshots.length,
    changes,
    wrongKey: await codeOf(() => openArchive(file, { passphrase: "not the one" })),
    altered: await codeOf(() => verifyArchive(altered, { passphrase })),
    createdId: id,
    streamed,
  };
}

const answer = await run().then((found) => ({ found }), (error) => ({ error: String(error?.stack ?? error) }));
await fetch("/found", { method: "POST", body: JSON.stringify(answer) });
