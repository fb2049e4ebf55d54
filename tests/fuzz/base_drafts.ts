/** Honest archives of every shape, from which the fuzzer begins. */
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { wrapForKeyFile, wrapForPassphrase, wrapForRecipient } from "../../src/archive/key_slots.ts";
import type { Key } from "../../src/archive/unlock.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import type { Slot } from "../../src/format/slots.ts";
import { seededRandom, TEST_KEY } from "../archive/archive_builder.ts";
import { type Draft, draftOf, type Item } from "../archive/archive_draft.ts";
import { directory, file, row, sampleTree } from "../archive/sample_tree.ts";
import { sharingDraft } from "../vectors/sharing_cases.ts";

/** Cheap enough for thousands a second, dear enough to be scrypt. */
const COST = { logN: 10, r: 1, p: 1 };
const random = seededRandom(77);
const KEY_FILE = random(32);
const IDENTITY = random(32);

async function allSlots(): Promise<Slot[]> {
  const kem = await nativeEngine.hybridKem();
  return [
    await wrapForPassphrase(nativeEngine, TEST_KEY, "correct horse", COST, random(32)),
    wrapForKeyFile(nativeEngine, TEST_KEY, KEY_FILE, random(32)),
    await wrapForPassphrase(nativeEngine, TEST_KEY, "battery", COST, random(32), KEY_FILE),
    await wrapForRecipient(nativeEngine, TEST_KEY, kem.publicKey(IDENTITY), random(64)),
  ];
}

const SLOTS = await allSlots();

/** What opens the archives: the archive key, or one of the slots. */
export const KEYS: readonly (readonly Key[])[] = [
  [{ kind: "archive-key", archiveKey: TEST_KEY }],
  [{ kind: "archive-key", archiveKey: TEST_KEY }],
  [{ kind: "archive-key", archiveKey: TEST_KEY }],
  [{ kind: "passphrase", passphrase: "correct horse" }],
  [{ kind: "key-file", keyFile: KEY_FILE }],
  [{ kind: "passphrase", passphrase: "battery" }, { kind: "key-file", keyFile: KEY_FILE }],
  [{ kind: "identity", identity: IDENTITY }],
];

/** How much work a mutated slot may ask for: what honest ones do, several times. */
export const KDF_LIMITS = { work: 2 ** 15, memory: 2 ** 22 };

/** A file of `size` bytes of which only some ranges hold anything. */
function sparse(draft: Draft, path: string, size: number): void {
  for (const list of [...draft.blocks, ...draft.pages]) {
    list.entries.forEach((entry, i) => {
      if (entry.row.path === path && !entry.provisional) {
        list.entries[i] = { ...entry, row: { ...entry.row, size } } as never;
      }
    });
  }
}

function orphaned(draft: Draft): void {
  const bytes = new Uint8Array(40).fill(9);
  const slices = [{ fileOffset: 0, length: 40, dataOffset: 0 }];
  draft.blocks.push({
    entries: [
      { row: provisionalRow("broken", "file"), provisional: true, slices },
      { row: row("gone", "fifo"), provisional: false, slices: [] },
    ],
    data: bytes,
  });
  draft.orphans.push({
    continues: false,
    entries: [
      {
        row: provisionalRow("broken", "file"),
        provisional: true,
        extents: slices.map((slice) => ({ ...slice, block: draft.blocks.length - 1 })),
      },
      { row: row("gone", "fifo"), provisional: false, extents: [] },
    ],
  });
}

/** Puts the extents of the last entry of the first page into pages of their own. */
function continued(draft: Draft): void {
  const [page] = draft.pages;
  const entry = page?.entries.pop();
  if (page === undefined || entry === undefined) return;
  draft.pages.push({ continues: false, entries: [{ ...entry, extents: entry.extents.slice(0, 1) }] });
  draft.pages.push({ continues: true, entries: [{ ...entry, extents: entry.extents.slice(1) }] });
}

const MANY: readonly Item[] = Array.from({ length: 60 }, (_, i) => {
  const name = `f${String(i).padStart(2, "0")}`;
  if (i % 7 === 3) return { row: row(name, "symlink", { link: "../beside/precious" }) };
  if (i % 7 === 5) return { row: row(name, "hardlink", { link: "f00" }) };
  return file(name, `content of ${name}`, {
    owner: i % 2 === 0 ? undefined : { uid: i, gid: 0, user: "u", group: "" },
  });
});

/** Made once: the random bytes in it cost more than an archive of it. */
const SAMPLE = sampleTree();
const BIG = seededRandom(9)(150_000);

const BASES: readonly (() => Draft)[] = [
  () => draftOf(SAMPLE, 4096),
  () => ({ ...draftOf(SAMPLE, 2000, { suite: 2 }), state: "streamed", level: 1 }),
  () => ({ ...draftOf([]), state: "streamed" }),
  () => {
    const draft = draftOf([directory("a"), file("a/x", "x".repeat(300)), file("z", "z".repeat(700))], 256);
    orphaned(draft);
    continued(draft);
    return draft;
  },
  () => {
    const draft = draftOf(MANY, 512);
    const [page] = draft.pages;
    if (page !== undefined) draft.pages.push({ entries: page.entries.splice(30), continues: false });
    return { ...draft, slots: [...SLOTS] };
  },
  () => {
    const draft = draftOf([file("sparse", "s".repeat(100)), file("tail", "t")], 4096);
    sparse(draft, "sparse", 2 ** 33);
    return { ...draft, headerPages: 4, slots: SLOTS.slice(0, 3), level: 3 };
  },
  () => ({
    ...draftOf([
      directory("."),
      directory("d"),
      directory("d/e"),
      file("d/e/f", "deep"),
      { row: row("d/l", "symlink", { link: ".." }) },
      file("d.txt", "beside"),
      { row: row("h", "hardlink", { link: "d/e/f" }) },
    ]),
    slots: [SLOTS[1] as Slot],
  }),
  () => draftOf([file("big", BIG), file("small", "s")], 70_000),
  () => sharingDraft(),
  () => ({ ...sharingDraft(), state: "known" }),
];

/** How many there are. */
export const BASE_COUNT = BASES.length;

/** A fresh draft of one of them. */
export function baseDraft(number: number): Draft {
  return (BASES[number % BASE_COUNT] as () => Draft)();
}
