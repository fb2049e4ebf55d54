/** Where the frames of an archive are, found by walking them with the key. */
import type { Bytes, SuiteId } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { segmentCipher } from "../../src/archive/segment_tail.ts";
import { FRAME_OVERHEAD, FRAME_TYPE, frameLength } from "../../src/format/frame.ts";
import { deriveArchiveId, KEY_BYTES } from "../../src/format/keys.ts";
import { TEST_KEY } from "./archive_builder.ts";

/** What a range of an archive's bytes is. */
export type RegionName = keyof typeof FRAME_TYPE | "copyA" | "copyB" | "salt" | "locator";

/** A range of an archive's bytes. */
export interface Region {
  readonly name: RegionName;
  /** The number, of a frame. */
  readonly frame?: number;
  readonly start: number;
  readonly end: number;
}

/** All regions of an archive with headers of one page, in order and without gaps. */
export function regionsOf(bytes: Bytes, suite: SuiteId): Region[] {
  const regions: Region[] = [
    { name: "copyA", start: 0, end: 4096 },
    { name: "copyB", start: 4096, end: 8192 },
    { name: "salt", start: 8192, end: 8192 + KEY_BYTES },
  ];
  const keys = { engine: nativeEngine, suite, archiveKey: TEST_KEY, id: deriveArchiveId(nativeEngine, TEST_KEY) };
  const salt = bytes.slice(8192, 8192 + KEY_BYTES);
  const cipher = segmentCipher(keys, { salt, number: 0, link: new Uint8Array(KEY_BYTES) });
  let start = 8192 + KEY_BYTES;
  for (let frame = 0;; frame++) {
    const head = cipher.openHead(frame, bytes.subarray(start, start + FRAME_OVERHEAD));
    const end = start + frameLength(head.stored);
    const name = Object.entries(FRAME_TYPE).find(([, type]) => type === head.type)?.[0] as RegionName;
    regions.push({ name, frame, start, end });
    start = end;
    if (name === "end") break;
  }
  regions.push({ name: "locator", start, end: bytes.length });
  return regions;
}
