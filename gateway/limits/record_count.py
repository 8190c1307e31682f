"""How many records a request has, found out before they become objects.

A record of a few bytes takes hundreds once it is an object, so a limit on the bytes of a request
does not bound its memory: 16 MiB of JSON may hold 8 million items, which take 600 MiB.
"""

from typing import Final

from gateway.errors import Reason, Refused

#: No result or entry has more fields, so an array with more commas has too many items, or bad ones.
_COMMAS: Final = 20

_VARINT, _FIXED64, _BYTES, _START_GROUP, _END_GROUP, _FIXED32 = range(6)
_RECORD_FIELDS: Final = (1, 2)  # results and entries


def check_array_text(body: bytes, limit: int) -> None:
    """Refuse a JSON array that cannot be one of at most *limit* records, whatever is in it.

    :raises Refused: too large.
    """
    if body.count(b",") > _COMMAS * limit:
        raise too_many(limit)


def check_message(data: bytes, limit: int) -> None:
    """Refuse a ``SubmitRequest`` of more than *limit* records; what is no message passes.

    :raises Refused: too large.
    """
    if len(data) < 2 * limit:  # an empty record takes two bytes
        return
    place = count = 0
    try:
        while place < len(data):
            key, place = _varint(data, place)
            kind = key & 7
            if kind == _BYTES:
                if key >> 3 in _RECORD_FIELDS:
                    count += 1
                    if count > limit:
                        raise too_many(limit)
                size, place = _varint(data, place)
                place += size
            elif kind == _VARINT:
                _, place = _varint(data, place)
            elif kind == _FIXED64:
                place += 8
            elif kind == _FIXED32:
                place += 4
            elif kind not in (_START_GROUP, _END_GROUP):
                return
    except IndexError:
        return  # it breaks off: the parser says so better


def too_many(limit: int) -> Refused:
    return Refused(
        Reason.TOO_LARGE,
        f"the request has more than {limit} records; send several, or lines or a stream",
    )


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """Return a number and the place behind it."""
    byte = data[place]
    place += 1
    value = byte & 127
    shift = 7
    while byte & 128:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        shift += 7
        if shift > 70:
            raise IndexError
    return value, place
