/** Vectors about the header: its copies, its key slots, its state record. */
import type { Bytes } from "../../src/engine/engine.ts";
import type { Header, HeaderCopyName } from "../../src/format/header.ts";
import type { KnownSlot, PassphraseSlot, Slot } from "../../src/format/slots.ts";
import { encodeState } from "../../src/format/locator.ts";
import type { RecordKind } from "../../src/archive/record_cipher.ts";
import { type NewKey, wrapForKey, wrapForPassphrase, wrappingRandomness } from "../../src/archive/key_slots.ts";
import type { Key } from "../../src/archive/unlock.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { type ArchiveBuilder, seededRandom, TEST_KEY } from "../archive/archive_builder.ts";
import { type Draft, draftOf, joined, sealDraft } from "../archive/archive_draft.ts";
import { changed, type Outcome, sealSmall, smallTree, type VectorCase } from "./vector_case.ts";

const PAGE = 4096;
const SLOTS_AT = 288;

/** Offsets of a header copy's fields (FORMAT.md, "Header"). */
const AT = { version: 8, pages: 10, suite: 11, generation: 12, readFeatures: 16, slotCount: 28, slotsLength: 30 };

const passphrase = (text: string): Key => ({ kind: "passphrase", passphrase: text });

/** A case that changes the encoded copies. */
function copies(
  name: string,
  about: string,
  outcome: Outcome,
  warnings: number,
  change: (copy: Bytes, name: HeaderCopyName, builder: ArchiveBuilder) => Bytes,
  more: Partial<VectorCase> = {},
): VectorCase {
  const bytes = sealSmall((draft) => draft.onCopy = change).bytes;
  return { name, about, bytes, stream: outcome, seek: outcome, warnings, ...more };
}

/** Changes one byte. */
function flip(bytes: Bytes, at: number): Bytes {
  const copy = bytes.slice();
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}

const set = (at: number, ...values: readonly number[]) => (bytes: Bytes) => bytes.set(values, at);

function copyCases(): VectorCase[] {
  return [
    copies(
      "header_copy_a_lost",
      "Header copy A is all zeros",
      "none",
      1,
      (copy, name) => name === "A" ? new Uint8Array(copy.length) : copy,
    ),
    copies(
      "header_copy_b_lost",
      "Header copy B is all zeros",
      "none",
      1,
      (copy, name) => name === "B" ? new Uint8Array(copy.length) : copy,
    ),
    copies(
      "header_copies_both_lost",
      "Both header copies are all zeros",
      "not-an-archive",
      0,
      (copy) => new Uint8Array(copy.length),
    ),
    copies(
      "header_copy_a_torn",
      "The second half of header copy A was never written",
      "none",
      1,
      (copy, name) => name === "A" ? joined(copy.subarray(0, PAGE / 2), new Uint8Array(PAGE / 2)) : copy,
    ),
    copies(
      "header_copies_both_torn",
      "Neither header copy's second half was written",
      "damaged",
      0,
      (copy) => joined(copy.subarray(0, PAGE / 2), new Uint8Array(PAGE / 2)),
    ),
    copies(
      "header_copy_a_checksum",
      "Header copy A's checksum is wrong and its MAC holds",
      "none",
      1,
      (copy, name) => name === "A" ? flip(copy, PAGE - 1) : copy,
    ),
    copies(
      "header_copies_both_checksum",
      "Both checksums are wrong and both MACs hold",
      "none",
      2,
      (copy) => flip(copy, PAGE - 1),
    ),
    copies(
      "header_copy_a_forged",
      "Header copy A's state was changed without the key, and its checksum made to fit",
      "none",
      1,
      (copy, name, builder) => name === "A" ? builder.alterCopy(copy, set(40, 1, 2, 3), "checksum") : copy,
    ),
    copies(
      "header_copies_both_forged",
      "Both copies' states were changed without the key; with the archive key alone, that looks like a wrong one",
      "wrong-key",
      0,
      (copy, _, builder) => builder.alterCopy(copy, set(40, 1, 2, 3), "checksum"),
    ),
    copies(
      "header_copy_b_forged_generation",
      "Header copy B claims the highest generation, without the key",
      "none",
      1,
      (copy, name, builder) =>
        name === "B" ? builder.alterCopy(copy, set(AT.generation, 255, 255, 255, 255), "checksum") : copy,
    ),
    {
      ...changed(
        "header_copy_a_forged_pages",
        "Header copy A has four pages and claims one, without the key; copy B is good, at its own place",
        "none",
        (draft) => {
          draft.headerPages = 4;
          draft.onCopy = (copy, name, builder) =>
            name === "A"
              ? joined(builder.alterCopy(copy.subarray(0, PAGE), set(AT.pages, 1), "checksum"), copy.subarray(PAGE))
              : copy;
        },
      ),
      warnings: 1,
    },
    copies(
      "header_copy_b_newer",
      "Header copy B is one generation newer: a rewrite was cut off between the copies",
      "none",
      1,
      (copy, name, builder) => name === "B" ? builder.alterCopy(copy, set(AT.generation, 0, 0, 0, 2)) : copy,
    ),
    copies(
      "header_copies_differ",
      "Both copies hold and have one generation, and their states are two sealings of one record",
      "none",
      1,
      (copy, name, builder) =>
        name === "B"
          ? builder.alterCopy(copy, (bytes) => {
            bytes.set(builder.record("state", encodeState({ kind: "streamed", generation: 1 })), 32);
          })
          : copy,
    ),
    copies(
      "header_fill",
      "A byte behind the key slots is not zero",
      "damaged",
      0,
      (copy, _, builder) => builder.alterCopy(copy, set(2000, 1)),
    ),
    copies(
      "header_version_2",
      "The format version is 2",
      "newer-version",
      0,
      (copy, _, builder) => builder.alterCopy(copy, set(AT.version, 0, 2)),
    ),
    copies(
      "header_version_2_in_a",
      "The format version of copy A alone is 2",
      "none",
      1,
      (copy, name) => name === "A" ? flip(flip(copy, AT.version + 1), AT.version) : copy,
    ),
    copies(
      "header_suite_3",
      "The cipher suite is unknown",
      "newer-version",
      0,
      (copy, _, builder) => builder.alterCopy(copy, set(AT.suite, 3)),
    ),
    copies(
      "header_pages_2",
      "A header copy has two pages",
      "damaged",
      0,
      (copy, _, builder) => builder.alterCopy(copy, set(AT.pages, 2)),
    ),
  ];
}

