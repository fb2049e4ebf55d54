/** Entries as JSON. */
import type { Row } from "../../format/row.ts";
import type { JsonRecord } from "../ui/ui.ts";

/** One entry as JSON, schema `coffer/list/1`. */
export function entryJson(row: Row): JsonRecord {
  const { seconds, nanoseconds } = row.mtime;
  return {
    schema: "coffer/list/1",
    path: row.path,
    kind: row.kind,
    size: row.size,
    mode: row.mode.toString(8).padStart(4, "0"),
    mtime: new Date(seconds * 1000 + Math.floor(nanoseconds / 1_000_000)).toISOString(),
    owner: row.owner === undefined ? null : { ...row.owner },
    link: row.link === "" ? null : row.link,
    changed: row.changed,
  };
}
