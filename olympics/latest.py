"""The surviving result of one competitor in one unit, and the join that decides it."""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Final, Literal

import msgspec

from olympics.mark import mark_of
from olympics.result import Medal, Outcome, Phase, Result, Status

UNOFFICIAL: Final = 0
OFFICIAL: Final = 1
WITHDRAWN: Final = 2
#: The order in which a status beats another at the same version.
STATUS_ORDER: dict[Status, Literal[0, 1, 2]] = {
    "unofficial": UNOFFICIAL,
    "official": OFFICIAL,
    "withdrawn": WITHDRAWN,
}
STATUS_NAMES: tuple[Status, Status, Status] = ("unofficial", "official", "withdrawn")


class Latest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is kept of the result that survives for one identity.

    ``digest`` is the 64-bit BLAKE2b of the record on the topic, as bytes, so that two results
    can be compared without their records. ``conflict`` says that at this version and status more
    than one content was seen. ``offset`` is the place, in its partition of the results topic, of
    the record that made it what it is: the result itself or, of a conflict, the later of the two.
    ``mark`` is in thousandths, rounded down, and ``ten_thousandths`` (0 to 9) is what is missing;
    see :meth:`exact_mark`. (Marks were exact to the thousandth once.) ``name`` and ``competitor``
    are the competitor's name and id.

    Encoded as an array: fields may be added at the end with a default, never moved or removed.
    """

    version: int
    status: Literal[0, 1, 2]
    digest: bytes
    conflict: bool
    offset: int
    phase: Phase
    faculty: str
    mark: int | None
    outcome: Outcome | None
    rank: int | None
    irm: str | None
    medal: Medal | None
    name: str | None
    competitor: str
    ten_thousandths: int = 0

    def exact_mark(self) -> int | None:
        """Return the mark as ``olympics.mark`` has it: in ten-thousandths."""
        mark = self.mark
        return None if mark is None else mark * 10 + self.ten_thousandths


def latest_of(result: Result, data: bytes, offset: int) -> Latest:
    """Return *result*, whose bytes *data* lie at *offset*, as the state keeps it.

    The bytes of a digest have the order of its number, so they need not become one.
    """
    mark, ten_thousandths = None, 0
    if result.mark is not None:
        exact = mark_of(result.mark)
        assert exact is not None  # its reader has seen to that
        mark, ten_thousandths = divmod(exact, 10)
    competitor = result.competitor
    return Latest(
        result.version,
        STATUS_ORDER[result.status],
        blake2b(data, digest_size=8).digest(),
        False,
        offset,
        result.phase,
        result.faculty,
        mark,
        result.outcome,
        result.rank,
        result.irm,
        result.medal,
        competitor.name,
        competitor.id,
        ten_thousandths,
    )


#: A result as the state keeps it, to and from bytes.
encode_latest = msgspec.msgpack.Encoder().encode
decode_latest = msgspec.msgpack.Decoder(Latest).decode
#: A text as it stands in them.
encode_text: Callable[[str], bytes] = msgspec.msgpack.Encoder().encode
#: Results from one list of them.
decode_together = msgspec.msgpack.Decoder(list[Latest]).decode
_split = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


_SHORT_HEADS: Final = tuple(bytes((0x90 | size,)) for size in range(16))


def head_of(size: int) -> bytes:
    """Return what stands before *size* encoded results to make one list of them."""
    # https://github.com/msgpack/msgpack/blob/master/spec.md#array-format-family
    if size < 1 << 4:
        return _SHORT_HEADS[size]
    if size < 1 << 16:
        return b"\xdc" + size.to_bytes(2, "big")
    return b"\xdd" + size.to_bytes(4, "big")


def decode_in_slices(together: bytes, size: int) -> Iterator[list[Latest]]:
    """Yield the results from one list of them, up to *size* at a time.

    To find where each begins takes a fifth of the time of decoding them all.
    """
    encoded = _split(together)
    for begin in range(0, len(encoded), size):
        some = encoded[begin : begin + size]
        yield decode_together(head_of(len(some)) + b"".join(some))


def join(one: Latest, other: Latest) -> Latest:
    """Return what survives of two results of one identity.

    The higher version; then withdrawn over official over unofficial; then the greater digest.
    Commutative, associative and idempotent in everything but ``offset``: two states may be
    joined in any order and any number of times. *one* itself is returned when *other* adds
    nothing.
    """
    if one.version != other.version:
        return one if one.version > other.version else other
    if one.status != other.status:
        return one if one.status > other.status else other
    if one.digest == other.digest:
        return one if one.conflict or not other.conflict else other
    winner = one if one.digest > other.digest else other
    if winner.conflict:
        return winner
    # That there is a conflict is known only from the later of the two on.
    offset = max(one.offset, other.offset)
    return msgspec.structs.replace(winner, conflict=True, offset=offset)
