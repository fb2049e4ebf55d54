/** What an archive says about itself as a whole. */
import type { Bytes } from "../engine/engine.ts";
import type { Header } from "../format/header.ts";
import type { Totals, Trailer } from "../format/tables.ts";
import { type Suite, suiteName } from "./suite.ts";

/** What an archive says about itself as a whole. */
export interface ArchiveSummary {
  /**
   * The snapshot's id, 64 hexadecimal digits: changes with every change of the archive. An id that was kept elsewhere
   * tells whether the whole archive was put back to an earlier state, the one thing its own seals cannot tell.
   */
  readonly id: string;
  /** The cipher it is sealed with. */
  readonly suite: Suite;
  /** Bytes of the whole archive. */
  readonly length: number;
  /** The label given at creation, or empty. */
  readonly label: string;
  /** When it was begun. */
  readonly time: Date;
  /** How many entries of which kind it has, and how many bytes of content. */
  readonly totals: Totals;
  /** Whether some entries could not be stored, or changed while they were stored. */
  readonly partial: boolean;
  /** Program and version that wrote it, or empty: for reports only. */
  readonly writer: string;
}

/** Puts a summary together. `id` has 32 bytes. */
export function summaryOf(header: Header, trailer: Trailer, id: Bytes, length: number): ArchiveSummary {
  const { time, label, totals, partial, writer } = trailer;
  return {
    id: idText(id),
    suite: suiteName(header.suite),
    length,
    label,
    time: new Date(time.seconds * 1000 + Math.floor(time.nanoseconds / 1_000_000)),
    totals,
    partial,
    writer,
  };
}

/** An id's 32 bytes as 64 lower-case hexadecimal digits. */
export function idText(id: Bytes): string {
  return Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
