"""A second reader of Coffer archives, written from FORMAT.md alone.

    /usr/bin/python3 -B -m decoder list ARCHIVE KEY...
    /usr/bin/python3 -B -m decoder extract ARCHIVE DIRECTORY KEY...
    /usr/bin/python3 -B -m decoder vectors FOLDER

KEY is `--passphrase-file F`, `--key-file F` or `--archive-key HEX`. `list` prints one JSON object for each row, with the
SHA-256 of each file's content; `extract` writes to a directory that must not exist; `vectors` reads all golden vectors and prints
what each gives. Needs Debian's python3-cryptography and python3-zstandard."""

import base64
import gzip
import hashlib
import json
import mmap
import os
import sys

from .extract import Extraction
from .keys import Keys, passphrase_bytes, read_key_file
from .rows import FILE, Row
from .segment import WholeReader
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


def read_whole(data, keys, sink):
    """Reads an archive, and gives the content of its files. Where they share it, blocks do not have all of a file."""
    reader = WholeReader(data, keys, sink)
    if reader.deduplicated:
        reader.sink = lambda row, provisional, slices: None
    whole = reader.read()
    if reader.deduplicated:
        reader.give_content(sink)
    return whole


def list_archive(data, keys):
    hashes = Hashes()
    whole = read_whole(data, keys, hashes)
    for row in whole.catalog:
        print(json.dumps(described(row, hashes.done)))
    print(json.dumps({
        "snapshot": whole.snapshot_id,
        "streamed": whole.streamed,
        "warnings": whole.warnings,
        "label": whole.label,
        "writer": whole.writer,
        "partial": whole.partial,
        "orphans": [path.decode() for path in whole.orphans],
    }))


def extract_archive(data, keys, directory):
    extraction = Extraction(directory, len(data))
    whole = read_whole(data, keys, extraction)
    return extraction.finish(whole)


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

        outcome, why, warnings = "none", "", 0
        try:
            reader = WholeReader(self.archive(name), keys, sink)
            warnings = reader.opened.warnings
            reader.read()
        except Failure as failure:
            outcome, why = failure.code, str(failure)
        return {"outcome": outcome, "released": released.hexdigest(), "warnings": warnings, "why": why}

    def print_all(self):
        for name in sorted(file[: -len(".json")] for file in os.listdir(self.folder) if file.endswith(".json")):
            print(json.dumps({"name": name, **self.read(name)}))


def keys_of(arguments):
    keys = Keys()
    for option, value in zip(arguments[::2], arguments[1::2]):
        if option == "--archive-key":
            keys.archive_keys.append(bytes.fromhex(value))
        elif option == "--key-file":
            with open(value, encoding="utf-8") as file:
                keys.key_files.append(read_key_file(file.read()))
        elif option == "--passphrase-file":
            with open(value, encoding="utf-8", newline="") as file:
                keys.passphrases.append(passphrase_bytes(file.read().removesuffix("\n")))
        else:
            raise ValueError(f"unknown option {option}")
    return keys


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
            list_archive(mapped(target), keys_of(rest))
            return 0
        if verb == "extract":
            for problem in extract_archive(mapped(target), keys_of(rest[1:]), rest[0]):
                print(problem, file=sys.stderr)
            return 0
        raise ValueError(f"unknown verb {verb}")
    except Failure as failure:
        print(failure, file=sys.stderr)
        return EXIT_CODES[failure.code]


sys.exit(main(sys.argv[1:]))
