"""FORMAT.md's sections Header, Reading the header, and Locator and state."""

import hashlib
import hmac
from dataclasses import dataclass

from .keys import ArchiveKeys, archive_keys_of
from .values import Failure, Reader, need

PAGE = 4096
MAGIC_A = bytes.fromhex("89434F464645520A")
MAGIC_B = bytes.fromhex("8A434F464645520A")
VALUE_BYTES = {1: 100, 2: 96, 3: 1184}
MAX_SLOTS = 32
MAX_PASSPHRASE_SLOTS = 8


# Bits of features needed to read: more than one segment, and files that share content.
SEVERAL = 1
DEDUPLICATED = 4
# That there is a recovery layer; its percentage stands in bits 8 to 13.
RECOVERY = 2


@dataclass
class Copy:
    pages: int
    suite: int
    generation: int
    several: bool
    deduplicated: bool
    percent: int
    state: bytes
    slots: list
    covered: bytes
    mac: bytes
    checksum_holds: bool

    @property
    def said(self):
        """All that both copies are to say."""
        return self.covered[8:]


def decode_copy(data, at, magic):
    """One header copy that stands at `at`. Raises Failure with `not-an-archive` when the magic is not there."""
    start = bytes(data[at : at + PAGE])
    need(start[:8] == magic, "not-an-archive", "no magic")
    need(len(start) >= 12, "truncated", "a header copy is cut off")
    need(start[8:10] == b"\0\1", "newer-version", "another version")
    pages = start[10]
    need(pages in (1, 4, 16), "malformed", "a header of so many pages")
    copy = bytes(data[at : at + pages * PAGE])
    need(len(copy) == pages * PAGE, "truncated", "a header copy is cut off")
    reader = Reader(copy)
    reader.take(11)
    suite = reader.u8()
    need(suite in (1, 2), "newer-version", "another suite")
    generation = reader.unsigned(4)
    features = reader.unsigned(4)
    percent = features >> 8 & 63
    known = SEVERAL | DEDUPLICATED | RECOVERY | (63 << 8 if features & RECOVERY else 0)
    need(features & ~known == 0, "newer-version", "a feature that is needed to read")
    need(not features & RECOVERY or 1 <= percent <= 50, "malformed", "a percentage out of range")
    reader.take(8)
    count, length = reader.unsigned(2), reader.unsigned(2)
    need(length <= pages * PAGE - 352, "malformed", "slots are too long")
    state = reader.take(256)
    slots = decode_slots(reader.take(length), count)
    reader.zeros(len(copy) - 64 - reader.at)
    return Copy(
        pages=pages,
        suite=suite,
        generation=generation,
        several=features & SEVERAL != 0,
        deduplicated=features & DEDUPLICATED != 0,
        percent=percent if features & RECOVERY else 0,
        state=state,
        slots=slots,
        covered=copy[:-64],
        mac=copy[-64:-32],
        checksum_holds=hashlib.sha256(copy[:-32]).digest() == copy[-32:],
    )


def decode_slots(data, count):
    need(count <= MAX_SLOTS, "limit", "too many slots")
    reader = Reader(data)
    slots = []
    for _ in range(count):
        start = reader.at
        kind, length = reader.unsigned(2), reader.unsigned(2)
        reader.take(length)
        slot = data[start : reader.at]
        check_slot(kind, slot)
        slots.append(slot)
    reader.end()
    need(sum(slot[:2] == b"\0\1" for slot in slots) <= MAX_PASSPHRASE_SLOTS, "limit", "too many passphrase slots")
    return slots


def check_slot(kind, slot):
    if kind == 1 and len(slot) >= 8 and slot[7] > 1:
        return
    if kind in VALUE_BYTES:
        need(len(slot) == 4 + VALUE_BYTES[kind], "malformed", "a slot of another length")
    if kind == 1:
        log_n, r, p = slot[4:7]
        need(10 <= log_n <= 24 and 1 <= r <= 32 and 1 <= p <= 16, "limit", "a cost out of range")


@dataclass
class Opened:
    copy: Copy
    keys: ArchiveKeys
    warnings: int
    body: int


def find_copies(data):
    """Copy A and all copies B, as far as they can be decoded, and why others cannot."""
    failures = []

    def attempt(at, magic):
        try:
            return decode_copy(data, at, magic)
        except Failure as failure:
            failures.append(failure.code)
            return None

    a = attempt(0, MAGIC_A)
    expected = a.pages if a is not None and a.checksum_holds else None
    b = attempt(expected * PAGE, MAGIC_B) if expected is not None else None
    if b is not None and b.checksum_holds:
        return a, [b], failures
    others = [attempt(pages * PAGE, MAGIC_B) for pages in (1, 4, 16) if pages != expected]
    return a, [copy for copy in (b, *others) if copy is not None], failures


