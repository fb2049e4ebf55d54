"""A second reader of Coffer archives, written from FORMAT.md alone.

    /usr/bin/python3 -B -m decoder list ARCHIVE [--snapshot N] KEY...
    /usr/bin/python3 -B -m decoder extract ARCHIVE DIRECTORY [--snapshot N] KEY...
    /usr/bin/python3 -B -m decoder mend ARCHIVE NEW
    /usr/bin/python3 -B -m decoder vectors FOLDER

KEY is `--passphrase-file F`, `--key-file F` or `--archive-key HEX`. `list` prints one JSON object for each row, with the
SHA-256 of each file's content, of the newest snapshot or the one of a number from 1; `extract` writes to a directory that must not exist; `mend` writes what
the recovery layer makes of a damaged archive, and takes no key; `vectors` reads all golden vectors and prints
what each gives. Needs Debian's python3-cryptography and python3-zstandard."""

import base64
import gzip
import hashlib
import json
import mmap
import os
import sys

from .extract import Extraction
from .header import find_copies
from .keys import Keys, passphrase_bytes, read_key_file
from .recovery import mend
from .rows import FILE, Row
from .segment import WholeReader
from .snapshots import read_snapshot
from .values import EXIT_CODES, Failure

KINDS = {1: "file", 2: "directory", 3: "symlink", 4: "hardlink", 5: "fifo"}
# Zeros between slices are hashed up to this size, because sizes can be 2^53.
MAX_HASHED = 2**36


class Hashes:
    """The SHA-256 of every file, slice by slice."""

    def __init__(self):
        self.done = {}
        self.path = None

    def __call__(self, row, provisional, slices):
        if row.kind != FILE:
            return
        if self.path != row.path:
            self.path, self.hash, self.at = row.path, hashlib.sha256(), 0
        for offset, content in slices:
            self.zeros_to(offset)
            if self.hash is not None:
                self.hash.update(content)
            self.at = offset + len(content)
        if not provisional:
            self.zeros_to(row.size)
            self.done[row.path] = self.hash.hexdigest() if self.hash else None
            self.path = None

    def zeros_to(self, offset):
        if offset > MAX_HASHED:
            self.hash = None
        while self.hash is not None and self.at < offset:
            count = min(offset - self.at, 2**20)
            self.hash.update(bytes(count))
            self.at += count


def described(row: Row, hashes):
    owner = row.owner
    return {
        "path": row.path.decode(),
        "kind": KINDS[row.kind],
        "mode": row.mode,
        "size": row.size,
        "mtime": [row.seconds, row.nanoseconds],
        "owner": None if owner is None else [owner[0], owner[1], owner[2].decode(), owner[3].decode()],
        "link": row.link.decode(),
        "changed": bool(row.changed),
        "sha256": hashes.get(row.path),
    }


def latest(whole):
    """The number of the newest snapshot that is no checkpoint, from 1."""
    for number in range(len(whole.segments), 0, -1):
        if not whole.segments[number - 1].snapshot.checkpoint:
            return number
    raise SystemExit("all snapshots are checkpoints: name one with --snapshot")


def list_archive(data, keys, number):
    whole = WholeReader(data, keys, lambda *_: None).read()
    number = latest(whole) if number is None else number
    hashes = Hashes()
    for row in read_snapshot(whole, number - 1, hashes):
        print(json.dumps(described(row, hashes.done)))
    segment = whole.segments[number - 1]
    print(json.dumps({
        "snapshot": segment.hash.hex(),
        "number": number,
        "snapshots": [each.hash.hex() for each in whole.segments],
        "streamed": whole.streamed,
        "warnings": whole.warnings,
        "label": segment.snapshot.label,
        "writer": segment.snapshot.writer,
        "partial": segment.snapshot.partial,
        "orphans": [path.decode() for path in segment.snapshot.orphans],
    }))


def extract_archive(data, keys, directory, number):
    whole = WholeReader(data, keys, lambda *_: None).read()
    extraction = Extraction(directory, len(data))
    number = latest(whole) if number is None else number
    return extraction.finish(read_snapshot(whole, number - 1, extraction))


def mended(data):
    """An archive as its recovery layer mends it, which takes no key; None when some of it cannot be."""
    a, bs, _ = find_copies(data)
    copy = next((copy for copy in (a, *bs) if copy is not None and copy.checksum_holds), None)
    return mend(data, None, None) if copy is None else mend(data, copy.percent, 2 * copy.pages * 4096)


