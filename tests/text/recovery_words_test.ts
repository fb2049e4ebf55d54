import { assertEquals, assertThrows } from "@std/assert";
import { decodeRecoveryWords, encodeRecoveryWords } from "../../src/text/recovery_words.ts";

/** From BIP 39's published vectors: entropy, words. */
const VECTORS: readonly (readonly [entropy: string, words: string])[] = [
  ["00".repeat(32), `${"abandon ".repeat(23)}art`],
  [
    "7f".repeat(32),
    `${"legal winner thank year wave sausage worth useful ".repeat(2)}legal winner thank year wave sausage worth title`,
  ],
  [
    "80".repeat(32),
    `${
      "letter advice cage absurd amount doctor acoustic avoid ".repeat(2)
    }letter advice cage absurd amount doctor acoustic bless`,
  ],
  ["ff".repeat(32), `${"zoo ".repeat(23)}vote`],
  [
    "68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c",
    "hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length",
  ],
];

Deno.test("encodeRecoveryWords() and decodeRecoveryWords() give BIP 39's vectors", () => {
  for (const [entropy, words] of VECTORS) {
    assertEquals(encodeRecoveryWords(Uint8Array.fromHex(entropy)), words);
    assertEquals(decodeRecoveryWords(words).toHex(), entropy);
  }
});

Deno.test("decodeRecoveryWords() takes words as people write them down", () => {
  const [entropy, words] = VECTORS[4] as readonly [string, string];
  const list = words.split(" ");
  const forms = [
    words.toUpperCase(),
    list.map((word, i) => `${i + 1}. ${word}\n`).join(""),
    list.join("-"),
    list.map((word) => word.slice(0, 4)).join(" "),
  ];
  for (const form of forms) assertEquals(decodeRecoveryWords(form).toHex(), entropy, form);
});

Deno.test("decodeRecoveryWords() says what is wrong, and shows no word", () => {
  const list = (VECTORS[4] as readonly [string, string])[1].split(" ");
  const cases: readonly (readonly [text: string, message: string])[] = [
    [list.slice(1).join(" "), "there are 23 of them"],
    ["", "there are 0 of them"],
    [list.with(6, "qwertyuiop").join(" "), "word 7 is not in the list"],
    [list.with(6, "zoo").join(" "), "checksum"],
    [list.with(1, list[0] as string).with(0, list[1] as string).join(" "), "checksum"],
  ];
  for (const [text, message] of cases) {
    const error = assertThrows(() => decodeRecoveryWords(text), RangeError, message);
    for (const word of list.filter((word) => word.length > 5)) {
      assertEquals(error.message.includes(word), false, error.message);
    }
  }
});
