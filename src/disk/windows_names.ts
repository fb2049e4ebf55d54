/** Names that Windows reads as something else than a name in the folder. */

/** Device names, alone or before a dot: `nul`, `NUL.txt`, `COM1 .x`; the digits may be superscripts. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\.|$)/i;
/** What 8.3 aliases look like: `PROGRA~1`, `LONGNA~1.TXT`. Such a name may open a longer-named file. */
const SHORT_ALIAS = /^(?=[^.]{3,8}(?:\.|$))[^.]*~[0-9]+(?:\.[^.]{0,3})?$/;
// deno-lint-ignore no-control-regex -- control characters are what it looks for
const FORBIDDEN = /[\u0000-\u001f<>"|?*]/;

/**
 * Why one part of a path must not be created on Windows, as the end of a sentence; `undefined` when it may. The same
 * string is checked and used: nothing is cleaned up, since cleaning up is how other names come about.
 */
export function windowsNameFault(part: string): string | undefined {
  if (part.includes("\\")) return "a backslash separates folders on Windows";
  if (part.includes(":")) return "a colon names a drive or a stream on Windows";
  if (FORBIDDEN.test(part)) return "it holds a character that Windows does not allow";
  if (part.endsWith(".") || part.endsWith(" ")) return "Windows drops a dot or space at the end of a name";
  if (DEVICE.test(part)) return "it names a device on Windows";
  if (SHORT_ALIAS.test(part)) return "Windows may take it for the short alias of another name";
  return undefined;
}
