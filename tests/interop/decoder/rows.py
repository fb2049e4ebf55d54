"""FORMAT.md's sections Rows, Canonical value, Blocks and Pages."""

from typing import NamedTuple, Optional

from .values import (
    MAX_DECODED_STRING_BYTES,
    MAX_PATH_BYTES,
    MAX_VALUE,
    TIMES,
    Reader,
    check_path,
    columns,
    end_of,
    front_coded,
    in_range,
    need,
    order,
    well_formed,
)

FILE, DIRECTORY, SYMLINK, HARDLINK, FIFO = 1, 2, 3, 4, 5
ROW_COLUMNS = set(range(1, 15))
MAX_BLOCK_ROWS = MAX_BLOCK_SLICES = 65536
MAX_PAGE_ROWS = 2048
MAX_PAGE_BYTES = 2**18
MAX_FRAME_BYTES = 2**24
MAX_INODE = 2**52 - 1


class Row(NamedTuple):
    """A row without what places it. Two are equal when their canonical values are."""

    path: bytes
    kind: int
    changed: int
    mode: int
    size: int
    seconds: int
    nanoseconds: int
    ctime: int
    device: int
    inode: int
    owner: Optional[tuple]
    link: bytes
    content_hash: Optional[bytes]


NOTHING = (0, 0, 0, 0, 0, 0, 0, 0, None, b"", None)


class BlockRow(NamedTuple):
    row: Row
    provisional: bool
    slices: list  # of (offset in the file, length, offset in the data)


GONE, KEPT, MOVED = 4, 8, 16


class PageRow(NamedTuple):
    row: Row
    provisional: bool
    mark: int  # 0, GONE, KEPT or MOVED
    extents: list  # of (offset in the file, length, offset in the data, frame number, segment, whether it is shared)


def rows_of(found, count, marks=False):
    """The rows of a column set, each with whether it is provisional, and its mark where `marks` allows it one."""
    need(1 in found and 2 in found, "malformed", "no paths or no kinds")
    paths = front_coded(found[1], count)

    def each(column, take, default):
        if column not in found:
            return [default] * count
        return [take(found[column]) for _ in range(count)]

    def summed(column, low, high):
        value = 0
        values = []
        for difference in each(column, Reader.zigzag, 0):
            value += difference
            values.append(in_range(value, low, high, f"column {column}"))
        return values

    kinds = each(2, Reader.u8, 0)
    flags = each(3, Reader.u8, 0)
    modes = each(4, Reader.varint, 0)
    sizes = each(5, Reader.varint, 0)
    seconds = summed(6, TIMES[0], TIMES[-1])
    exponent = in_range(found[7].u8(), 0, 9, "an exponent") if 7 in found else 0
    nanoseconds = [value * 10**exponent for value in each(7, Reader.varint, 0)]
    ctimes = summed(8, TIMES[0], TIMES[-1])
    devices = each(9, Reader.varint, 0)
    inodes = summed(10, 0, MAX_INODE)
    owners = owners_of(found, count)
    indexes = each(12, Reader.varint, 0)
    links = each(13, Reader.sized, b"")
    need(sum(map(len, links)) <= MAX_DECODED_STRING_BYTES, "limit", "link targets are too long together")
    hashed = each(14, Reader.u8, 0)
    hashes = [found[14].take(32) if in_range(mark, 0, 1, "a mark") else None for mark in hashed]
    rows = []
    for i in range(count):
        mark = flags[i] & ~3
        need(mark in (0, GONE, KEPT, MOVED) if marks else mark == 0, "malformed", "flags")
        in_range(indexes[i], 0, len(owners) - 1, "an owner")
        row = Row(
            paths[i],
            kinds[i],
            flags[i] & 1,
            modes[i],
            sizes[i],
            seconds[i],
            nanoseconds[i],
            ctimes[i],
            devices[i],
            inodes[i],
            owners[indexes[i]],
            links[i],
            hashes[i],
        )
        provisional = flags[i] & 2 != 0
        check_row(row)
        need(not provisional or (row.kind == FILE and row[2:] == NOTHING), "malformed", "a provisional row says more")
        need(not provisional or mark == 0, "malformed", "a provisional row that is marked")
        need(mark != GONE or (row.kind == DIRECTORY and row[2:] == NOTHING), "malformed", "a gone row says more")
        need(mark != MOVED or row.kind == FILE, "malformed", "what has moved is no file")
        rows.append((row, provisional, mark))
    return rows


def owners_of(found, count):
    owners = [None]
    if 11 in found:
        reader = found[11]
        number = reader.varint()
        need(number <= count, "malformed", "more owners than rows")
        for _ in range(number):
            owner = (reader.varint(), reader.varint(), reader.string(), reader.string())
            need(len(owner[2]) <= 255 and len(owner[3]) <= 255, "malformed", "an owner's name is too long")
            owners.append(owner)
    return owners


def check_row(row):
    in_range(row.kind, FILE, FIFO, "a kind")
    need(row.path != b"." or row.kind == DIRECTORY, "malformed", "the root is not a directory")
    need(row.kind == FILE or row.size == 0, "malformed", "a size without content")
    in_range(row.mode, 0, 0o7777, "a mode")
    in_range(row.nanoseconds, 0, 999_999_999, "nanoseconds")
    if row.kind == HARDLINK:
        check_path(row.link, too_long="unsafe")
        need(row.link not in (b".", row.path), "unsafe", "a hard link to the root or itself")
    elif row.kind == SYMLINK:
        well_formed(row.link)
        need(1 <= len(row.link) <= MAX_PATH_BYTES and b"\0" not in row.link, "malformed", "a symlink's target")
    else:
        need(row.link == b"", "malformed", "a target of what is no link")


