"""Lays the heap out, so that an event dirties few pages of it.

Each event is handled by a fresh instance of the snapshot. Afterwards the gateway resets the pages
that were written, and its engine does so cheaply for a few runs of pages. Python writes all over
its heap: it counts the references to each object that it looks at, and it puts new objects wherever
an old one has left a hole.

So the holes are filled here. And the build notes where the objects are: it makes them immortal,
which Python's own constants are too. The references to an immortal object are not counted. The
interpreter never frees it, as it never would before the process ends, at the end of the event.
"""

import gc
import sys
from collections.abc import Callable, Iterable
from struct import pack, pack_into
from types import CodeType

#: What the build looks for. Put together here, so that it stands in memory once.
_MARK = b"tollgate:".join((b"", b"immortal objects\0"))
#: The interpreter whose immortal objects the build knows: another one marks them otherwise.
_KNOWN = (3, 14)
#: The allocator's blocks are multiples of this, and keep some bytes for themselves.
_UNIT = 16
_HEAD = 4
#: The bytes of a `bytes` without its contents.
_EMPTY = 17
#: The largest block that is worth a place of its own.
_LARGEST = 512
#: So many blocks side by side show that no hole is left: a page of the host's memory has 4,096.
_SIDE_BY_SIDE = 16 << 10

_kept: list[object] = []
_fillings: list[object] = []
_note = bytearray()


def note() -> None:
    """Notes where the objects are that live now. They live until the end."""
    global _note
    if sys.version_info[:2] != _KNOWN:
        return
    gc.collect()
    waiting = gc.get_objects()
    seen: dict[int, object] = {}
    while waiting:
        one = waiting.pop()
        if id(one) not in seen and one is not seen and one is not waiting:
            seen[id(one)] = one
            waiting.extend(_parts(one))
    _kept.extend(seen.values())
    del one, seen, waiting
    # All in one place: what is left of a copy would stay in the snapshot.
    start = len(_MARK) + 8
    _note = bytearray(start + 8 * len(_kept))
    places = memoryview(_note)[start:]
    for number, one in enumerate(_kept):
        pack_into("<II", places, 8 * number, id(one), id(type(one)))
    total = sum(places.cast("I")) & 0xFFFFFFFF
    _note[:start] = _MARK + pack("<II", len(places), total)


def _parts(one: object) -> Iterable[object]:
    """What an object refers to. The collector leaves out what cannot be in a circle."""
    yield from gc.get_referents(one)
    if type(one) is dict:
        yield from one
    elif type(one) is CodeType:
        yield from (one.co_consts, one.co_names, one.co_name, one.co_qualname, one.co_filename)
        yield from (one.co_exceptiontable, one.co_linetable)


def fill() -> None:
    """Fills the holes, so that new objects lie side by side."""
    gc.collect()
    gc.freeze()
    for block in range(_LARGEST, _UNIT, -_UNIT):
        contents = block - _HEAD - _EMPTY
        _fill(lambda contents=contents: bytes(contents), block)
    _fill(object, _UNIT)


def _fill(make: Callable[[], object], block: int) -> None:
    # The row has its full size from the start: a list that grows would leave holes itself.
    row: list[object] = [None] * (_SIDE_BY_SIDE // block)
    last = number = 0
    while number < len(row):
        one = make()
        if id(one) != last + block:
            _fillings.extend(row[:number])
            number = 0
        row[number] = one
        number += 1
        last = id(one)
