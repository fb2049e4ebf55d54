"""FORMAT.md's section Restoring, as far as a new directory on Linux that nobody else writes to needs it."""

import os
import stat

from .rows import DIRECTORY, FIFO, FILE, HARDLINK, SYMLINK
from .values import Failure, need

FREE = 2**30
EXPANSION = 1000


class Extraction:
    """Writes content as it comes, and all else at the end.

    There is no symlink in the directory while content is written: they are made last. Every name is made exclusively."""

    def __init__(self, directory, archive_bytes):
        os.mkdir(directory, 0o700)
        self.root = os.fsencode(directory)
        self.left = FREE + EXPANSION * archive_bytes
        self.files = {}

    def at(self, path):
        return self.root if path == b"." else os.path.join(self.root, path)

    def make_directories(self, path):
        """Makes the directory and those above it, where they are missing."""
        if path == b"":
            return
        try:
            os.mkdir(self.at(path), 0o700)
        except FileNotFoundError:
            self.make_directories(os.path.dirname(path))
            os.mkdir(self.at(path), 0o700)
        except FileExistsError:
            there = os.lstat(self.at(path)).st_mode
            need(stat.S_ISDIR(there), "unsafe", "something stands in what is no directory")

    def __call__(self, row, provisional, slices):
        if row.kind != FILE:
            return
        flags = os.O_WRONLY | os.O_NOFOLLOW
        if row.path not in self.files:
            self.make_directories(os.path.dirname(row.path))
            flags |= os.O_CREAT | os.O_EXCL
        try:
            descriptor = os.open(self.at(row.path), flags, 0o600)
        except OSError as error:
            raise Failure("unsafe", f"a file cannot be made: {error}") from None
        try:
            about = os.fstat(descriptor)
            self.files.setdefault(row.path, (about.st_dev, about.st_ino))
            need(self.files[row.path] == (about.st_dev, about.st_ino), "unsafe", "a file was replaced")
            for offset, content in slices:
                self.left -= len(content)
                need(self.left >= 0, "limit", "more content than the archive's size allows")
                assert os.pwrite(descriptor, content, offset) == len(content)
            if not provisional:
                os.ftruncate(descriptor, row.size)
        finally:
            os.close(descriptor)

    def finish(self, catalog):
        """Makes the rest from the catalog. Gives a line for all that could not be restored."""
        problems = []
        for row in catalog:
            if row.kind == DIRECTORY:
                self.make_directories(b"" if row.path == b"." else row.path)
        for row in catalog:
            self.make_directories(os.path.dirname(row.path))
            if row.kind == HARDLINK:
                if row.link in self.files:
                    os.link(self.at(row.link), self.at(row.path), follow_symlinks=False)
                else:
                    problems.append(f"{row.path!r}: a hard link to what is no file")
            elif row.kind == FIFO:
                os.mkfifo(self.at(row.path), 0o600)
        for row in catalog:
            if row.kind == SYMLINK:
                os.symlink(row.link, self.at(row.path))
        for row in reversed(catalog):
            if row.kind != HARDLINK:
                self.restore_metadata(row)
        return problems

    def restore_metadata(self, row):
        path = self.at(row.path)
        if row.kind != SYMLINK:
            os.chmod(path, row.mode & 0o777)
        nanoseconds = row.seconds * 10**9 + row.nanoseconds
        os.utime(path, ns=(nanoseconds, nanoseconds), follow_symlinks=False)
