# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Results in the form in which our gateways write them, read in compiled code, a batch at a time.

The topic may hold anything, but nearly all that it holds was written by ``olympics.result.encode``:
the fields in their order, no white space, no escapes, nothing left out or doubled. Such records are
recognised byte by byte here, at a quarter of what it costs to take JSON apart and to check its
parts. Whatever is not recognised is left to the caller, who knows all that a result may look like,
and what is wrong with one that is none. So nothing may be taken here that the caller would refuse, or
would read otherwise; to leave something to it is always right.
"""

from typing import get_args
from unicodedata import is_normalized

from contracts.partitioning import SEED
from olympics.latest import STATUS_ORDER, WITHDRAWN, Latest
from olympics.result import (
    COMPETITOR_LENGTH,
    IRM_LENGTH,
    MAX_AGE,
    MAX_RANK,
    MAX_VERSION,
    NAME_LENGTH,
    UNIT_LENGTH,
)
from olympics.rsc import RSC_LENGTH
from olympics.words import Medal, Outcome, Phase

from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset

cdef extern from "Python.h":
    object PyUnicode_FromKindAndData(int kind, const void *buffer, Py_ssize_t size)


cdef int64_t _MAX_VERSION = MAX_VERSION
cdef int64_t _MAX_RANK = MAX_RANK
cdef int64_t _MAX_AGE = MAX_AGE
cdef Py_ssize_t _IRM_LENGTH = IRM_LENGTH
cdef Py_ssize_t _UNIT_LENGTH = UNIT_LENGTH
cdef Py_ssize_t _COMPETITOR_LENGTH = COMPETITOR_LENGTH
cdef Py_ssize_t _NAME_LENGTH = NAME_LENGTH
cdef Py_ssize_t _RSC_LENGTH = RSC_LENGTH
cdef uint32_t _SEED = SEED


cdef tuple _words(meanings):
    """Return (word with the quote that ends it, what it is for us) of each word."""
    return tuple([(word.encode() + b'"', meaning) for word, meaning in meanings])


cdef tuple _PHASES = _words([(word, word) for word in get_args(Phase)])
cdef tuple _STATUSES = _words(STATUS_ORDER.items())
cdef tuple _OUTCOMES = _words([(word, word) for word in get_args(Outcome)])
cdef tuple _MEDALS = _words([(word, word) for word in get_args(Medal)])
cdef object _WITHDRAWN = WITHDRAWN


cdef struct Cursor:
    const uint8_t *at
    const uint8_t *end


cdef class CanonicalReader:
    """Reads records of one partition of the results topic, which has *partitions*."""

    cdef dict _sports
    cdef dict _faculties
    cdef uint32_t _partition
    cdef uint32_t _partitions

    def __init__(self, catalogue, int partition, int partitions):
        self._sports = {name.encode(): sport for name, sport in catalogue.sports.items()}
        self._faculties = {name.encode(): name for name in catalogue.faculties}
        self._partition = partition
        self._partitions = partitions

    def read(self, records):
        """Return what is recognised of *records*, and the others, in their order.

        The former by key: (sport, unit, results of it in their order).
        """
        # Made here, so that all keys in it are those of a unit, as they stand in JSON, and lie in
        # their partition. Others' keys might mean another unit to those who know escapes.
        cdef dict units = {}
        cdef list others = []
        cdef bytes last = None
        cdef list results = None
        cdef object key, value, latest, unit
        for record in records:
            key = record.key
            value = record.value
            latest = None
            if PyBytes_CheckExact(key) and PyBytes_CheckExact(value):
                latest = self._latest(<bytes>key, <bytes>value, record)
            if latest is None:
                others.append(record)
                continue
            # Results of a unit often follow upon one another.
            if last is None or <bytes>key != last:
                unit = units.get(key)
                if unit is None:
                    unit = self._unit(<bytes>key)
                    if unit is None:
                        others.append(record)
                        continue
                    units[key] = unit
                results = <list>(<tuple>unit)[2]
                last = <bytes>key
            results.append(latest)
        return units, others

    cdef object _unit(self, bytes key):
        """Return what *key* stands for, without results yet; None if it may stand for nothing."""
        cdef const uint8_t *text = <const uint8_t *>PyBytes_AS_STRING(key)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(key)
        cdef const uint8_t *slash = <const uint8_t *>memchr(text, b"/", size)
        if slash == NULL:
            return None
        sport = self._sports.get(key[: slash - text])
        if sport is None:
            return None
        unit = _text(slash + 1, text + size, _UNIT_LENGTH)
        if unit is None:
            return None
        if len(unit) == _RSC_LENGTH and unit[:3] != sport.code:
            return None
        if (murmur2(text, size) & 0x7FFFFFFF) % self._partitions != self._partition:
            return None
        return sport.name, unit, []

    cdef object _latest(self, bytes key, bytes value, record):
        """Return the result in *value*, of the unit that *key* names; None if not recognised."""
        cdef const uint8_t *data = <const uint8_t *>PyBytes_AS_STRING(value)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(value)
        cdef const uint8_t *name_of_key = <const uint8_t *>PyBytes_AS_STRING(key)
        cdef Py_ssize_t key_size = PyBytes_GET_SIZE(key)
        cdef const uint8_t *slash
        cdef Py_ssize_t part
        cdef int64_t version, number, thousandths
        cdef uint8_t digest[8]
        cdef Cursor cursor
        cdef const uint8_t *begin
        cursor.at = data
        cursor.end = data + size
        slash = <const uint8_t *>memchr(name_of_key, b"/", key_size)
        if slash == NULL:
            return None
        part = slash - name_of_key
        if not (
            _take(&cursor, b'{"sport":"', 10)
            and _take(&cursor, name_of_key, part)
            and _take(&cursor, b'","unit":"', 10)
            and _take(&cursor, slash + 1, key_size - part - 1)
            and _take(&cursor, b'","phase":"', 11)
        ):
            return None
        phase = _word(&cursor, _PHASES)
        if phase is None or not _take(&cursor, b',"competitor":{"id":"', 21):
            return None
        competitor = _take_text(&cursor, _COMPETITOR_LENGTH)
        if competitor is None:
            return None
        name = None
        if _take(&cursor, b'","name":"', 10):
            name = _take_text(&cursor, _NAME_LENGTH)
            if name is None:
                return None
        if not _take(&cursor, b'"', 1):
            return None
        if _take(&cursor, b',"age":', 7):
            if not _number(&cursor, _MAX_AGE, &number):
                return None
        if not _take(&cursor, b'},"faculty":"', 13):
            return None
        begin = cursor.at
        if not _skip_text(&cursor):
            return None
        faculty = self._faculties.get(
            PyBytes_FromStringAndSize(<const char *>begin, cursor.at - begin)
        )
        if faculty is None:
            return None
        if not _take(&cursor, b'","status":"', 12):
            return None
        status = _word(&cursor, _STATUSES)
        if status is None or not _take(&cursor, b',"version":', 11):
            return None
        if not _number(&cursor, _MAX_VERSION, &version) or version == 0:
            return None
        mark = outcome = rank = irm = medal = None
        if _take(&cursor, b',"mark":"', 9):
            if not _mark(&cursor, &thousandths):
                return None
            mark = thousandths
        if _take(&cursor, b',"outcome":"', 12):
            outcome = _word(&cursor, _OUTCOMES)
            if outcome is None:
                return None
        if _take(&cursor, b',"rank":', 8):
            if not _number(&cursor, _MAX_RANK, &number) or number == 0:
                return None
            rank = number
        if _take(&cursor, b',"irm":"', 8):
            begin = cursor.at
            while cursor.at < cursor.end and (
                0x21 <= cursor.at[0] <= 0x7E
                and not 0x61 <= cursor.at[0] <= 0x7A
                and cursor.at[0] != 0x22
                and cursor.at[0] != 0x5C
            ):
                cursor.at += 1
            if not 1 <= cursor.at - begin <= _IRM_LENGTH:
                return None
            irm = (<char *>begin)[: cursor.at - begin].decode("ascii")
            if not _take(&cursor, b'"', 1):
                return None
        if _take(&cursor, b',"medal":"', 10):
            medal = _word(&cursor, _MEDALS)
            if medal is None:
                return None
        if cursor.end - cursor.at != 1 or cursor.at[0] != 0x7D:
            return None
        if (
            mark is None
            and outcome is None
            and rank is None
            and irm is None
            and medal is None
            and status is not _WITHDRAWN
        ):
            return None
        blake2b_64(data, size, digest)
        return Latest(
            version,
            status,
            PyBytes_FromStringAndSize(<const char *>digest, 8),
            False,
            record.offset,
            phase,
            faculty,
            mark,
            outcome,
            rank,
            irm,
            medal,
            name,
            competitor,
        )


cdef inline bint _take(Cursor *cursor, const void *text, Py_ssize_t size) noexcept:
    """Move behind *text*, if it comes next."""
    if cursor.end - cursor.at < size or memcmp(cursor.at, text, size) != 0:
        return False
    cursor.at += size
    return True


cdef object _word(Cursor *cursor, tuple words):
    """Return what the word is that comes next, and move behind its quote; None if it is none."""
    for word, meaning in words:
        if _take(cursor, PyBytes_AS_STRING(word), PyBytes_GET_SIZE(word)):
            return meaning
    return None


cdef object _take_text(Cursor *cursor, Py_ssize_t longest):
    """Return the text that comes next, if it is canonical, and move to the quote that ends it."""
    cdef const uint8_t *begin = cursor.at
    if not _skip_text(cursor):
        return None
    return _text(begin, cursor.at, longest)


cdef inline bint _skip_text(Cursor *cursor) noexcept:
    """Move to the next quote; whether the text before it is one is ``_text``'s to say."""
    cdef const uint8_t *quote = <const uint8_t *>memchr(cursor.at, b'"', cursor.end - cursor.at)
    if quote == NULL:
        return False
    cursor.at = quote
    return True


