"""Bytes to values: FORMAT.md's sections Conventions, Column sets and Paths."""

MAX_PATH_BYTES = 4096
MAX_PART_BYTES = 255
MAX_DECODED_STRING_BYTES = 2**24
MAX_VALUE = 2**53 - 1
TIMES = range(-62_167_219_200, 253_402_300_799 + 1)

EXIT_CODES = {
    "not-an-archive": 10,
    "newer-version": 10,
    "wrong-key": 11,
    "damaged": 12,
    "malformed": 12,
    "inconsistent": 12,
    "trailing-data": 12,
    "truncated": 13,
    "rolled-back": 13,
    "unsafe": 14,
    "limit": 14,
}


class Failure(Exception):
    """What FORMAT.md calls a failure class, and what was seen."""

    def __init__(self, code, what):
        super().__init__(f"{code}: {what}")
        assert code in EXIT_CODES
        self.code = code


def need(condition, code, what):
    if not condition:
        raise Failure(code, what)


class Reader:
    """Takes values from the front of some bytes."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    @property
    def left(self):
        return len(self.data) - self.at

    def take(self, count):
        need(count <= self.left, "malformed", "bytes end too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def unsigned(self, count):
        value = int.from_bytes(self.take(count), "big")
        need(value <= MAX_VALUE, "malformed", "a number of 2^53 or more")
        return value

    def u8(self):
        return self.take(1)[0]

    def varint(self):
        value = 0
        for position in range(8):
            byte = self.u8()
            value |= (byte & 0x7F) << (7 * position)
            if byte < 0x80:
                need(byte != 0 or position == 0, "malformed", "a varint that is not in its shortest form")
                need(value <= MAX_VALUE, "malformed", "a varint of 2^53 or more")
                return value
        raise Failure("malformed", "a varint of more than 8 bytes")

    def zigzag(self):
        value = self.varint()
        return value // 2 if value % 2 == 0 else -(value + 1) // 2

    def sized(self):
        return self.take(self.varint())

    def string(self):
        value = self.sized()
        return well_formed(value)

    def zeros(self, count):
        need(not any(self.take(count)), "malformed", "bytes that are to be zero and are not")

    def end(self):
        need(self.left == 0, "malformed", "bytes are left over")


def well_formed(value):
    try:
        value.decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise Failure("malformed", "a string that is not UTF-8") from None
    return value


def in_range(value, low, high, what):
    need(low <= value <= high, "malformed", f"{what} out of range")
    return value


def columns(data, known):
    """A column set as a dictionary of readers, by number. Whoever uses it says `end_of` when all was taken."""
    reader = Reader(data)
    found = {}
    before = -1
    while reader.left > 0:
        number = reader.u8()
        need(number > before, "malformed", "columns do not rise")
        before = number
        values = reader.sized()
        if number in known:
            found[number] = Reader(values)
        else:
            need(number >= 0x80, "malformed", f"column {number} is not known")
    return found


def end_of(found):
    for reader in found.values():
        reader.end()


def check_path(path, too_long="malformed"):
    """Refuses a path that is not allowed. `.` passes."""
    need(len(path) <= MAX_PATH_BYTES, too_long, "a path is too long")
    well_formed(path)
    if path == b".":
        return path
    need(path != b"", "unsafe", "a path is empty")
    need(b"\0" not in path, "unsafe", "a path holds a NUL")
    for part in path.split(b"/"):
        need(part not in (b"", b".", b".."), "unsafe", "a path has a part that is empty, . or ..")
        need(len(part) <= MAX_PART_BYTES, "unsafe", "a part of a path is too long")
    return path


def order(path):
    """What to compare instead of a path to have path order."""
    return b"" if path == b"." else path.replace(b"/", b"\0")


def front_coded(reader, count):
    """`count` paths, each given as what it shares with the one before it, and the rest."""
    parts = []
    length = total = 0
    for _ in range(count):
        shared = reader.varint()
        rest = reader.sized()
        need(shared <= length, "malformed", "a path shares more than there is")
        length = shared + len(rest)
        total += length
        parts.append((shared, rest))
    need(total <= MAX_DECODED_STRING_BYTES, "limit", "paths are too long together")
    paths = []
    before = b""
    for shared, rest in parts:
        before = before[:shared] + rest
        paths.append(check_path(before))
    return paths