function featureCases(): VectorCase[] {
  const feature = (name: string, about: string, outcome: Outcome, change: Partial<Header>) =>
    changed(name, about, outcome, (draft) => draft.onHeader = (header) => ({ ...header, ...change }));
  return [
    feature("header_feature_read", "A feature that readers must know is set", "newer-version", { readFeatures: 2 ** 31 }),
    feature("header_feature_write", "A feature that writers must know is set", "none", { writeFeatures: 2 ** 31 }),
    feature("header_feature_ignorable", "A feature that may be ignored is set", "none", { ignorableFeatures: 1 }),
    feature("header_generation_0", "The header's generation is older than its locator's", "rolled-back", {
      generation: 0,
    }),
    feature("header_pages_4", "A header copy has four pages", "none", { pages: 4 }),
    feature("header_pages_16", "A header copy has sixteen pages", "none", { pages: 16 }),
    ...[4, 16].map((pages) => {
      const lost = (copy: Bytes, name: HeaderCopyName) => name === "A" ? new Uint8Array(copy.length) : copy;
      const change = (draft: Draft) => {
        draft.headerPages = pages;
        draft.onCopy = lost;
      };
      const about = `A header copy has ${pages} pages, and copy A is lost`;
      return { ...changed(`header_pages_${pages}_a_lost`, about, "none", change), warnings: 1 };
    }),
  ];
}

const unknownSlot = (number: number, length: number): Slot => {
  const bytes = new Uint8Array(4 + length).fill(0x5a);
  new DataView(bytes.buffer).setUint16(0, number);
  new DataView(bytes.buffer).setUint16(2, length);
  return { kind: "unknown", number, bytes };
};

/** A passphrase slot with any cost bytes and flags, which nothing opens. */
function rawSlot(logN: number, r: number, p: number, flags = 0, spare = 0): Slot {
  const slot = unknownSlot(1, 100 + spare);
  if (slot.kind === "unknown") slot.bytes.set([logN, r, p, flags], 4);
  return slot;
}