cdef object _text(const uint8_t *begin, const uint8_t *end, Py_ssize_t longest):
    """Return the text if it is canonical (``olympics.text``) and needs no escapes, else None."""
    cdef const uint8_t *at = begin
    cdef uint8_t every = 0
    cdef uint8_t c, before = 0x20
    cdef Py_ssize_t size = end - begin
    if size == 0 or size > 4 * longest:
        return None
    while at < end:
        c = at[0]
        if c < 0x20 or c == 0x22 or c == 0x5C or c == 0x7F or (c == 0x20 and before == 0x20):
            return None
        every |= c
        before = c
        at += 1
    if before == 0x20:
        return None
    if every < 0x80:
        if size > longest:
            return None
        return PyUnicode_FromKindAndData(1, begin, size)
    try:
        text = PyUnicode_DecodeUTF8(<char *>begin, size, NULL)
    except UnicodeDecodeError:
        return None
    if len(text) > longest or not text.isprintable() or not is_normalized("NFC", text):
        return None
    return text


cdef inline bint _number(Cursor *cursor, int64_t highest, int64_t *number) noexcept:
    """Read a whole number without sign and leading zeros, of at most *highest*."""
    cdef const uint8_t *begin = cursor.at
    cdef int64_t value = 0
    while cursor.at < cursor.end and 0x30 <= cursor.at[0] <= 0x39:
        value = value * 10 + (cursor.at[0] - 0x30)
        cursor.at += 1
        if value > highest:
            return False
    if cursor.at == begin or (begin[0] == 0x30 and cursor.at - begin > 1):
        return False
    number[0] = value
    return True