def open_header(data, keys):
    a, bs, failures = find_copies(data)
    copies = [copy for copy in (a, *bs) if copy is not None]
    if not copies:
        if all(code == "not-an-archive" for code in failures):
            raise Failure("not-an-archive", "no magic")
        for code in ("newer-version", "limit", "truncated"):
            need(code not in failures, code, "no header copy can be decoded")
        raise Failure("damaged", "no header copy can be decoded")
    copies.sort(key=lambda copy: -copy.generation)
    passed_over = False
    for archive_key in archive_keys_of([copy.slots for copy in copies], keys):
        if archive_key == "limit":
            passed_over = True
            continue
        for copy in copies:
            if _mac_holds(copy, archive_key):
                return _opened(copy, a, bs, archive_key)
        if archive_key not in keys.archive_keys:
            raise Failure("damaged", "a slot opened, but no MAC holds")
    need(any(copy.checksum_holds for copy in copies), "damaged", "no checksum holds")
    need(not passed_over, "limit", "a slot costs too much")
    raise Failure("wrong-key", "no slot opened")


def _mac_holds(copy, archive_key):
    return hmac.compare_digest(ArchiveKeys(archive_key, copy.suite).header_mac(copy.covered), copy.mac)


def _opened(copy, a, bs, archive_key):
    def is_right(other):
        right = other is not None and other.checksum_holds and _mac_holds(other, archive_key)
        return right and other.said == copy.said

    return Opened(
        copy=copy,
        keys=ArchiveKeys(archive_key, copy.suite),
        warnings=(not is_right(a)) + (not bs or not all(is_right(b) for b in bs)),
        body=2 * copy.pages * PAGE,
    )


@dataclass(frozen=True)
class Record:
    """A locator or state. Two are equal when they say the same."""

    generation: int
    number: int
    offset: int
    length: int
    salt: bytes
    link: bytes
    index_offset: int
    index_frame: int
    trailer_offset: int
    trailer_frame: int
    trailer_bytes: int
    snapshots: int


def decode_record(plain, kind):
    """What a record of kind 1 or 2 says, and its locator hash."""
    reader = Reader(plain)
    need(reader.u8() == kind, "malformed", "a record of another kind")
    reader.zeros(3)
    record = Record(
        generation=reader.unsigned(4),
        number=reader.unsigned(8),
        offset=reader.unsigned(8),
        length=reader.unsigned(8),
        salt=reader.take(32),
        link=reader.take(32),
        index_offset=reader.unsigned(8),
        index_frame=reader.unsigned(8),
        trailer_offset=reader.unsigned(8),
        trailer_frame=reader.unsigned(8),
        trailer_bytes=reader.unsigned(8),
        snapshots=reader.unsigned(8),
    )
    locator_hash = reader.take(32)
    physical = reader.unsigned(8)
    reader.zeros(24)
    if kind == 1:
        need(not any(locator_hash) and physical == 0, "malformed", "a locator with a hash")
    check_record(record)
    return record, locator_hash, physical


def check_record(record):
    """What readers refuse of a locator, a state, and a row of a segment table."""
    end = record.offset + record.length
    need(record.offset % PAGE == 0 and record.length % PAGE == 0, "malformed", "a segment that is not aligned")
    need(record.length > 0 and end <= 2**53 - 2**24, "malformed", "a segment's length")
    need(record.offset < record.index_offset < record.trailer_offset, "malformed", "places do not rise")
    need(record.trailer_offset + record.trailer_bytes <= end, "malformed", "a trailer beyond its segment")
    need(record.index_frame < record.trailer_frame <= 2**32 - 1, "malformed", "frame numbers do not rise")
    need(record.snapshots >= 1, "malformed", "no snapshots")


def decode_state(opened):
    """None when the archive was streamed; otherwise what the state says, and the locator's hash.

    A reader of a stream looks at it when it has the locator."""
    plain = opened.keys.open_record("state", opened.copy.state)
    need(plain is not None, "malformed", "the state does not open under a MAC that holds")
    if plain[0] == 0:
        need(not any(plain[1:4]) and not any(plain[8:]), "malformed", "a streamed state that says more")
        return None
    state = decode_record(plain, 2)
    record, _, physical = state
    if opened.copy.percent == 0 or record.offset == 0:
        need(physical == 0, "malformed", "a physical offset where there is none")
    else:
        need(physical % PAGE == 0, "malformed", "a physical offset that is not aligned")
        need(record.offset < physical <= 2**53 - 2**24, "malformed", "a physical offset that cannot be")
    need(state[0].generation <= opened.copy.generation, "rolled-back", "the header is older than its state")
    return state
