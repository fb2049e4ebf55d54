"""FORMAT.md's sections Segment, Frames, Frame order, Index to End, and One truth: reading the whole of an archive."""

import hashlib
import hmac
import os
import struct
import zlib
from dataclasses import dataclass, field

import zstandard

from .header import decode_record, decode_state, open_header
from .keys import Aead, hkdf, hmac256, label
from .rows import FILE, GONE, ROW_COLUMNS, block_table, check_inside, check_rising, decode_block, decode_page
from .tables import check_segment_table, check_snapshot_table
from .recovery import Body
from .values import MAX_VALUE, TIMES, Failure, Reader, columns, end_of, front_coded, in_range, need

CHUNK = 65520
TAG = 16
MAX_CONTENT = MAX_WINDOW = 2**24
BLOCK, PAGE, ORPHANS, INDEX, SEGMENTS, SNAPSHOTS, TRAILER, PADDING, END = range(1, 10)
UNKNOWN = 128
CHUNKS = 129
MAX_TABLE_CHUNKS = 131072
MAX_CHUNK = 16384
# What must stand once, in this order, and how far along a frame of each type is.
ONCE = (INDEX, SEGMENTS, SNAPSHOTS, TRAILER, END)
COUNTED = (BLOCK, PAGE, ORPHANS, INDEX)


@dataclass
class Frame:
    number: int
    offset: int
    type: int
    rows: int
    raw: bytes
    size: int


