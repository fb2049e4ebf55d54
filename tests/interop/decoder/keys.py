"""Keys: FORMAT.md's sections Suites, Keys, Passphrases, Keys as text and Key slots."""

import hashlib
import hmac
import unicodedata
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from .values import Failure, need

MAX_KDF_WORK = 2**25
MAX_KDF_MEMORY = 2**30


def hmac256(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def hkdf(ikm, salt, info, length=32):
    pseudorandom = hmac256(salt or bytes(32), ikm)
    out = block = b""
    counter = 1
    while len(out) < length:
        block = hmac256(pseudorandom, block, info, bytes([counter]))
        out += block
        counter += 1
    return out[:length]


def label(name):
    return b"coffer/v1 " + name.encode("ascii") + b"\0"


class Aead:
    def __init__(self, suite, key):
        self.cipher = {1: ChaCha20Poly1305, 2: AESGCM}[suite](key)

    def open(self, nonce, sealed):
        """The plaintext, or None when the tag does not hold."""
        try:
            return self.cipher.decrypt(nonce, bytes(sealed), None)
        except InvalidTag:
            return None


class ArchiveKeys:
    """All that is derived from an archive key for one suite."""

    def __init__(self, archive_key, suite):
        self.archive_key = archive_key
        self.suite = suite
        self.id = id_of(archive_key)

    def info(self, name):
        return label(name) + bytes([self.suite]) + self.id

    def header_mac(self, covered):
        return hmac256(hkdf(self.archive_key, b"", self.info("header")), covered)

    def segment_key(self, salt, number, link):
        return hkdf(self.archive_key, salt, self.info("segment") + number.to_bytes(8, "big") + link)

    def open_record(self, name, record):
        """The 208 bytes of a locator or state, or None."""
        key = hkdf(self.archive_key, record[:32], self.info(name))
        return Aead(self.suite, key).open(bytes(12), record[32:])


def id_of(archive_key):
    return hkdf(archive_key, b"", label("id"))


@dataclass
class Keys:
    """What the user gave. Identities are missing: Debian's python3-cryptography has no ML-KEM-768."""

    archive_keys: list = field(default_factory=list)
    key_files: list = field(default_factory=list)
    passphrases: list = field(default_factory=list)


def passphrase_bytes(text):
    """What is hashed of a passphrase.

    Raises ValueError, which is wrong usage and no failure class."""
    if any(ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F for c in text):
        raise ValueError("a passphrase holds a control character")
    encoded = unicodedata.normalize("NFC", text).encode("utf-8", "strict")
    if not 1 <= len(encoded) <= 1024:
        raise ValueError("a passphrase is empty or too long")
    return encoded


def _unwrap(okm, slot, value_before_wrapped):
    start = 4 + value_before_wrapped
    wrapped, tag = slot[start : start + 32], slot[start + 32 :]
    candidate = bytes(a ^ b for a, b in zip(wrapped, okm[:32]))
    expected = hmac256(okm[32:], label("slot"), id_of(candidate), slot[: start + 32])
    return candidate if hmac.compare_digest(expected, tag) else None


def passphrase_cost(slot):
    """scrypt's N, r and p of a slot of kind 1."""
    return 2 ** slot[4], slot[5], slot[6]


def open_key_file_slot(slot, key_file):
    okm = hkdf(key_file, slot[4:36], label("key file slot"), 64)
    return _unwrap(okm, slot, 32)


def open_passphrase_slot(slot, passphrase, key_files):
    n, r, p = passphrase_cost(slot)
    stretched = hashlib.scrypt(passphrase, salt=slot[8:40], n=n, r=r, p=p, dklen=32, maxmem=2**31 - 1)
    for key_file in key_files if slot[7] == 1 else [b""]:
        archive_key = _unwrap(hkdf(stretched + key_file, b"", label("passphrase slot"), 64), slot, 36)
        if archive_key is not None:
            return archive_key
    return None


def archive_keys_of(slots_of_copies, keys):
    """Yields every archive key that opens, then 'limit' when a slot was passed over for its cost.

    `slots_of_copies` are the slots of each copy, by falling generation."""
    yield from keys.archive_keys
    slots = list(dict.fromkeys(slot for copy in slots_of_copies for slot in copy))
    for slot in slots:
        if slot[:2] == b"\0\2":
            for key_file in keys.key_files:
                archive_key = open_key_file_slot(slot, key_file)
                if archive_key is not None:
                    yield archive_key
    work = 0
    passed_over = False
    for slot in _by_rank(slots_of_copies):
        if slot[7] == 1 and not keys.key_files:
            continue
        n, r, _ = passphrase_cost(slot)
        for passphrase in keys.passphrases:
            if 128 * n * r > MAX_KDF_MEMORY or work + _work(slot) > MAX_KDF_WORK:
                passed_over = True
                continue
            work += _work(slot)
            archive_key = open_passphrase_slot(slot, passphrase, keys.key_files)
            if archive_key is not None:
                yield archive_key
    if passed_over:
        yield "limit"


def _by_rank(slots_of_copies):
    """The slots for passphrases, in the order in which they are tried."""
    ranks = {}
    for slots in slots_of_copies:
        rank = 0
        for slot in sorted((slot for slot in slots if slot[:2] == b"\0\1" and slot[7] <= 1), key=_work):
            rank += _work(slot)
            ranks[slot] = min(rank, ranks.get(slot, rank))
    return sorted(ranks, key=ranks.get)


def _work(slot):
    n, r, p = passphrase_cost(slot)
    return n * r * p


BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def decode_key_text(line, prefix):
    """The bytes of a line of Bech32m (BIP 350, without its limit on length)."""
    line = line.strip(" \t\r\n")
    need_text(line in (line.lower(), line.upper()), "mixes capitals and small letters")
    human, one, data = line.lower().rpartition("1")
    need_text(one == "1" and human == prefix, f"does not begin with {prefix}1")
    need_text(len(data) >= 6 and all(c in BECH32 for c in data), "has a letter that does not belong there")
    groups = [BECH32.index(c) for c in data]
    spread = [ord(c) >> 5 for c in human] + [0] + [ord(c) & 31 for c in human]
    need_text(_polymod(spread + groups) == 0x2BC830A3, "is mistyped")
    bits = "".join(f"{group:05b}" for group in groups[:-6])
    whole = len(bits) // 8 * 8
    need_text(len(bits) - whole < 5 and "1" not in bits[whole:], "has bits left over")
    return bytes(int(bits[i : i + 8], 2) for i in range(0, whole, 8))


def need_text(condition, what):
    if not condition:
        raise ValueError(f"the key's text {what}")


def _polymod(values):
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            if top >> bit & 1:
                checksum ^= generator
    return checksum


def read_key_file(text):
    """A key file's 32 bytes."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    need_text(len(lines) == 1, "is not one line")
    key = decode_key_text(lines[0], "coffer-key-")
    need_text(len(key) == 32, "does not have 32 bytes")
    return key
