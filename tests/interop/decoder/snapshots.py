"""FORMAT.md's section Snapshots: the catalog of a snapshot from its stack of runs, and its content."""

from .rows import FILE, GONE, MOVED, check_inside, decode_block
from .segment import Frames
from .values import need, order


def catalog_of(segments, number):
    """The rows of snapshot `number`, from 0, in path order: of all rows of a path, that of the highest run counts."""
    snapshot = segments[number].snapshot
    newest = {}
    for run in [number, *snapshot.below]:
        for entry in segments[run].snapshot.rows:
            newest.setdefault(entry.row.path, entry)
    catalog = sorted((entry for entry in newest.values() if entry.mark != GONE), key=lambda entry: order(entry.row.path))
    for before, after in zip(catalog, catalog[1:]):
        check_inside(before.row, after.row)
    totals = [0] * 6
    for entry in catalog:
        totals[entry.row.kind - 1] += 1
        totals[5] += entry.row.size
    need(totals == snapshot.totals, "inconsistent", "a snapshot has other totals than it says")
    return catalog


class Contents:
    """Reads the content of entries by their places."""

    def __init__(self, whole):
        self.whole = whole
        self.last = (None, None)

    def block(self, segment, number):
        if self.last[0] != (segment, number):
            about = self.whole.segments[segment]
            start, link = about.locator.offset, about.locator.link
            frames = Frames(self.whole.body, self.whole.opened.keys, start, segment, link)
            frames.seek(number, about.blocks[number][0])
            frame = frames.next()
            self.last = ((segment, number), decode_block(frame.raw, frame.rows))
        return self.last[1]

    def slices(self, entry):
        """Each slice of an entry as (offset, bytes). One that is not in its block as the entry says is `inconsistent`."""
        for offset, length, place, number, segment, shared in entry.extents:
            rows, data = self.block(segment, number)
            if shared:
                yield offset, data[place : place + length]
                continue
            said = (offset, length, place)
            holders = [
                held
                for held in rows
                if said in held.slices and (entry.mark == MOVED or held.row.path == entry.row.path)
            ]
            need(holders, "inconsistent", "an extent that is no slice of its block")
            same = entry.mark != 0 or holders[0].provisional or holders[0].row == entry.row
            need(same, "inconsistent", "a block has another row")
            yield offset, data[place : place + length]


def read_snapshot(whole, number, sink):
    """Gives the content of a snapshot to a sink as that of a WholeReader; returns its rows."""
    contents = Contents(whole)
    catalog = catalog_of(whole.segments, number)
    for entry in catalog:
        if entry.row.kind != FILE:
            continue
        for piece in contents.slices(entry):
            sink(entry.row, True, [piece])
        sink(entry.row, False, [])
    return [entry.row for entry in catalog]