class Frames:
    """Takes frames one behind the other."""

    def __init__(self, body, keys, start, number, link):
        self.at = start + 32
        need(len(body) >= self.at, "truncated", "no salt")
        self.body = body
        self.number = 0
        self.salt = bytes(body[start : self.at])
        segment_key = keys.segment_key(self.salt, number, link)
        self.aead = Aead(keys.suite, segment_key)
        self.mark_key = hkdf(segment_key, b"", label("mark"))

    def _take(self, size):
        need(self.at + size <= len(self.body), "truncated", "a frame is cut off")
        self.at += size
        return self.body[self.at - size : self.at]

    def seek(self, number, offset):
        self.number, self.at = number, offset

    def _open(self, chunk, flag, sealed):
        nonce = self.number.to_bytes(7, "big") + chunk.to_bytes(4, "big") + bytes([flag])
        plain = self.aead.open(nonce, sealed)
        need(plain is not None, "damaged", f"frame {self.number} does not open")
        return plain

    def next(self):
        offset = self.at
        need(self.number <= 2**32 - 1, "malformed", "too many frames")
        mark = hmac256(self.mark_key, struct.pack(">Q", self.number))[:8]
        start = self._take(8 + 24 + TAG)
        need(hmac.compare_digest(mark, bytes(start[:8])), "damaged", f"frame {self.number} has no mark")
        kind, codec, zero, raw, stored, rows, crc, zeros = struct.unpack(">BBHIIIII", self._open(0, 2, start[8:]))
        need(zero == 0 and zeros == 0 and codec <= 1, "malformed", "a frame's head")
        need(kind in range(BLOCK, END + 1) or kind >= UNKNOWN, "malformed", "a frame of a type that is refused")
        need(raw <= MAX_CONTENT and stored <= MAX_CONTENT, "limit", "a frame is too large")
        need(codec == 1 or raw == stored, "malformed", "stored bytes of another length")
        need(codec == 0 or stored < raw, "malformed", "compressed bytes that are no fewer")
        need(rows == 0 or kind in COUNTED + (SEGMENTS, SNAPSHOTS) or kind >= UNKNOWN, "malformed", "a count of rows")
        padded = -(-stored // 16) * 16
        chunks = -(-padded // CHUNK)
        content = b"".join(
            self._open(chunk, int(chunk == chunks - 1), self._take(min(CHUNK, padded - chunk * CHUNK) + TAG))
            for chunk in range(chunks)
        )
        need(not any(content[stored:]), "malformed", "a frame is not filled with zeros")
        content = content[:stored] if codec == 0 else decompressed(content[:stored], raw)
        need(zlib.crc32(content) == crc, "malformed", "a CRC does not hold")
        frame = Frame(self.number, offset, kind, rows, content, self.at - offset)
        self.number += 1
        return frame


def decompressed(data, raw):
    """The content of exactly one zstd frame (RFC 8878)."""
    reader = Reader(data)
    need(reader.take(4) == bytes.fromhex("28B52FFD"), "malformed", "no zstd frame")
    descriptor = reader.u8()
    single = descriptor & 0x20 != 0
    need(descriptor & 0x0F == 0, "malformed", "a reserved bit, a checksum or a dictionary")
    if not single:
        byte = reader.u8()
        base = 2 ** (10 + (byte >> 3))
        need(base + base // 8 * (byte & 7) <= MAX_WINDOW, "malformed", "a window that is too large")
    size_bytes = (int(single), 2, 4, 8)[descriptor >> 6]
    need(size_bytes > 0, "malformed", "no content size")
    size = int.from_bytes(reader.take(size_bytes), "little") + (256 if size_bytes == 2 else 0)
    need(size == raw, "malformed", "another content size")
    last = 0
    while not last:
        block = int.from_bytes(reader.take(3), "little")
        last = block & 1
        reader.take(1 if block >> 1 & 3 == 1 else block >> 3)
    reader.end()
    try:
        content = zstandard.ZstdDecompressor().decompress(data, max_output_size=raw)
    except zstandard.ZstdError as error:
        raise Failure("malformed", f"zstd: {error}") from None
    need(len(content) == raw, "malformed", "content of another length")
    return content


class Facts:
    """A multiset hash: what blocks say is added, what pages say is taken away, and nothing must be left."""

    def __init__(self):
        self.key = os.urandom(32)
        self.sum = 0

    def change(self, sign, *fact):
        hashed = hashlib.blake2b(repr(fact).encode(), key=self.key, digest_size=32).digest()
        self.sum = (self.sum + sign * int.from_bytes(hashed, "big")) % 2**256


@dataclass
class Snapshot:
    """What a segment says of its snapshot, and its own run of the catalog."""

    time: tuple
    label: str
    writer: str
    totals: list
    partial: bool
    checkpoint: bool
    below: list  # the numbers of the segments whose runs lie below its own, the newest first
    rows: list = field(default_factory=list)
    orphans: list = field(default_factory=list)


@dataclass
class Segment:
    """A segment that was read."""

    locator: object
    hash: bytes
    salt: bytes
    blocks: dict  # (offset, frame bytes, bytes of data) by frame number
    tables: dict  # (offset, frame number, frame bytes) of SEGMENTS and SNAPSHOTS
    snapshot: Snapshot


class WholeReader:
    """Reads all of an archive from front to back and checks all that a reader of the whole must.

    `sink(row, provisional, slices)` is called with each row of each block, slices being of (offset, bytes). What it
    gets is right only when `read` returns. `segments` are then those read, one for each snapshot."""

    def __init__(self, data, keys, sink):
        self.sink = sink
        self.opened = open_header(data, keys)
        self.body = data[self.opened.body :]
        self.percent = self.opened.copy.percent
        self.bytes = len(self.body)
        if self.percent:
            self.body = Body(self.body, self.percent)
        self.warnings = self.opened.warnings
        self.deduplicated = self.opened.copy.deduplicated
        self.segments = []
        self.streamed = False

    def read(self):
        while True:
            physical = self.body.start_of_last() if self.percent else 0
            segment = SegmentReader(self).read()
            number = len(self.segments)
            self.segments.append(segment)
            state = decode_state(self.opened)
            self.streamed = state is None
            need(number == 0 or self.opened.copy.several, "malformed", "a second segment without the feature")
            is_last = state is None or number >= state[0].number
            same = not is_last or state is None or state == (segment.locator, segment.hash, physical)
            need(same, "inconsistent", "state and locator disagree")
            end = segment.locator.offset + segment.locator.length
            if self.percent:
                end = self.body.end_segment(end)
            if is_last:
                break
        need(end == self.bytes, "trailing-data", "bytes follow the archive")
        return self


class SegmentReader:
    """Reads and checks the segment that follows those that a WholeReader has read."""

    def __init__(self, whole):
        self.sink = whole.sink
        self.opened = whole.opened
        self.deduplicated = whole.deduplicated
        self.body = whole.body
        self.earlier = whole.segments
        self.number = len(self.earlier)
        last = self.earlier[-1] if self.earlier else None
        self.start = last.locator.offset + last.locator.length if last else 0
        self.link = last.hash if last else bytes(32)
        self.facts = Facts()
        self.blocks = {}
        self.tables = {}
        self.pages = []
        self.orphan_pages = 0
        self.before = {PAGE: None, ORPHANS: None}
        self.above = {PAGE: None, ORPHANS: None}  # the last row that is not gone
        self.rows = []
        self.orphans = []
        self.index = self.trailer = self.snapshot = None
        self.open_file = None  # the path of a file whose full row has not come, and where its slices end
        self.closed = set()
        self.out_of_order = False
        self.totals = [0] * 6

    def read(self):
        frames = Frames(self.body, self.opened.keys, self.start, self.number, self.link)
        missing = list(ONCE)
        while missing:
            frame = frames.next()
            self.check_order(frame.type, missing)
            self.take(frame)
        return self.check_end(frames)

    def check_order(self, kind, missing):
        """`missing` are those of ONCE that have not come yet."""
        if kind in ONCE:
            need(kind == missing.pop(0), "malformed", "a frame is missing, or out of order")
            return
        before = {PADDING: END, BLOCK: INDEX, PAGE: INDEX, ORPHANS: INDEX}.get(kind, TRAILER)
        need(missing[0] == before, "malformed", "a frame is out of order")
        if kind in (BLOCK, PAGE):
            need(self.orphan_pages == 0 and (kind == PAGE or not self.pages), "malformed", "a frame is out of order")

    def take(self, frame):
        if frame.type == BLOCK:
            self.take_block(frame)
        elif frame.type in (PAGE, ORPHANS):
            self.take_page(frame)
        elif frame.type == INDEX:
            self.take_index(frame)
        elif frame.type in (SEGMENTS, SNAPSHOTS):
            self.tables[frame.type] = (frame.offset, frame.number, frame.size)
            if frame.type == SEGMENTS:
                check_segment_table(frame, self.number, self.start, self.link, self.earlier, SEGMENTS)
            else:
                check_snapshot_table(frame, self.number, self.start, self.earlier, SNAPSHOTS)
        elif frame.type == CHUNKS:
            self.take_chunks(frame)
        elif frame.type == TRAILER:
            self.take_trailer(frame)
        elif frame.type == PADDING:
            need(not any(frame.raw), "malformed", "padding that is not zero")
        elif frame.type == END:
            need(not frame.raw, "malformed", "an end with content")

    def take_block(self, frame):
        block, data = decode_block(frame.raw, frame.rows)
        self.blocks[frame.number] = (frame.offset, frame.size, len(data))
        for row, provisional, slices in block:
            self.follow(row, provisional, slices)
            if not provisional:
                self.facts.change(1, "row", tuple(row))
            for offset, length, place in slices:
                self.facts.change(1, "slice", row.path, frame.number, offset, length, place)
        for row, provisional, slices in block:
            self.sink(row, provisional, [(offset, data[at : at + length]) for offset, length, at in slices])

    def follow(self, row, provisional, slices):
        """How the rows of one file follow one another from block to block. What is wrong is told behind the pages."""
        if self.open_file is not None and self.open_file[0] != row.path:
            self.closed.add(self.open_file[0])
            self.open_file = None
        start = self.open_file[1] if self.open_file else 0
        if row.path in self.closed or slices and slices[0][0] < start:
            self.out_of_order = True
        if provisional:
            self.open_file = (row.path, slices[-1][0] + slices[-1][1] if slices else start)
        else:
            self.open_file = None
            self.closed.add(row.path)

    def take_page(self, frame):
        is_catalog = frame.type == PAGE
        may_share = self.deduplicated and is_catalog
        page, blocks, continues = decode_page(frame.raw, frame.rows, self.number, is_catalog, may_share)
        lengths = {(segment, number): self.data_length(number, offset, size, segment) for number, offset, size, segment in blocks}
        for entry in page:
            for _, length, place, number, segment, shared in entry.extents:
                within = not shared or place + length <= lengths[segment, number]
                need(within, "inconsistent", "shared content behind its block")
        before = self.before[frame.type]
        first = page[0]
        if continues:
            need(before is not None and before.alone, "malformed", "a page continues what it cannot")
            same = (before.row, before.provisional, before.mark) == (first.row, first.provisional, first.mark)
            need(same, "malformed", "a page continues another row")
            need(not first.extents or first.extents[0][0] >= before.end, "malformed", "continued extents do not rise")
        elif before is not None:
            check_rising(before.row.path, first.row.path)
        there = [entry.row for entry in page[int(continues) :] if entry.mark != GONE]
        if there and self.above[frame.type] is not None:
            check_inside(self.above[frame.type], there[0])
        if there:
            self.above[frame.type] = there[-1]
        if frame.type == PAGE:
            self.pages.append((first.row.path, frame.number, frame.offset, frame.size, frame.rows))
        else:
            self.orphan_pages += 1
        for position, entry in enumerate(page):
            row, provisional, mark, extents = entry
            need(not provisional or frame.type == ORPHANS, "malformed", "a provisional row in the catalog")
            need(not provisional or extents, "malformed", "an orphan without extents")
            for offset, length, place, block, _, shared in extents:
                if mark == 0 and not shared:
                    self.facts.change(-1, "slice", row.path, block, offset, length, place)
            if position == 0 and continues:
                if frame.type == PAGE:
                    self.rows[-1].extents.extend(extents)
                continue
            if not provisional and mark == 0:
                self.facts.change(-1, "row", tuple(row))
            self.take_row(frame.type, entry)
        last = page[-1]
        end = before.end if continues else 0
        if last.extents:
            end = last.extents[-1][0] + last.extents[-1][1]
        self.before[frame.type] = Last(last.row, last.provisional, last.mark, len(page) == 1, end)

    def take_row(self, kind, entry):
        if kind == ORPHANS:
            self.orphans.append(entry.row.path)
            return
        self.rows.append(entry)
        if entry.mark != GONE:
            self.totals[entry.row.kind - 1] += 1
            self.totals[5] = in_range(self.totals[5] + entry.row.size, 0, MAX_VALUE, "the sum of sizes")

    def take_index(self, frame):
        self.index = (frame.offset, frame.number)
        need(not set(self.orphans) & {entry.row.path for entry in self.rows}, "inconsistent", "an orphan")
        need(not self.out_of_order, "inconsistent", "rows and slices of one file do not follow one another")
        need(self.facts.sum == 0, "inconsistent", "blocks and pages disagree")
        if frame.rows == 0:
            need(not frame.raw, "malformed", "an index of nothing that holds something")
            need(not self.pages, "inconsistent", "index and pages disagree")
            return
        found = columns(frame.raw, {1, 2, 3, 4})
        need(set(found) >= {1, 2, 3, 4}, "malformed", "the index lacks a column")
        paths = front_coded(found[1], frame.rows)
        number, offset = found[2].varint(), found[2].varint()
        listed = []
        for path in paths:
            size, rows = found[3].varint(), found[4].varint()
            need(1 <= rows <= 2048, "malformed", "a row count")
            listed.append((path, number, offset, size, rows))
            number += 1
            offset += size
        end_of(found)
        need(offset <= frame.offset, "malformed", "pages end behind their index")
        need(listed == self.pages, "inconsistent", "index and pages disagree")

    def data_length(self, number, offset, size, segment):
        """The bytes of data in the block at a place."""
        there = (self.blocks if segment == self.number else self.earlier[segment].blocks).get(number)
        need(there is not None and there[:2] == (offset, size), "inconsistent", "a place of a block that is none")
        return there[2]

    def take_chunks(self, frame):
        need(frame.rows <= MAX_TABLE_CHUNKS, "limit", "too many chunks in a table")
        found = columns(frame.raw, {1, 2, 3, 4})
        need(set(found) == {1, 2, 3, 4}, "malformed", "a chunk table lacks a column")
        blocks = block_table({24: found[1]}, self.number)
        need(blocks, "malformed", "a chunk table without blocks")
        counts = [in_range(found[2].varint(), 1, frame.rows, "a count of chunks") for _ in blocks]
        need(sum(counts) == frame.rows, "malformed", "a chunk table has another number of chunks")
        rising = all(a[0] < b[0] for a, b in zip(blocks, blocks[1:]))
        need(rising, "malformed", "the blocks of a chunk table do not rise")
        sums = [sum(in_range(found[3].varint(), 1, MAX_CHUNK, "a chunk") for _ in range(count)) for count in counts]
        found[4].take(16 * frame.rows)
        end_of(found)
        for block, length in zip(blocks, sums):
            need(length <= self.data_length(*block), "inconsistent", "chunks behind their block")

    def take_trailer(self, frame):
        self.trailer = (frame.offset, frame.number, frame.size)
        found = columns(frame.raw, {1, 2, 3, 4, 5, 6, 7, 129})
        need(set(found) >= {1, 3, 4, 5}, "malformed", "the trailer lacks a column")
        seconds = in_range(found[1].zigzag(), TIMES[0], TIMES[-1], "a time")
        time = (seconds, in_range(found[1].varint(), 0, 999_999_999, "nanoseconds"))
        texts = []
        for column, name, limit in ((2, "label", 1024), (129, "writer", 255)):
            text = found[column].string() if column in found else b""
            need(len(text) <= limit, "malformed", f"the {name} is too long")
            texts.append(text.decode())
        index = (found[3].varint(), found[3].varint())
        totals = [found[4].varint() for _ in range(6)]
        frames = [found[5].varint() for _ in range(3)]
        flags = in_range(found[6].u8(), 0, 7, "flags") if 6 in found else 0
        said = flags & 2 != 0
        need(self.deduplicated or not said, "malformed", "a trailer of shared content, without the feature")
        need(said or not self.deduplicated, "inconsistent", "a trailer that knows of no shared content")
        below = []
        while 7 in found and found[7].left > 0:
            back = found[7].varint()
            above = below[-1] if below else self.number
            need(1 <= back <= above, "malformed", "a run in no earlier segment")
            below.append(above - back)
            need(len(below) < 8, "limit", "too many runs")
        end_of(found)
        need(index == self.index, "inconsistent", "the trailer names another index")
        # Those of a stack are counted when the runs are put together.
        need(below or totals == self.totals, "inconsistent", "the trailer has other totals")
        counted = [len(self.blocks), len(self.pages), self.orphan_pages]
        need(frames == counted, "inconsistent", "the trailer counts other frames")
        partial, checkpoint = flags & 1 != 0, flags & 4 != 0
        self.snapshot = Snapshot(time, *texts, totals, partial, checkpoint, below, self.rows, self.orphans)

    def check_end(self, frames):
        end = frames.at + 256
        need(end <= len(self.body), "truncated", "no locator")
        sealed = bytes(self.body[frames.at : end])
        plain = self.opened.keys.open_record("locator", sealed)
        need(plain is not None, "damaged", "the locator does not open")
        locator, _, _ = decode_record(plain, 1)
        need(locator.generation <= self.opened.copy.generation, "rolled-back", "the header is older than the segment")
        placed = (locator.number, locator.offset, locator.link, locator.snapshots) == (
            self.number,
            self.start,
            self.link,
            self.number + 1,
        )
        said = (locator.index_offset, locator.index_frame) == self.index and (
            locator.trailer_offset,
            locator.trailer_frame,
            locator.trailer_bytes,
        ) == self.trailer
        whole = locator.length == end - self.start and locator.salt == frames.salt
        need(placed and said and whole, "inconsistent", "the locator disagrees")
        hashed = hashlib.sha256(sealed).digest()
        return Segment(locator, hashed, frames.salt, self.blocks, self.tables, self.snapshot)


@dataclass
class Last:
    """The last row of a page, for the next one."""

    row: tuple
    provisional: bool
    mark: int
    alone: bool
    end: int
