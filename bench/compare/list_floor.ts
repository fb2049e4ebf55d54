/**
 * Prints the names of an archive's entries, out of a file that holds nothing else: as text, compressed by zstd, sealed
 * as one message under a key and a nonce of zeros. Nobody who lists an encrypted archive does less: nothing is looked
 * for, checked beyond the tag, merged, escaped or made into strings.
 *
 *     deno run -A bench/compare/list_floor.ts FILE BYTES_OF_TEXT
 *
 * @module
 */
import { decipherer, decompressor } from "./system_libraries.ts";

const [path = "", bytes = "0"] = Deno.args;
const sealed = Deno.readFileSync(path);
const compressed = new Uint8Array(sealed.length - 16);
decipherer(new Uint8Array(32))(new Uint8Array(12), sealed, compressed);
const text = new Uint8Array(Number(bytes));
decompressor()(compressed, text);
for (let at = 0; at < text.length;) at += Deno.stdout.writeSync(text.subarray(at));