function slotCase(
  name: string,
  about: string,
  outcome: Outcome,
  slots: readonly Slot[],
  keys?: readonly Key[],
): VectorCase {
  const made = changed(name, about, outcome, (draft) => {
    draft.headerPages = 4;
    draft.slots = [...slots];
  });
  return keys === undefined ? made : { ...made, keys };
}

async function slotCases(): Promise<VectorCase[]> {
  const random = seededRandom(99);
  const cost = { logN: 10, r: 8, p: 1 };
  const wrap = (text: string, more = cost) => wrapForPassphrase(nativeEngine, TEST_KEY, text, more, random(32));
  const slot = await wrap("correct horse");
  const second = await wrap("battery staple");
  const tampered = (change: Partial<PassphraseSlot>): Slot => ({ ...slot, ...change });
  const outOfRange = (
    [["logn_9", 9, 8, 1], ["logn_25", 25, 8, 1], ["r_0", 10, 0, 1], ["r_33", 10, 33, 1], ["p_0", 10, 8, 0], [
      "p_17",
      10,
      8,
      17,
    ]] as const
  ).map(([what, logN, r, p]) =>
    slotCase(`slot_${what}`, `A slot's scrypt cost is logN ${logN}, r ${r}, p ${p}`, "limit", [rawSlot(logN, r, p)])
  );
  const withKey = (name: string, about: string, outcome: Outcome, slots: readonly Slot[], text = "correct horse") =>
    slotCase(name, about, outcome, slots, [passphrase(text)]);
  return [
    withKey("slot_passphrase", "A passphrase opens the archive", "none", [slot]),
    withKey("slot_passphrase_nfc", "A passphrase typed with a combining accent is the same in NFC", "none", [
      await wrap("caf\u00e9"),
    ], "cafe\u0301"),
    withKey("slot_second", "The second of two passphrases opens the archive", "none", [second, slot]),
    withKey("slot_wrong_passphrase", "The passphrase is another", "wrong-key", [slot], "incorrect horse"),
    withKey("slot_wrong_tag", "The slot's tag is wrong", "wrong-key", [tampered({ tag: flip(slot.tag, 0) })]),
    withKey("slot_wrong_wrapped", "The wrapped key was changed", "wrong-key", [
      tampered({ covered: flip(slot.covered, 4 + 4 + 32) }),
    ]),
    withKey("slot_unknown_kind_first", "A slot of an unknown kind stands before the passphrase's", "none", [
      unknownSlot(9, 70),
      slot,
    ]),
    withKey("slot_unknown_flags_first", "A passphrase slot with unknown flags stands before the right one", "none", [
      rawSlot(10, 8, 1, 1),
      slot,
    ]),
    withKey("slot_too_costly_first", "A slot before the right one asks for 16 GiB of memory", "none", [
      rawSlot(24, 8, 1),
      slot,
    ]),
    withKey("slot_too_costly", "The only slot asks for 16 GiB of memory", "limit", [rawSlot(24, 8, 1)]),
    withKey("slot_too_much_work", "The only slot asks for more than 2^25 of N·r·p", "limit", [rawSlot(22, 1, 9)]),
    ...outOfRange,
    slotCase("slot_spare_byte", "A passphrase slot has a byte too many", "damaged", [rawSlot(10, 8, 1, 0, 1)]),
    slotCase("slot_short", "A passphrase slot has a byte too few", "damaged", [rawSlot(10, 8, 1, 0, -1)]),
    slotCase("slots_32", "There are 32 slots", "none", Array.from({ length: 32 }, (_, i) => unknownSlot(4 + i, 8))),
    slotCase("slots_33", "There are 33 slots", "limit", Array.from({ length: 33 }, (_, i) => unknownSlot(4 + i, 8))),
    slotCase("slots_8_passphrases", "There are 8 passphrase slots", "none", Array(8).fill(rawSlot(10, 8, 1))),
    slotCase("slots_9_passphrases", "There are 9 passphrase slots", "limit", Array(9).fill(rawSlot(10, 8, 1))),
    copies("slots_missing", "The header counts a slot that is not there", "damaged", 0, (copy, _, builder) =>
      builder.alterCopy(copy, set(AT.slotCount, 0, 1))),
    copies("slots_left_over", "The header has slot bytes that it does not count", "damaged", 0, (copy, _, builder) =>
      builder.alterCopy(copy, (bytes) => {
        set(AT.slotsLength, 0, 4)(bytes);
        set(SLOTS_AT, 0, 9, 0, 0)(bytes);
      })),
    copies("slots_overflow", "The slots are longer than the header", "damaged", 0, (copy, _, builder) =>
      builder.alterCopy(copy, set(AT.slotsLength, 0xff, 0xff))),
    copies(
      "header_both_altered",
      "Both copies' states were changed without the key; the passphrase tells that it is no wrong key",
      "damaged",
      0,
      (copy, _, builder) => builder.alterCopy(copy, set(40, 1, 2, 3), "checksum"),
      { keys: [passphrase("correct horse")], bytes: alteredWithSlot(slot) },
    ),
    {
      ...slotCase("key_wrong_archive_key", "The archive key is another", "wrong-key", [slot]),
      keys: [{ kind: "archive-key", archiveKey: new Uint8Array(32) }],
    },
  ];
}

