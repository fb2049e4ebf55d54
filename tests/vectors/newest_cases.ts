/** Vectors about finding the newest segment: what the header says of it, what the file has, and what follows. */
import type { Bytes } from "../../src/engine/engine.ts";
import { SEVERAL_SEGMENTS } from "../../src/format/header.ts";
import type { Locator } from "../../src/format/locator.ts";
import { seededRandom } from "../archive/archive_builder.ts";
import { type Draft, joined, sealDrafts } from "../archive/archive_draft.ts";
import { threeDrafts } from "./segment_cases.ts";
import type { Outcome, VectorCase } from "./vector_case.ts";

const HEADER_BYTES = 8192;
const PAGE = 4096;

/** The first two snapshots, changed and sealed, with the header of the segment of that number. */
function sealTwo(change: (update: Draft, first: Draft) => void = () => {}, known = 1): Bytes {
  const drafts = threeDrafts(([first, update]) => change(update, first)).slice(0, 2);
  return sealDrafts(drafts, known).bytes;
}

/** Where the second of two segments begins: each has one page. */
const SECOND = HEADER_BYTES + PAGE;

function altered(bytes: Bytes, alter: (bytes: Bytes) => void): Bytes {
  const copy = bytes.slice();
  alter(copy);
  return copy;
}

