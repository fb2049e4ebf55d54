"""FORMAT.md's sections Segment table and Snapshot table."""

from .header import Record, check_record
from .values import TIMES, columns, end_of, in_range, need

PAGE_ROWS = 256
SEGMENT_UNIT = 4096


def listed_from(frame, number):
    """The first segment that a table lists itself. What it is to list is compared with its count."""
    first = PAGE_ROWS * ((number - 1) // PAGE_ROWS) if number > 0 else 0
    need(number < 65_536 and frame.rows == number - first, "malformed", "a table of so many rows")
    need(frame.rows > 0 or not frame.raw, "malformed", "a table that is not empty")
    return first


def check_segment_table(frame, number, start, link, earlier, kind):
    """Checks the table in segment `number`, which begins at `start`, against what the segments before it are."""
    first = listed_from(frame, number)
    if frame.rows == 0:
        return
    found = columns(frame.raw, set(range(1, 8)))
    pages = first // PAGE_ROWS
    need(set(found) >= set(range(1, 7)) and (7 in found or pages == 0), "malformed", "a segment table lacks a column")
    offset, before = found[1].varint(), found[1].take(32)
    need(first > 0 or (offset, before) == (0, bytes(32)), "malformed", "segment 0 follows another")
    listed = []
    for position in range(frame.rows):
        length = SEGMENT_UNIT * found[2].varint()
        generation = found[3].varint()
        salt, hashed = found[4].take(32), found[5].take(32)
        places = [found[6].varint() for _ in range(5)]
        record = Record(
            generation=generation,
            number=first + position,
            offset=offset,
            length=length,
            salt=salt,
            link=before,
            index_offset=offset + places[0],
            index_frame=places[1],
            trailer_offset=offset + places[0] + places[2],
            trailer_frame=places[1] + places[3],
            trailer_bytes=places[4],
            snapshots=first + position + 1,
        )
        check_record(record)
        listed.append((record, hashed))
        offset += length
        before = hashed
    full = []
    for _ in range(pages):
        salt, holder_link = found[7].take(32), found[7].take(32)
        full.append((salt, holder_link, tuple(found[7].varint() for _ in range(3))))
    end_of(found)
    need((offset, before) == (start, link), "inconsistent", "a segment table does not lead up to its segment")
    true = [(segment.locator, segment.hash) for segment in earlier[first:]]
    need(listed == true, "inconsistent", "a segment table that is not true")
    holders = [earlier[PAGE_ROWS * (page + 1)] for page in range(pages)]
    held = [(holder.salt, holder.locator.link, holder.tables[kind]) for holder in holders]
    need(full == held, "inconsistent", "a full page is not where it is said to be")


def check_snapshot_table(frame, number, start, earlier, kind):
    first = listed_from(frame, number)
    if frame.rows == 0:
        return
    found = columns(frame.raw, set(range(1, 6)))
    pages = first // PAGE_ROWS
    need({1, 3} <= set(found) and (5 in found or pages == 0), "malformed", "a snapshot table lacks a column")
    listed = []
    for _ in range(frame.rows):
        seconds = in_range(found[1].zigzag(), TIMES[0], TIMES[-1], "a time")
        nanoseconds = in_range(found[1].varint(), 0, 999_999_999, "nanoseconds")
        text = found[2].string() if 2 in found else b""
        need(len(text) <= 1024, "malformed", "a label is too long")
        totals = [found[3].varint() for _ in range(6)]
        flags = found[4].u8() if 4 in found else 0
        need(flags & ~5 == 0, "malformed", "flags")
        listed.append(((seconds, nanoseconds), text.decode(), totals, flags & 1 != 0, flags & 4 != 0))
    full = [tuple(found[5].varint() for _ in range(3)) for _ in range(pages)]
    end_of(found)
    true = [
        (snapshot.time, snapshot.label, snapshot.totals, snapshot.partial, snapshot.checkpoint)
        for snapshot in (segment.snapshot for segment in earlier[first:])
    ]
    need(listed == true, "inconsistent", "a snapshot table that is not true")
    held = [earlier[PAGE_ROWS * (page + 1)].tables[kind] for page in range(pages)]
    need(full == held, "inconsistent", "a full page is not where it is said to be")
