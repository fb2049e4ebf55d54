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
from .rows import FILE, ROW_COLUMNS, block_table, check_neighbours, decode_block, decode_page
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

    def __init__(self, body, keys):
        need(len(body) >= 32, "truncated", "no salt")
        self.body = body
        self.at = 32
        self.number = 0
        self.salt = bytes(body[:32])
        segment_key = keys.segment_key(self.salt)
        self.aead = Aead(keys.suite, segment_key)
        self.mark_key = hkdf(segment_key, b"", label("mark"))

    def _take(self, size):
        need(self.at + size <= len(self.body), "truncated", "a frame is cut off")
        self.at += size
        return self.body[self.at - size : self.at]

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
class Whole:
    """What was read."""

    warnings: int
    streamed: bool = False
    catalog: list = field(default_factory=list)
    orphans: list = field(default_factory=list)
    label: str = ""
    writer: str = ""
    partial: bool = False
    snapshot_id: str = ""


class WholeReader:
    """Reads all of an archive from front to back and checks all that a reader of the whole must.

    `sink(row, provisional, slices)` is called with each row of each block, slices being of (offset, bytes). What it
    gets is right only when `read` returns."""

    def __init__(self, data, keys, sink):
        self.sink = sink
        self.opened = open_header(data, keys)
        self.body = data[self.opened.body :]
        self.deduplicated = self.opened.copy.deduplicated
        self.data = {}  # of blocks, where files share it
        self.places = {}  # of a file's content, then
        self.whole = Whole(self.opened.warnings)
        self.facts = Facts()
        self.blocks = {}
        self.pages = []
        self.orphan_pages = 0
        self.before = {PAGE: None, ORPHANS: None}
        self.index = self.trailer = None
        self.open_file = None  # the path of a file whose full row has not come, and where its slices end
        self.closed = set()
        self.out_of_order = False
        self.totals = [0] * 6

    def read(self):
        frames = Frames(self.body, self.opened.keys)
        missing = list(ONCE)
        while missing:
            frame = frames.next()
            self.check_order(frame.type, missing)
            self.take(frame)
        self.check_end(frames)
        return self.whole

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
            need(frame.rows == 0 and not frame.raw, "malformed", "a table that is not empty")
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
        if self.deduplicated:
            self.data[frame.number] = data
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
        may_share = self.deduplicated and frame.type == PAGE
        page, blocks, continues = decode_page(frame.raw, frame.rows, may_share)
        for number, offset, size in blocks:
            self.data_length(number, offset, size)
        for row in page:
            for _, length, place, block in row.shared:
                need(place + length <= self.blocks[block][2], "inconsistent", "shared content behind its block")
            if self.deduplicated and frame.type == PAGE:
                self.places.setdefault(row.row.path, []).extend(row.places)
        before = self.before[frame.type]
        first = page[0]
        if continues:
            need(before is not None and before.alone, "malformed", "a page continues what it cannot")
            same = before.row == first.row and before.provisional == first.provisional
            need(same, "malformed", "a page continues another row")
            need(not first.places or first.places[0][0] >= before.end, "malformed", "continued extents do not rise")
        elif before is not None:
            check_neighbours(before.row, first.row)
        if frame.type == PAGE:
            self.pages.append((first.row.path, frame.number, frame.offset, frame.size, frame.rows))
        else:
            self.orphan_pages += 1
        for position, (row, provisional, extents, _, _) in enumerate(page):
            need(not provisional or frame.type == ORPHANS, "malformed", "a provisional row in the catalog")
            need(not provisional or extents, "malformed", "an orphan without extents")
            for offset, length, place, block in extents:
                self.facts.change(-1, "slice", row.path, block, offset, length, place)
            if position == 0 and continues:
                continue
            if not provisional:
                self.facts.change(-1, "row", tuple(row))
            self.take_row(frame.type, row)
        last = page[-1]
        end = before.end if continues else 0
        if last.places:
            end = last.places[-1][0] + last.places[-1][1]
        self.before[frame.type] = Last(last.row, last.provisional, len(page) == 1, end)

    def take_row(self, kind, row):
        if kind == ORPHANS:
            self.whole.orphans.append(row.path)
            return
        self.whole.catalog.append(row)
        self.totals[row.kind - 1] += 1
        self.totals[5] = in_range(self.totals[5] + row.size, 0, MAX_VALUE, "the sum of sizes")

    def take_index(self, frame):
        self.index = (frame.offset, frame.number)
        need(not set(self.whole.orphans) & {row.path for row in self.whole.catalog}, "inconsistent", "an orphan")
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

    def data_length(self, number, offset, size):
        """The bytes of data in the block at a place."""
        there = self.blocks.get(number)
        need(there is not None and there[:2] == (offset, size), "inconsistent", "a place of a block that is none")
        return there[2]

    def take_chunks(self, frame):
        need(frame.rows <= MAX_TABLE_CHUNKS, "limit", "too many chunks in a table")
        found = columns(frame.raw, {1, 2, 3, 4})
        need(set(found) == {1, 2, 3, 4}, "malformed", "a chunk table lacks a column")
        blocks = block_table({24: found[1]})
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

    def give_content(self, sink):
        """Gives all content of a deduplicated archive that was read, file by file."""
        for row in self.whole.catalog:
            if row.kind == FILE:
                places = self.places.get(row.path, [])
                sink(row, False, [(at, self.data[block][start : start + size]) for at, size, start, block in places])

    def take_trailer(self, frame):
        self.trailer = (frame.offset, frame.number, frame.size)
        found = columns(frame.raw, {1, 2, 3, 4, 5, 6, 129})
        need(set(found) >= {1, 3, 4, 5}, "malformed", "the trailer lacks a column")
        in_range(found[1].zigzag(), TIMES[0], TIMES[-1], "a time")
        in_range(found[1].varint(), 0, 999_999_999, "nanoseconds")
        for column, name, limit in ((2, "label", 1024), (129, "writer", 255)):
            text = found[column].string() if column in found else b""
            need(len(text) <= limit, "malformed", f"the {name} is too long")
            setattr(self.whole, name, text.decode())
        index = (found[3].varint(), found[3].varint())
        totals = [found[4].varint() for _ in range(6)]
        frames = [found[5].varint() for _ in range(3)]
        flags = in_range(found[6].u8(), 0, 3, "flags") if 6 in found else 0
        self.whole.partial = flags & 1 == 1
        said = flags & 2 == 2
        need(self.deduplicated or not said, "malformed", "a trailer of shared content, without the feature")
        need(said or not self.deduplicated, "inconsistent", "a trailer that knows of no shared content")
        end_of(found)
        need(index == self.index, "inconsistent", "the trailer names another index")
        need(totals == self.totals, "inconsistent", "the trailer has other totals")
        counted = [len(self.blocks), len(self.pages), self.orphan_pages]
        need(frames == counted, "inconsistent", "the trailer counts other frames")

    def check_end(self, frames):
        end = frames.at + 256
        need(end <= len(self.body), "truncated", "no locator")
        sealed = bytes(self.body[frames.at : end])
        plain = self.opened.keys.open_record("locator", sealed)
        need(plain is not None, "damaged", "the locator does not open")
        locator, _ = decode_record(plain, 1)
        need(locator.generation <= self.opened.copy.generation, "rolled-back", "the header is older than the segment")
        first = (locator.number, locator.offset, locator.link, locator.snapshots) == (0, 0, bytes(32), 1)
        said = (locator.index_offset, locator.index_frame) == self.index and (
            locator.trailer_offset,
            locator.trailer_frame,
            locator.trailer_bytes,
        ) == self.trailer
        need(first and said and locator.length == end and locator.salt == frames.salt, "inconsistent", "the locator disagrees")
        state = decode_state(self.opened)
        self.whole.streamed = state is None
        if state is not None:
            hashed = hashlib.sha256(sealed).digest()
            need(state == (locator, hashed), "inconsistent", "state and locator disagree")
        need(end == len(self.body), "trailing-data", "bytes follow the archive")
        self.whole.snapshot_id = hashlib.sha256(sealed).hexdigest()


@dataclass
class Last:
    """The last row of a page, for the next one."""

    row: tuple
    provisional: bool
    alone: bool
    end: int
