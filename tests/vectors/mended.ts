/** What repairing by the recovery layer gives. */
import { encodeHex } from "@std/encoding/hex";
import { mendInto } from "../../src/disk/mend.ts";
import type { Bytes, Engine } from "../../src/engine/engine.ts";
import { joined } from "../archive/archive_draft.ts";
import { CountedSource } from "../archive/sources.ts";

/** The SHA-256 of the mended archive, or `no` when some of it cannot be mended. */
export async function mendedBy(engine: Engine, bytes: Bytes): Promise<string> {
  const pieces: Bytes[] = [];
  const report = await mendInto(engine, new CountedSource(bytes), (piece) => void pieces.push(piece.slice()));
  if (report === undefined || report.hopeless.length > 0) return "no";
  return encodeHex(new Uint8Array(engine.sha256(joined(...pieces))));
}
