"""FORMAT.md's section Recovery layer: where logical bytes stand, and mending without a key."""

import struct
import zlib

from .values import need

CELL = 4096
CODEWORDS = 64
ENTRIES = 1008
HEADER_PAGES = (1, 4, 16)


class Shape:
    """How a region of `data` cells is laid out."""

    def __init__(self, percent, data):
        self.data = data
        self.words = min(CODEWORDS, data)
        self.rows = 2
        while True:
            self.parity = self.rows * self.words
            self.pages = -(-(data + self.parity) // ENTRIES)
            if data < CODEWORDS or 100 * (self.parity - 1) >= percent * (data + self.parity + 2 * self.pages):
                break
            self.rows += 1
        self.cells = data + self.parity + 2 * self.pages


FULL = {}


def full(percent):
    """The shape of a full region."""
    if percent not in FULL:
        k = 1
        while k + 1 + Shape(percent, CODEWORDS * (k + 1)).rows <= 255:
            k += 1
        FULL[percent] = Shape(percent, CODEWORDS * k)
    return FULL[percent]


def shapes(percent, length):
    """The regions of a segment of `length` bytes."""
    most = full(percent).data * CELL
    while length > 0:
        yield Shape(percent, min(length, most) // CELL)
        length -= most


def physical_length(percent, length):
    return sum(shape.cells for shape in shapes(percent, length)) * CELL


class Body:
    """The logical bytes of a body whose archive has a recovery layer. Where a segment begins is known when those before
    it have been read."""

    def __init__(self, data, percent):
        self.data, self.percent = data, percent
        self.starts = [(0, 0)]
        most = full(percent)
        self.most = most.data * CELL
        self.tail = (most.cells - most.data) * CELL

    def __len__(self):
        """As many as may be data, when all that is left is of the last segment that is known."""
        logical, physical = self.starts[-1]
        regions, rest = divmod(max(0, len(self.data) - physical), self.most + self.tail)
        return logical + regions * self.most + min(rest, self.most)

    def __getitem__(self, wanted):
        parts = []
        at, stop = wanted.start or 0, len(self) if wanted.stop is None else min(wanted.stop, len(self))
        while at < stop:
            index = max(i for i, (logical, _) in enumerate(self.starts) if logical <= at)
            logical, physical = self.starts[index]
            following = self.starts[index + 1][0] if index + 1 < len(self.starts) else stop
            inside = at - logical
            count = min(stop - at, following - at, self.most - inside % self.most)
            place = physical + inside + inside // self.most * self.tail
            parts.append(bytes(self.data[place : place + count]))
            at += count
        return b"".join(parts)

    def start_of_last(self):
        return self.starts[-1][1]

    def end_segment(self, end):
        """What follows the last data of a segment has to be there; the next one begins behind it."""
        logical, physical = self.starts[-1]
        physical += physical_length(self.percent, end - logical)
        need(physical <= len(self.data), "truncated", "the recovery data is cut off")
        self.starts.append((end, physical))
        return physical


def _field():
    logarithm, power, value = [0] * 256, [0] * 510, 1
    for exponent in range(255):
        power[exponent] = power[exponent + 255] = value
        logarithm[value] = exponent
        value <<= 1
        if value & 0x100:
            value ^= 0x11D
    return logarithm, power


LOG, POWER = _field()
TIMES = {}


def inverse(a):
    return POWER[255 - LOG[a]]


def product(a, b):
    return POWER[LOG[a] + LOG[b]] if a and b else 0


def coefficient(row, position):
    return inverse((255 - row) ^ position)


def scaled(factor, cell):
    if factor not in TIMES:
        TIMES[factor] = bytes(product(factor, byte) for byte in range(256))
    return cell.translate(TIMES[factor])


def added(a, b):
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(len(a), "big")


def solve(rows, positions, sums):
    """The cells at `positions` whose coefficients in `rows` give `sums`."""
    matrix = [[coefficient(row, position) for position in positions] for row in rows]
    sums = list(sums)
    size = len(rows)
    for column in range(size):
        pivot = next(i for i in range(column, size) if matrix[i][column])
        matrix[column], matrix[pivot] = matrix[pivot], matrix[column]
        sums[column], sums[pivot] = sums[pivot], sums[column]
        factor = inverse(matrix[column][column])
        matrix[column] = [product(factor, value) for value in matrix[column]]
        sums[column] = scaled(factor, sums[column])
        for i in range(size):
            factor = matrix[i][column]
            if i == column or not factor:
                continue
            matrix[i] = [a ^ product(factor, b) for a, b in zip(matrix[i], matrix[column])]
            sums[i] = added(sums[i], scaled(factor, sums[column]))
    return sums


def sum_of(row, cells):
    """What the parity or the page of a row is made of, `cells` by position."""
    total = bytes(len(next(iter(cells.values()))))
    for position, cell in cells.items():
        total = added(total, scaled(coefficient(row, position), cell))
    return total


HEADER = struct.Struct(">IBBHIIQQ")


def page_header(page):
    """What a page of the tables says of itself: (percentage, page, region, data, segment, physical); None when it is none."""
    if len(page) < CELL:
        return None
    crc, percent, zero, number, region, data, segment, physical = HEADER.unpack(page[:32])
    if not 1 <= percent <= 50 or zero or crc != zlib.crc32(page[4:]) or not 1 <= data <= full(percent).data:
        return None
    return percent, number, region, data, segment, physical


def page_of(said, entries):
    rest = HEADER.pack(0, said[0], 0, *said[1:])[4:] + bytes(32) + entries
    return struct.pack(">I", zlib.crc32(rest)) + rest


def region_offset(said):
    percent, _, region, _, _, physical = said
    return physical + region * full(percent).cells * CELL


class Layout:
    """The segments of a file as (logical offset, physical offset, length), as far as its tables and its length say."""

    def __init__(self, data, header_percent, body):
        """`body` is where it begins, with the percentage of the header; both None when no header can be read."""
        self.data = data
        self.bodies = [body] if body is not None else [2 * pages * CELL for pages in HEADER_PAGES]
        self.percent, self.body = header_percent, body
        self.segments = []
        self.gaps = False
        self.certain = None
        last = self.last_before(len(data))
        if last is None:
            length = self.length_of(len(data) - body) if body is not None else None
            if length:
                self.segments = [(0, 0, length)]
                self.certain = length
            return
        self.percent = last[0]
        self.collect(last)
        logical, physical, length = self.segments[-1]
        self.certain = logical + length
        end = physical + physical_length(self.percent, length)
        more = self.length_of(len(data) - self.body - end)
        first = bytes(data[self.body + end : self.body + end + CELL])
        if more and any(first):
            if length % (full(self.percent).data * CELL) == 0:
                self.segments[-1] = (logical, physical, length + more)
            else:
                self.segments.append((logical + length, end, more))

    def length_of(self, physical):
        """The length of a segment that takes so many bytes; None when none does."""
        most = full(self.percent)
        regions, rest = divmod(max(0, physical), most.cells * CELL)
        for data in range(0, most.data):
            cells = Shape(self.percent, data).cells if data else 0
            if cells * CELL == rest:
                return regions * most.data * CELL + data * CELL
            if cells * CELL > rest:
                return None
        return None

    def last_before(self, end):
        """What the last page of a table before `end` says that stands where it says."""
        at = end // CELL * CELL - CELL
        while at >= 0:
            said = page_header(bytes(self.data[at : at + CELL]))
            if said is not None and self.percent in (None, said[0]):
                shape = Shape(said[0], said[3])
                number = said[1]
                if number < 2 * shape.pages:
                    cells = shape.data + number + (shape.parity if number >= shape.pages else 0)
                    start = at - cells * CELL - region_offset(said)
                    if start in self.bodies:
                        self.body, self.bodies = start, [start]
                        return said
            at -= CELL
        return None

    def collect(self, said):
        """Goes from the last segment to the first."""
        most = full(self.percent).data * CELL
        _, _, region, data, logical, physical = said
        found = [(logical, physical, region * most + data * CELL)]
        while physical > 0:
            before = self.last_before(self.body + physical)
            start = (0, 0, 0)
            if before is not None and before[5] < physical:
                length = before[2] * most + before[3] * CELL
                if before[4] + length <= logical:
                    start = (before[4], before[5], length)
            found.extend(self.between(start, logical, physical))
            logical, physical = start[:2]
        self.segments = found[::-1]

    def between(self, start, logical, physical):
        first, place, length = start
        whole = logical - first
        may_go_on = length % (full(self.percent).data * CELL) == 0 or length == whole
        if may_go_on and place + physical_length(self.percent, whole) == physical:
            return [(first, place, whole)]
        own = [start] if length else []
        end, behind = first + length, place + physical_length(self.percent, length)
        if behind + physical_length(self.percent, logical - end) == physical:
            return [(end, behind, logical - end), *own]
        self.gaps = True
        return own


def mended_region(data, at, shape, said):
    """All cells of a region as they should be; None when that cannot be told. `said` is what each page says, but for its
    own number."""
    cells = [bytes(data[at + i * CELL : at + (i + 1) * CELL]) for i in range(shape.cells)]
    first = shape.data + shape.pages + shape.parity
    places = [shape.data + i if i < shape.pages else first + i - shape.pages for i in range(2 * shape.pages)]
    kept = cells[: shape.data] + cells[shape.data + shape.pages : first]
    percent, region, logical, physical = said
    headers = [(percent, i, region, shape.data, logical, physical) for i in range(2 * shape.pages)]
    good = {i: cells[place][64:] for i, place in enumerate(places) if page_header(cells[place]) == headers[i]}
    checksums = None
    if len(good) >= shape.pages:
        entries = {i: good[i] for i in range(shape.pages) if i in good}
        missing = [i for i in range(shape.pages) if i not in good]
        rows = [i - shape.pages for i in sorted(good) if i >= shape.pages][: len(missing)]
        sums = []
        for row in rows:
            total = good[shape.pages + row]
            sums.append(added(total, sum_of(row, entries)) if entries else total)
        entries.update(zip(missing, solve(rows, missing, sums)))
        table = b"".join(entries[i] for i in range(shape.pages))
        checksums = struct.unpack(f">{len(table) // 4}I", table)
    bad = {
        i for i, cell in enumerate(kept) if len(cell) < CELL or checksums is not None and zlib.crc32(cell) != checksums[i]
    }
    for word in range(shape.words):
        if not mend_codeword(kept, shape, word, bad, checksums):
            return None
    table = struct.pack(f">{len(kept)}I", *map(zlib.crc32, kept)).ljust(shape.pages * 4032, b"\0")
    entries = {i: table[i * 4032 : (i + 1) * 4032] for i in range(shape.pages)}
    pages = [entries[i] for i in range(shape.pages)] + [sum_of(row, entries) for row in range(shape.pages)]
    pages = [page_of(header, page) for header, page in zip(headers, pages)]
    parity = kept[shape.data :]
    return [*kept[: shape.data], *pages[: shape.pages], *parity, *pages[shape.pages :]]


def mend_codeword(kept, shape, word, bad, checksums):
    """Puts what is missing of a codeword into `kept`; False when that cannot be."""
    data = {i // shape.words: i for i in range(word, shape.data, shape.words)}
    parity = {(i - shape.data) // shape.words: i for i in range(shape.data, len(kept)) if i % shape.words == word}
    lost = [position for position, i in data.items() if i in bad]
    rows = [row for row, i in parity.items() if i not in bad]
    if len(lost) > len(rows):
        return False
    there = {position: kept[i] for position, i in data.items() if i not in bad}
    rows_used = rows[: len(lost)]
    sums = [added(kept[parity[row]], sum_of(row, there)) if there else kept[parity[row]] for row in rows_used]
    for position, cell in zip(lost, solve(rows_used, lost, sums)):
        if checksums is not None and zlib.crc32(cell) != checksums[data[position]]:
            return False
        kept[data[position]] = cell
    whole = {position: kept[i] for position, i in data.items()}
    for row, i in parity.items():
        made = sum_of(row, whole)
        if i not in bad and made != kept[i]:
            return False
        if i in bad and checksums is not None and zlib.crc32(made) != checksums[i]:
            return False
        kept[i] = made
    return True


def mend(data, percent, body):
    """The archive as its recovery layer mends it; None when some of it cannot be, or nothing of the layer is found."""
    layout = Layout(data, percent, body)
    if not layout.segments or layout.gaps:
        return None
    out = [bytes(data[: layout.body])]
    for logical, physical, length in layout.segments:
        at = layout.body + physical
        for number, shape in enumerate(shapes(layout.percent, length)):
            said = (layout.percent, number, logical, physical)
            cells = mended_region(data, at, shape, said)
            if cells is None:
                if logical + number * full(layout.percent).data * CELL >= layout.certain:
                    return b"".join(out)
                return None
            out.extend(cells)
            at += shape.cells * CELL
    return b"".join(out)
