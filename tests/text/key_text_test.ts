import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import fc from "fast-check";
import {
  decodeKeyLines,
  decodeKeyText,
  encodeKeyText,
  KeyTextError,
  type KeyTextKind,
} from "../../src/text/key_text.ts";

const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i);
const PUBLIC = Uint8Array.from({ length: 1216 }, (_, i) => i % 251);
const KEYS: Readonly<Record<KeyTextKind, Uint8Array>> = { "key-file": SECRET, "identity": SECRET, "recipient": PUBLIC };
const KINDS = Object.keys(KEYS) as KeyTextKind[];

function fault(kind: KeyTextKind, text: string): KeyTextError {
  return assertThrows(() => decodeKeyText(kind, text), KeyTextError);
}

Deno.test("encodeKeyText() gives lines that FORMAT.md's test values have", () => {
  assertEquals(
    encodeKeyText("key-file", SECRET),
    "COFFER-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0S7QWG78",
  );
  assertEquals(
    encodeKeyText("identity", SECRET),
    "COFFER-IDENTITY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0SZKGW4F",
  );
  const recipient = encodeKeyText("recipient", PUBLIC);
  const hash = nativeEngine.sha256(new TextEncoder().encode(recipient));
  assertEquals(hash.toHex(), "e96d58a3ac79b27deac2729ca5a651d99e4be509be8c7b630bd1b4152d21277c");
  assertMatch(encodeKeyText("recipient", PUBLIC), /^coffer1[a-z0-9]{1952}$/);
});

Deno.test("decodeKeyText() gives back every key, in either case, with blanks around it", () => {
  for (const kind of KINDS) {
    const text = encodeKeyText(kind, KEYS[kind]);
    for (const form of [text, text.toLowerCase(), text.toUpperCase(), `  ${text}\r`]) {
      assertEquals(Uint8Array.from(decodeKeyText(kind, form)), Uint8Array.from(KEYS[kind]));
    }
  }
  fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
    assertEquals(Uint8Array.from(decodeKeyText("key-file", encodeKeyText("key-file", key))), Uint8Array.from(key));
  }));
});

Deno.test("decodeKeyText() calls every single wrong, missing, doubled or swapped character a typo", () => {
  for (const kind of ["key-file", "identity"] as const) {
    const text = encodeKeyText(kind, SECRET);
    const from = text.indexOf("-1") + 2;
    for (let at = from; at < text.length; at++) {
      const wrong = text[at] === "Q" ? "P" : "Q";
      const changed = [
        text.slice(0, at) + wrong + text.slice(at + 1),
        text.slice(0, at) + text.slice(at + 1),
        text.slice(0, at) + text[at] + text.slice(at),
        text.slice(0, at) + "b" + text.slice(at + 1),
      ];
      for (const one of changed) assertEquals(fault(kind, one).reason, "typo", one);
    }
    assertEquals(fault(kind, text.slice(0, -9)).reason, "typo");
    assertEquals(fault(kind, text.replace("COFFER", "coffer")).reason, "typo");
  }
  assertEquals(fault("key-file", encodeKeyText("key-file", SECRET).replace("-KEY-", "-KYE-")).reason, "typo");
});

Deno.test("decodeKeyText() tells another kind of key from a typo, and says what it is", () => {
  for (const kind of KINDS) {
    for (const other of KINDS) {
      if (other === kind) continue;
      const error = fault(kind, encodeKeyText(other, KEYS[other]));
      assertEquals(error.reason, "other-kind");
      assertMatch(
        error.message,
        { "key-file": /a key file/, "identity": /an identity/, "recipient": /a recipient/ }[other],
      );
    }
    assertMatch(fault(kind, "AGE-SECRET-KEY-1XYZ").message, /of age/);
    assertMatch(fault(kind, "ssh-ed25519 AAAA me").message, /another program/);
    assertMatch(fault(kind, "-----BEGIN PRIVATE KEY-----").message, /another program/);
    assertEquals(fault(kind, "").reason, "no-key");
    assertEquals(fault(kind, "hello").reason, "no-key");
  }
});

Deno.test("decodeKeyText() shows nothing of what it refuses", () => {
  const text = encodeKeyText("key-file", SECRET);
  for (const one of [text.slice(0, -1), text.toLowerCase().replace("q", "p"), `x${text}`]) {
    const { message } = fault("key-file", one);
    for (let at = 12; at + 6 <= text.length; at += 6) {
      assert(!message.toUpperCase().includes(text.slice(at, at + 6)), message);
    }
  }
});

Deno.test("decodeKeyLines() passes over comments and empty lines, and names the line of a fault", () => {
  const line = encodeKeyText("identity", SECRET);
  assertEquals(decodeKeyLines("identity", `# recipient: coffer1x\n\n${line}\n\n${line}`).length, 2);
  assertThrows(() => decodeKeyLines("identity", "# nothing\n"), KeyTextError, "no key is in it");
  assertThrows(() => decodeKeyLines("identity", ""), KeyTextError, "no key is in it");
  assertThrows(() => decodeKeyLines("identity", `${line}\n#\n${line}X\n`), KeyTextError, "line 3: ");
});
