/**
 * Names as text on a terminal. A name may hold anything but NUL and `/`: line feeds that forge a second line, escape
 * sequences that move the cursor, marks that turn the direction of text around, characters of no width. Shown as they
 * are, they make one name look like another.
 */

/**
 * Controls (C0, C1, DEL), format characters (the marks of direction, zero-width ones, the byte order mark), line and
 * paragraph separators, lone surrogates, and what else has no look of its own; but not the selector that makes the
 * character before it an emoji, or plain.
 */
const UNSAFE = /(?!(?<=\p{Emoji})[\uFE0E\uFE0F])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Most names hold nothing of the kind: this is quicker than a replacement that changes nothing. */
// deno-lint-ignore no-control-regex -- control characters are what is looked for
const PLAIN = /^[^\u0000-\u001f\u007f-\uffff\\]*$/;

function escapeCharacter(character: string): string {
  const code = (character.codePointAt(0) as number).toString(16);
  return code.length <= 2 ? `\\x${code.padStart(2, "0")}` : `\\u{${code}}`;
}

/**
 * A name for a terminal or a line of text. Unsafe characters become `\x0a` or `\u{202e}` and a backslash is doubled,
 * so that no two names are shown alike and the exact name can be read back.
 */
export function escapeName(name: string): string {
  if (PLAIN.test(name)) return name;
  return name.replaceAll("\\", "\\\\").replace(UNSAFE, escapeCharacter);
}

/** A name inside a message: escaped as {@linkcode escapeName} does it, between double quotes. */
export function quoteName(name: string): string {
  return `"${escapeName(name).replaceAll('"', "\\x22")}"`;
}

/**
 * A message for a terminal, whatever went into it: unsafe characters are escaped, backslashes are left, so that names
 * that are escaped already stay as they are.
 */
export function escapeMessage(message: string): string {
  return message.replace(UNSAFE, escapeCharacter);
}

/**
 * JSON with every unsafe character as a `\uXXXX`, of which `JSON.stringify` only does a few: the same value to a
 * program, and harmless on a terminal.
 */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE, (character) => {
    let escaped = "";
    for (let i = 0; i < character.length; i++) {
      escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
    }
    return escaped;
  });
}
