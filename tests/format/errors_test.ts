import { assertEquals, assertInstanceOf } from "@std/assert";
import { exitCodeOf } from "../../src/cli/exit_codes.ts";
import { ArchiveError, type ArchiveErrorCode } from "../../src/format/errors.ts";
import { tableOf } from "./format_document.ts";

/** A record, so that the type check fails when a code is added or goes. */
const CODES: Readonly<Record<ArchiveErrorCode, true>> = {
  "not-an-archive": true,
  "newer-version": true,
  "wrong-key": true,
  "damaged": true,
  "malformed": true,
  "inconsistent": true,
  "trailing-data": true,
  "truncated": true,
  "rolled-back": true,
  "unsafe": true,
  "limit": true,
};

Deno.test("ArchiveError keeps code, message, place and cause when it is made with them", () => {
  const cause = new Error("why");
  const error = new ArchiveError("limit", "Cannot do it", { offset: 1, frame: 2, path: "a" }, { cause });
  assertInstanceOf(error, Error);
  assertEquals(error.name, "ArchiveError");
  assertEquals(error.code, "limit");
  assertEquals(error.message, "Cannot do it");
  assertEquals(error.place, { offset: 1, frame: 2, path: "a" });
  assertEquals(error.cause, cause);
});

Deno.test("ArchiveError has an empty place when none is known", () => {
  assertEquals(new ArchiveError("damaged", "Cannot do it").place, {});
});

Deno.test("ArchiveErrorCode has the classes and exit codes of FORMAT.md when compared with its table", () => {
  const documented = tableOf("Failure classes").map(([code, , exit]) => [code?.replaceAll("`", ""), Number(exit)]);
  assertEquals(documented, Object.keys(CODES).map((code) => [code, exitCodeOf(code as ArchiveErrorCode)]));
});
