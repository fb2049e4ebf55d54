/** Changes of byte strings and texts that know nothing of what they mean. */
import type { Bytes } from "../../src/engine/engine.ts";
import { joined } from "../archive/archive_draft.ts";
import { varint } from "../archive/raw_columns.ts";
import type { Chance } from "./chance.ts";

/** Nothing grows beyond this, or the fuzzer would only measure how long long inputs take. */
const MAX_BYTES = 2 ** 20;

/** Changes a byte string in one place. */
export function mutateBytes(raw: Bytes, chance: Chance): Bytes {
  const at = chance.place(raw.length);
  const [before, after] = [raw.subarray(0, at), raw.subarray(at)];
  const length = 1 + chance.below(chance.oneIn(4) ? 64 : 8);
  const changed = after.slice();
  switch (chance.below(9)) {
    case 0:
      if (changed.length > 0) changed[0] = chance.pick([0, 1, 0x7f, 0x80, 0xff, chance.below(256)]);
      return joined(before, changed);
    case 1:
      if (changed.length > 0) changed[0] = (changed[0] as number) ^ (2 ** chance.below(8));
      return joined(before, changed);
    case 2:
      return joined(before, after.subarray(length));
    case 3:
      return joined(before, new Uint8Array(length).fill(chance.below(256)), after);
    case 4:
      return raw.length > MAX_BYTES ? raw : joined(before, after.subarray(0, length), after);
    case 5:
      return joined(before, varint(chance.number(chance.below(300)), 1 + chance.below(3)), after.subarray(1));
    case 6:
      return joined(before, chance.bytes(length), after.subarray(length));
    case 7: {
      // Two ranges change places, or one is copied over the other.
      const from = chance.place(raw.length);
      const other = raw.subarray(from, from + length);
      return joined(before, other, after.subarray(chance.oneIn(2) ? other.length : 0));
    }
    default:
      return before;
  }
}

/** Changes a byte string in a few places. */
export function mutateBytesOften(raw: Bytes, chance: Chance): Bytes {
  let bytes = raw;
  for (let left = 1 + chance.below(3); left > 0; left--) bytes = mutateBytes(bytes, chance);
  return bytes;
}

const CHARACTERS = [
  ..."aZ0 /\\.*?[]{}!^-,:\"'\n\t\0\r#=1\u00e9\u0301\u202e\ufeff\u{1f600}\u2028\x1b\x7f",
  String.fromCharCode(0xd800),
];

/** Changes a text in one place. */
export function mutateText(text: string, chance: Chance): string {
  const at = chance.below(text.length + 1);
  const length = 1 + chance.below(4);
  const [before, after] = [text.slice(0, at), text.slice(at)];
  switch (chance.below(6)) {
    case 0:
      return before + chance.pick(CHARACTERS) + after;
    case 1:
      return before + chance.pick(CHARACTERS) + after.slice(1);
    case 2:
      return before + after.slice(length);
    case 3:
      return text.length > 4096 ? before : before + after.slice(0, length) + after;
    case 4:
      return chance.oneIn(2) ? text.toUpperCase() : text.toLowerCase();
    default:
      return text.length > 4096 ? after : before + chance.pick(CHARACTERS).repeat(chance.below(40)) + after;
  }
}