cdef inline bint _mark(Cursor *cursor, int64_t *thousandths) noexcept:
    """Read a mark as ``format_mark`` writes it, and the quote behind it."""
    cdef bint negative = _take(cursor, b"-", 1)
    cdef int64_t whole
    cdef const uint8_t *at
    if not _number(cursor, 999_999_999, &whole):
        return False
    at = cursor.at
    if (
        cursor.end - at < 5
        or at[0] != 0x2E
        or not 0x30 <= at[1] <= 0x39
        or not 0x30 <= at[2] <= 0x39
        or not 0x30 <= at[3] <= 0x39
        or at[4] != 0x22
    ):
        return False
    whole = whole * 1000 + (at[1] - 0x30) * 100 + (at[2] - 0x30) * 10 + (at[3] - 0x30)
    if negative and whole == 0:
        return False
    cursor.at += 5
    thousandths[0] = -whole if negative else whole
    return True


cdef uint32_t murmur2(const uint8_t *data, Py_ssize_t size) noexcept:
    """Hash as ``contracts.partitioning`` does."""
    cdef uint32_t m = 0x5BD1E995
    cdef uint32_t h = _SEED ^ <uint32_t>size
    cdef uint32_t k
    while size >= 4:
        k = data[0] | (data[1] << 8) | (data[2] << 16) | (<uint32_t>data[3] << 24)
        k *= m
        k ^= k >> 24
        k *= m
        h *= m
        h ^= k
        data += 4
        size -= 4
    if size == 3:
        h ^= <uint32_t>data[2] << 16
    if size >= 2:
        h ^= <uint32_t>data[1] << 8
    if size >= 1:
        h ^= data[0]
        h *= m
    h ^= h >> 13
    h *= m
    h ^= h >> 15
    return h