/** Slots of the kinds that take no passphrase, or not that alone. */
async function keySlotCases(): Promise<VectorCase[]> {
  const random = seededRandom(101);
  const [keyFile, otherFile, identity] = [random(32), random(32), random(32)];
  const publicKey = (await nativeEngine.hybridKem()).publicKey(identity);
  const cost = { logN: 10, r: 8, p: 1 };
  const wrap = async (key: NewKey) =>
    await wrapForKey(nativeEngine, TEST_KEY, key, cost, random(wrappingRandomness(key)));
  const ofFile = await wrap({ kind: "key-file", keyFile });
  const ofRecipient = await wrap({ kind: "recipient", publicKey });
  const ofBoth = await wrap({ kind: "passphrase", passphrase: "correct horse", keyFile });
  const ofPassphrase = await wrap({ kind: "passphrase", passphrase: "correct horse" });
  const all = [ofRecipient, ofBoth, ofFile, ofPassphrase];
  const file = (bytes: Bytes): Key => ({ kind: "key-file", keyFile: bytes });
  const self = (bytes: Bytes): Key => ({ kind: "identity", identity: bytes });
  const cut = ({ kind: _, ...slot }: KnownSlot, number: number, bytes: number): Slot => {
    const made = unknownSlot(number, slot.covered.length + slot.tag.length - 4 + bytes);
    if (made.kind === "unknown") made.bytes.set(slot.covered.subarray(4), 4);
    return made;
  };
  const altered = (slot: KnownSlot, at: number): Slot => ({ ...slot, covered: flip(slot.covered, at) });
  return [
    slotCase("slot_key_file", "A key file opens the archive", "none", [ofFile], [file(keyFile)]),
    slotCase("slot_key_file_other", "The key file is another", "wrong-key", [ofFile], [file(otherFile)]),
    slotCase("slot_key_file_altered", "A key file's slot has another salt", "wrong-key", [altered(ofFile, 4)], [
      file(keyFile),
    ]),
    slotCase("slot_key_file_short", "A key file's slot has a byte too few", "damaged", [cut(ofFile, 2, -1)]),
    slotCase("slot_key_file_long", "A key file's slot has a byte too many", "damaged", [cut(ofFile, 2, 1)]),
    slotCase("slot_recipient", "A recipient's identity opens the archive", "none", [ofRecipient], [self(identity)]),
    slotCase("slot_recipient_other", "The identity is another", "wrong-key", [ofRecipient], [self(otherFile)]),
    slotCase(
      "slot_recipient_altered",
      "A recipient's slot has another encapsulation",
      "wrong-key",
      [altered(ofRecipient, 4 + 1100)],
      [self(identity)],
    ),
    slotCase("slot_recipient_short", "A recipient's slot has a byte too few", "damaged", [cut(ofRecipient, 3, -1)]),
    slotCase("slot_recipient_long", "A recipient's slot has a byte too many", "damaged", [cut(ofRecipient, 3, 1)]),
    slotCase("slot_both", "A passphrase and a key file together open the archive", "none", [ofBoth], [
      passphrase("correct horse"),
      file(keyFile),
    ]),
    slotCase("slot_both_no_file", "The passphrase is right, and the key file it needs is missing", "wrong-key", [ofBoth], [
      passphrase("correct horse"),
    ]),
    slotCase("slot_both_no_passphrase", "The key file is right, and the passphrase it needs is missing", "wrong-key", [
      ofBoth,
    ], [file(keyFile)]),
    slotCase("slot_both_other_file", "The passphrase is right, and the key file is another", "wrong-key", [ofBoth], [
      passphrase("correct horse"),
      file(otherFile),
    ]),
    slotCase("slot_all_kinds_key_file", "Of four slots, one of each kind, the key file's opens", "none", all, [
      file(keyFile),
    ]),
    slotCase("slot_all_kinds_passphrase", "Of four slots, one of each kind, the passphrase's opens", "none", all, [
      passphrase("correct horse"),
    ]),
  ];
}

