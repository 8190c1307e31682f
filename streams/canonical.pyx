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
from olympics.latest import STATUS_ORDER
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

from msgspec.msgpack import encode

from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset

from olympics.packed cimport (
    BYTES,
    DIGEST_SIZE,
    FALSE,
    LATEST,
    NIL,
    Cursor,
    Packed,
    Text,
    as_bytes,
    over,
    put,
    put_byte,
    put_number,
    put_text,
    put_text_or_nil,
)

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
    """Return (word with the quote that ends it, what it is in MessagePack) of each word."""
    return tuple([(word.encode() + b'"', encode(meaning)) for word, meaning in meanings])


cdef tuple _PHASES = _words([(word, word) for word in get_args(Phase)])
cdef tuple _STATUSES = _words(STATUS_ORDER.items())
cdef bytes _WITHDRAWN = dict(_STATUSES)[b'withdrawn"']
cdef tuple _OUTCOMES = _words([(word, word) for word in get_args(Outcome)])
cdef tuple _MEDALS = _words([(word, word) for word in get_args(Medal)])
cdef bytes _NOTHING = encode(None)


cdef class CanonicalReader:
    """Reads records of one partition of the results topic, which has *partitions*."""

    cdef dict _sports
    cdef dict _faculties
    cdef frozenset _timed  # the sports of which some marks are times
    cdef uint32_t _partition
    cdef uint32_t _partitions

    def __init__(self, catalogue, int partition, int partitions):
        self._sports = {name.encode(): sport for name, sport in catalogue.sports.items()}
        self._faculties = {name.encode(): encode(name) for name in catalogue.faculties}
        self._timed = frozenset(
            [name.encode() for name, sport in catalogue.sports.items() if sport.has_times()]
        )
        self._partition = partition
        self._partitions = partitions

    def read(self, records):
        """Return what is recognised of *records*, and the others, in their order.

        The former by key: the unit's results in their order, as the state keeps them.
        """
        # Made here, so that all keys in it are those of a unit, as they stand in JSON, and lie in
        # their partition. Others' keys might mean another unit to those who know escapes.
        cdef dict units = {}
        cdef list others = []
        cdef bytes last = None
        cdef list results = None
        cdef object key, value, latest
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
                results = units.get(key)
                if results is None:
                    if not self._is_unit(<bytes>key):
                        others.append(record)
                        last = None
                        continue
                    results = units[key] = []
                last = <bytes>key
            results.append(latest)
        return units, others

    cdef bint _is_unit(self, bytes key) except -1:
        """Whether *key* is that of a unit of this partition; False also if that is not certain."""
        cdef const uint8_t *text = <const uint8_t *>PyBytes_AS_STRING(key)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(key)
        cdef const uint8_t *slash = <const uint8_t *>memchr(text, b"/", size)
        cdef Text unit
        if slash == NULL:
            return False
        sport = self._sports.get(key[: slash - text])
        if sport is None:
            return False
        unit.at = slash + 1
        unit.size = text + size - unit.at
        if not _is_text(&unit, _UNIT_LENGTH):
            return False
        if unit.size >= _RSC_LENGTH:
            name = PyUnicode_DecodeUTF8(<char *>unit.at, unit.size, NULL)
            if len(name) == _RSC_LENGTH and name[:3] != sport.code:
                return False
        return (murmur2(text, size) & 0x7FFFFFFF) % self._partitions == self._partition

    cdef bytes _latest(self, bytes key, bytes value, record):
        """Return the result in *value* as the state keeps it, encoded; None if not recognised.

        *key*: of the unit that it must be of.
        """
        cdef Py_ssize_t size = PyBytes_GET_SIZE(value)
        cdef const uint8_t *name_of_key = <const uint8_t *>PyBytes_AS_STRING(key)
        cdef Py_ssize_t key_size = PyBytes_GET_SIZE(key)
        cdef const uint8_t *slash
        cdef Py_ssize_t part
        cdef int64_t version, age, mark, thousandths
        cdef int ten_thousandths = 0
        cdef int64_t rank = 0
        cdef bint has_mark = False
        cdef uint8_t digest[DIGEST_SIZE]
        cdef Cursor cursor = over(value)
        cdef Text competitor, faculty_name
        cdef Text name = Text(NULL, 0)
        cdef Text irm = Text(NULL, 0)
        cdef Packed packed
        cdef bytes phase, faculty, status
        cdef bytes outcome = _NOTHING
        cdef bytes medal = _NOTHING
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
        if not _take_text(&cursor, _COMPETITOR_LENGTH, &competitor):
            return None
        if _take(&cursor, b'","name":"', 10) and not _take_text(&cursor, _NAME_LENGTH, &name):
            return None
        if not _take(&cursor, b'"', 1):
            return None
        if _take(&cursor, b',"age":', 7) and not _number(&cursor, _MAX_AGE, &age):
            return None
        if not _take(&cursor, b'},"faculty":"', 13) or not _skip_text(&cursor, &faculty_name):
            return None
        faculty = self._faculties.get(as_bytes(&faculty_name))
        if faculty is None or not _take(&cursor, b'","status":"', 12):
            return None
        status = _word(&cursor, _STATUSES)
        if status is None or not _take(&cursor, b',"version":', 11):
            return None
        if not _number(&cursor, _MAX_VERSION, &version) or version == 0:
            return None
        if _take(&cursor, b',"mark":"', 9):
            if not _mark(&cursor, &mark):
                return None
            # Not every sport has such marks; which unit has them is the caller's to say.
            if mark <= 0 and name_of_key[:part] in self._timed:
                return None
            has_mark = True
            ten_thousandths = mark % 10
            if ten_thousandths < 0:  # as C divides, and Python does not
                ten_thousandths += 10
            thousandths = (mark - ten_thousandths) // 10
        if _take(&cursor, b',"outcome":"', 12):
            outcome = _word(&cursor, _OUTCOMES)
            if outcome is None:
                return None
        if _take(&cursor, b',"rank":', 8):
            if not _number(&cursor, _MAX_RANK, &rank) or rank == 0:
                return None
        if _take(&cursor, b',"irm":"', 8):
            irm.at = cursor.at
            while cursor.at < cursor.end and (
                0x21 <= cursor.at[0] <= 0x7E
                and not 0x61 <= cursor.at[0] <= 0x7A
                and cursor.at[0] != 0x22
                and cursor.at[0] != 0x5C
            ):
                cursor.at += 1
            irm.size = cursor.at - irm.at
            if not 1 <= irm.size <= _IRM_LENGTH or not _take(&cursor, b'"', 1):
                return None
        if _take(&cursor, b',"medal":"', 10):
            medal = _word(&cursor, _MEDALS)
            if medal is None:
                return None
        if cursor.end - cursor.at != 1 or cursor.at[0] != 0x7D:
            return None
        if (
            not (has_mark or rank or irm.size)
            and outcome is _NOTHING
            and medal is _NOTHING
            and status is not _WITHDRAWN
        ):
            return None
        blake2b_64(<const uint8_t *>PyBytes_AS_STRING(value), size, digest)
        # What has a length of its own is in the value; all the rest takes less than a hundred bytes.
        if size + PyBytes_GET_SIZE(faculty) + 100 > <Py_ssize_t>sizeof(packed.data):
            return None
        packed.size = 0
        put_byte(&packed, LATEST)
        put_number(&packed, version)
        _put_encoded(&packed, status)
        put_byte(&packed, BYTES)
        put_byte(&packed, DIGEST_SIZE)
        put(&packed, digest, DIGEST_SIZE)
        put_byte(&packed, FALSE)
        put_number(&packed, record.offset)
        _put_encoded(&packed, phase)
        _put_encoded(&packed, faculty)
        if has_mark:
            put_number(&packed, thousandths)
        else:
            put_byte(&packed, NIL)
        _put_encoded(&packed, outcome)
        if rank:
            put_number(&packed, rank)
        else:
            put_byte(&packed, NIL)
        put_text_or_nil(&packed, &irm)
        _put_encoded(&packed, medal)
        put_text_or_nil(&packed, &name)
        put_text(&packed, &competitor)
        put_number(&packed, ten_thousandths)
        return PyBytes_FromStringAndSize(<const char *>packed.data, packed.size)