/** All newest cases. */
export function newestCases(): VectorCase[] {
  const vector = (
    name: string,
    about: string,
    [stream, seek]: readonly [stream: Outcome, seek: Outcome],
    bytes: Bytes,
    more: Partial<VectorCase> = {},
  ): VectorCase => ({ name, about, bytes, stream, seek, ...more });
  const both = (outcome: Outcome) => [outcome, outcome] as const;
  const locator = (change: (locator: Locator) => Partial<Locator>) =>
    sealTwo((update) => {
      update.onLocator = (locator) => ({ ...locator, ...change(locator) });
    });
  const two = sealTwo();
  const ahead = sealTwo(undefined, 0);
  const fork = sealTwo((update) => {
    update.options = { seed: 100 };
  });
  const foreign = sealTwo((_, first) => {
    first.options = { seed: 50 };
  });
  const end = two.length;
  const noise = seededRandom(3);
  const interrupted = { seekWarnings: 1 };
  return [
    vector(
      "newest_ahead",
      "A second segment is whole, and the header does not know of it: its update was interrupted",
      ["trailing-data", "none"],
      ahead,
    ),
    vector(
      "newest_ahead_bad_locator",
      "A second segment that the header does not know of stands up to its end frame, and its locator is damaged",
      ["trailing-data", "damaged"],
      altered(ahead, (bytes) => bytes[end - 1]! ^= 1),
    ),
    vector(
      "newest_ahead_cut",
      "A second segment that the header does not know of ends before its end frame",
      ["trailing-data", "none"],
      ahead.slice(0, end - 1000),
      interrupted,
    ),
    vector(
      "newest_ahead_no_link",
      "A segment follows whose link is not the hash of the one that the header knows",
      both("trailing-data"),
      joined(ahead.subarray(0, SECOND), foreign.subarray(SECOND)),
    ),
    vector(
      "newest_tail_79_bytes",
      "Too few bytes follow to say what they are",
      ["trailing-data", "none"],
      joined(two, noise(79)),
      interrupted,
    ),
    vector(
      "newest_tail_80_bytes",
      "Enough bytes follow to be a salt and a frame's head, and are neither",
      both("trailing-data"),
      joined(two, noise(80)),
    ),
    vector(
      "newest_tail_zeros",
      "A page of zeros follows, as a disk gives what it had not written, and then other bytes",
      ["trailing-data", "none"],
      joined(two, new Uint8Array(PAGE), noise(100)),
      interrupted,
    ),
    vector(
      "newest_tail_almost_zeros",
      "A page follows that is all zeros but for its last byte",
      both("trailing-data"),
      joined(two, new Uint8Array(PAGE).with(PAGE - 1, 1) as Bytes),
    ),
    vector(
      "newest_repeated",
      "The newest segment stands twice: its second locator does not fit its place",
      both("trailing-data"),
      joined(two, two.subarray(SECOND)),
    ),
    vector("newest_cut_to_first", "The archive was cut to its first segment", both("truncated"), two.slice(0, SECOND)),
    vector("newest_cut_in_last_page", "The archive lacks its last byte", both("truncated"), two.slice(0, end - 1)),
    vector(
      "newest_first_missing",
      "The first segment was taken out from before the second",
      ["damaged", "truncated"],
      joined(two.subarray(0, HEADER_BYTES), two.subarray(SECOND)),
    ),
    vector(
      "newest_swapped",
      "Both segments are there, and the second comes first",
      both("damaged"),
      joined(two.subarray(0, HEADER_BYTES), two.subarray(SECOND), two.subarray(HEADER_BYTES, SECOND)),
    ),
    vector(
      "newest_of_a_fork",
      "The second segment is that of another continuation of the first, which the header does not know",
      ["inconsistent", "damaged"],
      joined(two.subarray(0, SECOND), fork.subarray(SECOND)),
    ),
    vector(
      "newest_locator_damaged",
      "The newest locator, which the header knows, is damaged",
      both("damaged"),
      altered(two, (bytes) => bytes[end - 1]! ^= 1),
    ),
    vector(
      "newest_first_locator_damaged",
      "The locator of the first of two segments is damaged, which random access does not read",
      ["damaged", "none"],
      altered(two, (bytes) => bytes[SECOND - 1]! ^= 1),
    ),
    vector(
      "newest_feature_missing",
      "An archive of two segments lacks the feature several segments",
      both("malformed"),
      sealTwo((update) => {
        update.onHeader = (header) => ({ ...header, readFeatures: header.readFeatures - SEVERAL_SEGMENTS });
      }),
    ),
    vector(
      "newest_feature_alone",
      "An archive of one segment has the feature several segments",
      both("none"),
      sealTwo((_, first) => {
        first.onHeader = (header) => ({ ...header, readFeatures: SEVERAL_SEGMENTS });
      }, 0).slice(0, SECOND),
    ),
    vector(
      "newest_streamed_state",
      "The header of two segments says that the archive was streamed, so that nothing may follow the first",
      both("trailing-data"),
      sealTwo((update) => {
        update.state = "streamed";
      }),
    ),
    vector(
      "newest_snapshots",
      "Locator and state of the second segment count three snapshots",
      ["inconsistent", "malformed"],
      locator(() => ({ snapshots: 3 })),
    ),
    vector(
      "newest_number",
      "Locator and state of the second segment call it the first, with its offset",
      ["inconsistent", "malformed"],
      locator((locator) => ({ segment: { ...locator.segment, number: 0 }, snapshots: 1 })),
    ),
    vector(
      "newest_link",
      "Locator and state of the second segment have another link, under which its frames do not open",
      ["inconsistent", "damaged"],
      locator((locator) => ({ segment: { ...locator.segment, link: new Uint8Array(32).fill(1) } })),
    ),
    vector(
      "newest_salt",
      "Locator and state of the second segment have another salt, under which its frames do not open",
      ["inconsistent", "damaged"],
      locator((locator) => ({ segment: { ...locator.segment, salt: new Uint8Array(32).fill(1) } })),
    ),
    vector(
      "newest_generation",
      "The second segment's locator is of a newer header than the one there is, and than the state says",
      ["rolled-back", "inconsistent"],
      sealTwo((update) => {
        update.onLocator = (locator) => ({ ...locator, generation: 2 });
        update.onState = (state) =>
          state.kind === "known" ? { ...state, locator: { ...state.locator, generation: 1 } } : state;
      }),
    ),
    vector(
      "newest_state_other",
      "The state says another generation of the newest segment than its locator, with that one's hash",
      both("inconsistent"),
      sealTwo((update) => {
        update.onState = (state) =>
          state.kind === "known" ? { ...state, locator: { ...state.locator, generation: 0 } } : state;
      }),
    ),
    vector(
      "newest_trailer_of_first",
      "The first segment's locator names a trailer frame of another number, which random access does not use",
      ["inconsistent", "none"],
      sealTwo((_, first) => {
        first.onLocator = (locator) => ({
          ...locator,
          trailer: { ...locator.trailer, frame: locator.trailer.frame + 1 },
        });
      }),
    ),
    vector(
      "newest_second_file_damaged",
      "A block of the second segment is damaged",
      both("damaged"),
      altered(two, (bytes) => bytes[SECOND + 100]! ^= 1),
    ),
  ];
}