class Vectors:
    """The golden vectors of a folder; tests/vectors/vector_file.ts says what is in them."""

    def __init__(self, folder):
        self.folder = folder
        self.archives = {}

    def file(self, name):
        with open(os.path.join(self.folder, name + ".json"), encoding="utf-8") as file:
            return json.load(file)

    def archive(self, name):
        if name not in self.archives:
            parts = []
            for part in self.file(name)["archive"]:
                if "gzip" in part:
                    parts.append(gzip.decompress(base64.b64decode(part["gzip"])))
                else:
                    base = self.archive(part["copyOf"])
                    parts.append(base[part["from"] : part["from"] + part["length"]])
            self.archives[name] = b"".join(parts)
        return self.archives[name]

    def read(self, name):
        key = self.file(name)["key"]
        if "identity" in key:
            return {"skipped": "python3-cryptography has no ML-KEM-768, which a recipient's slot needs"}
        keys = Keys(
            archive_keys=[bytes.fromhex(key["archiveKey"])] if "archiveKey" in key else [],
            key_files=[bytes.fromhex(key["keyFile"])] if "keyFile" in key else [],
            passphrases=[passphrase_bytes(key["passphrase"])] if "passphrase" in key else [],
        )
        released = hashlib.sha256()

        def sink(row, provisional, slices):
            for _, content in slices:
                released.update(content)

        outcome, why, warnings, snapshots = "none", "", 0, []
        try:
            reader = WholeReader(self.archive(name), keys, sink)
            warnings = reader.warnings
            reader.read()
            snapshots = [self.snapshot(reader, number) for number in range(len(reader.segments))]
        except Failure as failure:
            outcome, why = failure.code, str(failure)
        more = {}
        if "mended" in self.file(name):
            whole = mended(self.archive(name))
            more["mended"] = "no" if whole is None else hashlib.sha256(whole).hexdigest()
        return {
            **more,
            "outcome": outcome,
            "released": released.hexdigest(),
            "warnings": warnings,
            "why": why,
            "snapshots": snapshots,
        }

    def snapshot(self, whole, number):
        """The paths of a snapshot and the hash of its content, or why it cannot be read."""
        released = hashlib.sha256()

        def sink(row, provisional, slices):
            for _, content in slices:
                released.update(content)

        try:
            rows = read_snapshot(whole, number, sink)
        except Failure as failure:
            return {"outcome": failure.code, "why": str(failure)}
        return {"outcome": "none", "paths": [row.path.decode() for row in rows], "released": released.hexdigest()}

    def print_all(self):
        for name in sorted(file[: -len(".json")] for file in os.listdir(self.folder) if file.endswith(".json")):
            print(json.dumps({"name": name, **self.read(name)}))


def options_of(arguments):
    """The keys, and the number of a snapshot or None."""
    keys = Keys()
    number = None
    for option, value in zip(arguments[::2], arguments[1::2]):
        if option == "--snapshot":
            number = int(value)
        elif option == "--archive-key":
            keys.archive_keys.append(bytes.fromhex(value))
        elif option == "--key-file":
            with open(value, encoding="utf-8") as file:
                keys.key_files.append(read_key_file(file.read()))
        elif option == "--passphrase-file":
            with open(value, encoding="utf-8", newline="") as file:
                keys.passphrases.append(passphrase_bytes(file.read().removesuffix("\n")))
        else:
            raise ValueError(f"unknown option {option}")
    return keys, number


def mapped(path):
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return b""
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def main(arguments):
    verb, target, *rest = arguments
    if verb == "vectors":
        Vectors(target).print_all()
        return 0
    try:
        if verb == "list":
            list_archive(mapped(target), *options_of(rest))
            return 0
        if verb == "extract":
            keys, number = options_of(rest[1:])
            for problem in extract_archive(mapped(target), keys, rest[0], number):
                print(problem, file=sys.stderr)
            return 0
        if verb == "mend":
            whole = mended(mapped(target))
            if whole is None:
                print("more is damaged than can be mended, or there is no recovery layer", file=sys.stderr)
                return EXIT_CODES["damaged"]
            with open(rest[0], "xb") as file:
                file.write(whole)
            return 0
        raise ValueError(f"unknown verb {verb}")
    except Failure as failure:
        print(failure, file=sys.stderr)
        return EXIT_CODES[failure.code]


sys.exit(main(sys.argv[1:]))