cdef inline void _put_encoded(Packed *packed, bytes encoded) noexcept:
    put(packed, PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded))


cdef inline bint _take(Cursor *cursor, const void *text, Py_ssize_t size) noexcept:
    """Move behind *text*, if it comes next."""
    if cursor.end - cursor.at < size or memcmp(cursor.at, text, size) != 0:
        return False
    cursor.at += size
    return True


cdef bytes _word(Cursor *cursor, tuple words):
    """Return what the word is that comes next, and move behind its quote; None if it is none."""
    cdef object word, meaning
    for word, meaning in words:
        if _take(cursor, PyBytes_AS_STRING(word), PyBytes_GET_SIZE(word)):
            return <bytes>meaning
    return None


cdef inline bint _skip_text(Cursor *cursor, Text *text) noexcept:
    """Move to the next quote; whether the text before it is one is ``_is_text``'s to say."""
    cdef const uint8_t *quote = <const uint8_t *>memchr(cursor.at, b'"', cursor.end - cursor.at)
    if quote == NULL:
        return False
    text.at = cursor.at
    text.size = quote - cursor.at
    cursor.at = quote
    return True


cdef bint _take_text(Cursor *cursor, Py_ssize_t longest, Text *text) except -1:
    """Take the text that comes next, if it is canonical, and move to the quote that ends it."""
    return _skip_text(cursor, text) and _is_text(text, longest)