# Constants of C, which its compiler may take into account.
cdef extern from *:
    """
    static const uint64_t IV[8] = {
        0x6A09E667F3BCC908ULL, 0xBB67AE8584CAA73BULL, 0x3C6EF372FE94F82BULL, 0xA54FF53A5F1D36F1ULL,
        0x510E527FADE682D1ULL, 0x9B05688C2B3E6C1FULL, 0x1F83D9ABFB41BD6BULL, 0x5BE0CD19137E2179ULL,
    };
    static const uint8_t SIGMA[12][16] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
        {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
        {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
        {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
        {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
        {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
        {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
        {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
        {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
        {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
        {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    };
    """
    const uint64_t IV[8]
    const uint8_t SIGMA[12][16]


cdef inline uint64_t _rotate(uint64_t x, int by) noexcept:
    return (x >> by) | (x << (64 - by))


cdef inline void _mix(uint64_t *v, int a, int b, int c, int d, uint64_t x, uint64_t y) noexcept:
    v[a] += v[b] + x
    v[d] = _rotate(v[d] ^ v[a], 32)
    v[c] += v[d]
    v[b] = _rotate(v[b] ^ v[c], 24)
    v[a] += v[b] + y
    v[d] = _rotate(v[d] ^ v[a], 16)
    v[c] += v[d]
    v[b] = _rotate(v[b] ^ v[c], 63)


cdef void blake2b_64(const uint8_t *data, Py_ssize_t size, uint8_t *digest) noexcept:
    """BLAKE2b with a digest of eight bytes (RFC 7693), as ``olympics.latest.latest_of`` has it.

    Calling Python's costs more than computing it.
    """
    cdef uint64_t h[8]
    cdef uint64_t v[16]
    cdef uint64_t m[16]
    cdef uint64_t done = 0
    cdef const uint8_t *s
    cdef int i
    cdef bint last
    memcpy(h, IV, 64)
    h[0] ^= 0x01010000 ^ 8
    while True:
        last = size <= 128
        if last:
            memset(m, 0, 128)
            memcpy(m, data, size)
            done += size
        else:
            memcpy(m, data, 128)
            done += 128
        memcpy(v, h, 64)
        memcpy(v + 8, IV, 64)
        v[12] ^= done
        if last:
            v[14] = ~v[14]
        for i in range(12):
            s = SIGMA[i]
            _mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]])
            _mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]])
            _mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]])
            _mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]])
            _mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]])
            _mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]])
            _mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]])
            _mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]])
        for i in range(8):
            h[i] ^= v[i] ^ v[i + 8]
        if last:
            break
        data += 128
        size -= 128
    memcpy(digest, h, 8)


cdef void _refuse_other_machines() except *:
    # Words are read as they lie in memory: lowest byte first. Any other machine goes without us.
    cdef uint8_t digest[8]
    blake2b_64(b"abc", 3, digest)
    if digest[:8] != bytes.fromhex("d8bb14d833d59559"):
        raise ImportError("made for machines that keep the lowest byte first")


_refuse_other_machines()