def decode_block(raw, count):
    """The rows of a block, and its data."""
    need(count <= MAX_BLOCK_ROWS, "limit", "too many rows in a block")
    reader = Reader(raw)
    length = reader.unsigned(4)
    column_set = reader.take(length)
    data = raw[reader.at :]
    if count == 0:
        need(len(raw) == 4, "malformed", "a block without rows that holds something")
        return [], data
    found = columns(column_set, ROW_COLUMNS | {20, 21})
    rows = rows_of(found, count)
    counts = [found[20].varint() if 20 in found else 0 for _ in range(count)]
    need(sum(counts) <= MAX_BLOCK_SLICES, "limit", "too many slices in a block")
    need(sum(counts) == 0 or 21 in found, "malformed", "no slices")
    at = 0
    block = []
    seen = set()
    for (row, provisional, _), number in zip(rows, counts):
        need(row.path not in seen, "malformed", "a path stands in a block twice")
        seen.add(row.path)
        need(number == 0 or row.kind == FILE, "malformed", "slices of what is no file")
        slices = []
        end = 0
        for _ in range(number):
            offset = end + found[21].varint()
            size = found[21].varint()
            end = offset + size
            need(size >= 1 and end <= MAX_VALUE, "malformed", "a slice is empty or too far")
            slices.append((offset, size, at))
            at += size
        need(provisional or end <= row.size, "malformed", "a slice beyond its file")
        block.append(BlockRow(row, provisional, slices))
    end_of(found)
    need(at == len(data), "malformed", "slices do not fill the data")
    return block, data


def decode_page(raw, count, segment, catalog, may_share):
    """The rows of a page of a segment, its block table of (frame number, offset, frame bytes, segment), and whether it
    continues. `catalog` tells a catalog page from an orphan page."""
    need(count <= MAX_PAGE_ROWS and len(raw) <= MAX_PAGE_BYTES, "limit", "a page is too large")
    need(count >= 1, "malformed", "a page without rows")
    found = columns(raw, ROW_COLUMNS | {24, 25, 26, 27, 28, 29})
    need(may_share or 29 not in found, "malformed", "shared content where there must be none")
    rows = rows_of(found, count, marks=catalog and segment > 0)
    blocks = block_table(found, segment)
    counts = [found[25].varint() if 25 in found else 0 for _ in range(count)]
    need(sum(counts) == 0 or 26 in found, "malformed", "no extents")
    block = expected = 0
    page = []
    for (row, provisional, mark), number in zip(rows, counts):
        need(number == 0 or row.kind == FILE, "malformed", "extents of what is no file")
        extents = []
        end = 0
        for _ in range(number):
            reader = found[26]
            offset = end + reader.varint()
            size = reader.varint()
            end = offset + size
            difference = reader.zigzag()
            in_range(block + difference, 0, len(blocks) - 1, "a block's number")
            if difference != 0:
                block += difference
                expected = 0
            place = expected + reader.zigzag()
            expected = place + size
            need(size >= 1 and end <= MAX_VALUE, "malformed", "an extent is empty or too far")
            need(place >= 0 and expected <= MAX_FRAME_BYTES, "malformed", "an extent is not in its block")
            frame, _, _, holder = blocks[block]
            shared = in_range(found[29].u8(), 0, 1, "a mark") == 1 if 29 in found else False
            placed = (holder < segment) == (mark != 0) or (shared and mark == 0)
            need(placed, "malformed", "an extent in another segment than its row's kind has")
            extents.append((offset, size, place, frame, holder, shared))
        need(provisional or end <= row.size, "malformed", "an extent beyond its file")
        page.append(PageRow(row, provisional, mark, extents))
    continues = 27 in found
    if continues:
        need(found[27].u8() == 1, "malformed", "a mark that is not 1")
        need(count == 1, "malformed", "a continued row does not stand alone")
    end_of(found)
    for before, after in zip(page, page[1:]):
        check_rising(before.row.path, after.row.path)
    there = [entry.row for entry in page if entry.mark != GONE]
    for before, after in zip(there, there[1:]):
        check_inside(before, after)
    return page, blocks, continues


def block_table(found, segment):
    blocks = []
    back = found.get(28)
    if 24 in found:
        reader = found[24]
        count = reader.varint()
        need(count <= reader.left, "malformed", "more blocks than bytes")
        frame = end = 0
        for _ in range(count):
            frame = in_range(frame + reader.zigzag(), 0, 2**32 - 1, "a frame number")
            offset = in_range(end + reader.zigzag(), 0, MAX_VALUE, "a block's offset")
            size = reader.varint()
            end = in_range(offset + size, 0, MAX_VALUE, "a block's end")
            holder = in_range(segment - (back.varint() if back else 0), 0, segment, "a block's segment")
            blocks.append((frame, offset, size, holder))
    return blocks


def check_rising(before, after):
    need(order(before) < order(after), "unsafe", "paths do not rise")


def check_inside(before, after):
    """Two rows that follow one another in the catalog or in orphan pages, without those that say that a path is gone."""
    inside = before.path != b"." and after.path.startswith(before.path + b"/")
    need(not inside or before.kind == DIRECTORY, "unsafe", "something stands in what is no directory")