cdef bint _is_text(Text *text, Py_ssize_t longest) except -1:
    """Whether the text is canonical (``olympics.text``) and needs no escapes."""
    cdef const uint8_t *at = text.at
    cdef const uint8_t *end = text.at + text.size
    cdef uint8_t every = 0
    cdef uint8_t c, before = 0x20
    if text.size == 0 or text.size > 4 * longest:
        return False
    while at < end:
        c = at[0]
        if c < 0x20 or c == 0x22 or c == 0x5C or c == 0x7F or (c == 0x20 and before == 0x20):
            return False
        every |= c
        before = c
        at += 1
    if before == 0x20:
        return False
    if every < 0x80:
        return text.size <= longest
    try:
        decoded = PyUnicode_DecodeUTF8(<char *>text.at, text.size, NULL)
    except UnicodeDecodeError:
        return False
    return len(decoded) <= longest and decoded.isprintable() and is_normalized("NFC", decoded)


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


cdef inline bint _mark(Cursor *cursor, int64_t *mark) noexcept:
    """Read a mark as ``format_mark`` writes it, in ten-thousandths, and the quote behind it."""
    cdef bint negative = _take(cursor, b"-", 1)
    cdef int64_t whole
    cdef const uint8_t *at
    if not _number(cursor, 999_999_999, &whole):
        return False
    at = cursor.at
    if (
        cursor.end - at < 6
        or at[0] != 0x2E
        or not 0x30 <= at[1] <= 0x39
        or not 0x30 <= at[2] <= 0x39
        or not 0x30 <= at[3] <= 0x39
    ):
        return False
    whole = whole * 10000 + (at[1] - 0x30) * 1000 + (at[2] - 0x30) * 100 + (at[3] - 0x30) * 10
    at += 4
    if 0x31 <= at[0] <= 0x39:  # written only if it is not zero
        whole += at[0] - 0x30
        at += 1
        if at == cursor.end:
            return False
    if at[0] != 0x22 or (negative and whole == 0):
        return False
    cursor.at = at + 1
    mark[0] = -whole if negative else whole
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