function alteredWithSlot(slot: Slot): Bytes {
  return sealSmall((draft) => {
    draft.slots = [slot];
    draft.onCopy = (copy, _, builder) => builder.alterCopy(copy, set(40, 1, 2, 3), "checksum");
  }).bytes;
}

function stateCases(): VectorCase[] {
  const known = (
    name: string,
    about: string,
    outcomes: Outcome | readonly [Outcome, Outcome],
    change: (draft: Draft) => void,
  ) =>
    changed(name, about, outcomes, (draft) => {
      draft.state = "known";
      change(draft);
    });
  // One sealing for both copies: two of them would be two states.
  const record = (plain: (bytes: Bytes) => void, kind: RecordKind = "state"): (draft: Draft) => void => (draft) => {
    let sealed: Bytes | undefined;
    draft.onCopy = (copy, _, builder) =>
      builder.alterCopy(copy, (bytes) => {
        const state = encodeState({ kind: "streamed", generation: 1 });
        plain(state);
        sealed ??= builder.record(kind, state);
        bytes.set(sealed, 32);
      });
  };
  return [
    changed("state_not_authentic", "The state record does not authenticate, though the header does", "malformed", (draft) => {
      draft.onCopy = (copy, _, builder) => builder.alterCopy(copy, set(100, 1, 2, 3));
    }),
    changed("state_is_a_locator", "The state record was sealed as a locator", "malformed", record(() => {}, "locator")),
    changed("state_kind_3", "The state record is of an unknown kind", "malformed", record(set(0, 3))),
    changed("state_reserved", "A reserved byte of the state record is not zero", "malformed", record(set(1, 1))),
    changed("state_fill", "The fill of the state record is not zero", "malformed", record(set(207, 1))),
    known(
      "state_wrong_hash",
      "The state names another locator's hash; with random access that looks like damage",
      ["inconsistent", "damaged"],
      (draft) => draft.onState = (state) => state.kind === "known" ? { ...state, locatorHash: new Uint8Array(32) } : state,
    ),
    known(
      "state_other_trailer",
      "The state and the locator name different places",
      "inconsistent",
      (draft) =>
        draft.onState = (state) =>
          state.kind === "known" ? { ...state, locator: { ...state.locator, trailerBytes: 160 } } : state,
    ),
    known(
      "state_longer",
      "The state says that the archive is a page longer; with random access that looks like a cut",
      ["inconsistent", "truncated"],
      (draft) =>
        draft.onState = (state) =>
          state.kind === "known"
            ? { ...state, locator: { ...state.locator, length: state.locator.length + PAGE } }
            : state,
    ),
  ];
}

/** A whole archive of each kind. */
function wholeCases(): VectorCase[] {
  return ([1, 2] as const).flatMap((suite) =>
    (["known", "streamed"] as const).flatMap((state) =>
      [undefined, 3].map((level): VectorCase => {
        const draft = draftOf(smallTree(), 256, { suite });
        draft.state = state;
        draft.level = level;
        const cipher = suite === 1 ? "ChaCha20-Poly1305" : "AES-256-GCM";
        const how = level === undefined ? "stored" : "compressed";
        return {
          name: `whole_suite_${suite}_${state}_${how}`,
          about: `A whole archive: ${cipher}, ${how}, ${state === "known" ? "in a file" : "written to a pipe"}`,
          bytes: sealDraft(draft).bytes,
          stream: "none",
          seek: "none",
        };
      })
    )
  );
}

/** All vectors about the header. */
export async function headerCases(): Promise<VectorCase[]> {
  return [...wholeCases(), ...copyCases(), ...featureCases(), ...await slotCases(), ...await keySlotCases(), ...stateCases()];
}
