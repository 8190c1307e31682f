# cython: language_level=3
"""MessagePack, as far as what the state keeps needs it: inline, for the modules that are compiled.

Numbers and texts are written as msgspec writes them, in as few bytes as they take, so that a result
has the same bytes whoever encoded it. https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy

cdef enum:
    NIL = 0xC0
    FALSE = 0xC2
    TRUE = 0xC3
    BYTES = 0xC4  # a length in one byte follows
    #: of Latest, in its order
    FIELDS = 15
    LATEST = 0x90 | FIELDS
    #: as it was before marks had ten-thousandths
    SHORT_LATEST = 0x90 | 14
    DIGEST_SIZE = 8


cdef struct Text:
    const uint8_t *at
    Py_ssize_t size


cdef struct Cursor:
    const uint8_t *at
    const uint8_t *end


cdef struct Packed:
    Py_ssize_t size
    uint8_t data[4096]


cdef inline Cursor over(bytes data) noexcept:
    cdef Cursor cursor
    cursor.at = <const uint8_t *>PyBytes_AS_STRING(data)
    cursor.end = cursor.at + PyBytes_GET_SIZE(data)
    return cursor


cdef inline bytes as_bytes(Text *text):
    return PyBytes_FromStringAndSize(<const char *>text.at, text.size)


cdef inline bint same(Text *one, Text *other) noexcept:
    return one.size == other.size and memcmp(one.at, other.at, one.size) == 0


# To read: each moves behind what it has found, or returns False; then the cursor is anywhere.


cdef inline bint take_byte(Cursor *cursor, uint8_t byte) noexcept:
    if cursor.at == cursor.end or cursor.at[0] != byte:
        return False
    cursor.at += 1
    return True


cdef inline bint take_any(Cursor *cursor, uint8_t *byte) noexcept:
    if cursor.at == cursor.end:
        return False
    byte[0] = cursor.at[0]
    cursor.at += 1
    return True


cdef inline bint take_big_endian(Cursor *cursor, int size, uint64_t *number) noexcept:
    cdef int i
    if cursor.end - cursor.at < size:
        return False
    number[0] = 0
    for i in range(size):
        number[0] = number[0] << 8 | cursor.at[i]
    cursor.at += size
    return True


cdef inline bint take_list(Cursor *cursor, uint64_t *size) noexcept:
    """Take the head of a list."""
    if cursor.at < cursor.end and cursor.at[0] & 0xF0 == 0x90:
        size[0] = cursor.at[0] & 0x0F
        cursor.at += 1
        return True
    if take_byte(cursor, 0xDC):
        return take_big_endian(cursor, 2, size)
    return take_byte(cursor, 0xDD) and take_big_endian(cursor, 4, size)


cdef inline bint take_number(Cursor *cursor, int64_t *number) noexcept:
    """Take a number of at most 64 bits with their sign."""
    cdef uint8_t first
    cdef uint64_t bits
    cdef int unused
    if not take_any(cursor, &first):
        return False
    if first < 0x80:
        number[0] = first
        return True
    if first >= 0xE0:
        number[0] = <int64_t>first - 0x100
        return True
    if 0xCC <= first <= 0xCF:
        if not take_big_endian(cursor, 1 << (first - 0xCC), &bits):
            return False
        number[0] = <int64_t>bits
        return number[0] >= 0
    if 0xD0 <= first <= 0xD3:
        if not take_big_endian(cursor, 1 << (first - 0xD0), &bits):
            return False
        unused = 64 - (8 << (first - 0xD0))
        number[0] = <int64_t>(bits << unused) >> unused
        return True
    return False


cdef inline bint take_text(Cursor *cursor, Text *text) noexcept:
    cdef uint8_t first
    cdef uint64_t size
    if not take_any(cursor, &first):
        return False
    if 0xA0 <= first < 0xC0:
        size = first & 0x1F
    elif 0xD9 <= first <= 0xDA:
        if not take_big_endian(cursor, 1 << (first - 0xD9), &size):
            return False
    else:
        return False
    if <uint64_t>(cursor.end - cursor.at) < size:
        return False
    text.at = cursor.at
    text.size = size
    cursor.at += size
    return True


cdef inline bint take_text_or_nil(Cursor *cursor, Text *text) noexcept:
    """Take a text; the text of nil has no address."""
    if take_byte(cursor, NIL):
        text.at = NULL
        text.size = 0
        return True
    return take_text(cursor, text)


# To write: the caller sees to it that there is room.


cdef inline void put(Packed *packed, const void *data, Py_ssize_t size) noexcept:
    memcpy(packed.data + packed.size, data, size)
    packed.size += size


cdef inline void put_byte(Packed *packed, uint8_t byte) noexcept:
    packed.data[packed.size] = byte
    packed.size += 1


cdef inline void put_big_endian(Packed *packed, uint8_t kind, int size, uint64_t bits) noexcept:
    put_byte(packed, kind)
    while size > 0:
        size -= 1
        put_byte(packed, <uint8_t>(bits >> (8 * size)))


cdef inline void put_number(Packed *packed, int64_t number) noexcept:
    if -32 <= number < 0x80:
        put_byte(packed, <uint8_t>number)
    elif 0 <= number <= 0xFF:
        put_big_endian(packed, 0xCC, 1, number)
    elif 0 <= number <= 0xFFFF:
        put_big_endian(packed, 0xCD, 2, number)
    elif 0 <= number <= 0xFFFFFFFF:
        put_big_endian(packed, 0xCE, 4, number)
    elif 0 <= number:
        put_big_endian(packed, 0xCF, 8, number)
    elif number >= -0x80:
        put_big_endian(packed, 0xD0, 1, number)
    elif number >= -0x8000:
        put_big_endian(packed, 0xD1, 2, number)
    elif number >= -0x80000000:
        put_big_endian(packed, 0xD2, 4, number)
    else:
        put_big_endian(packed, 0xD3, 8, number)


cdef inline void put_text(Packed *packed, Text *text) noexcept:
    if text.size < 32:
        put_byte(packed, 0xA0 | <uint8_t>text.size)
    elif text.size <= 0xFF:
        put_big_endian(packed, 0xD9, 1, text.size)
    else:
        put_big_endian(packed, 0xDA, 2, text.size)
    put(packed, text.at, text.size)


cdef inline void put_text_or_nil(Packed *packed, Text *text) noexcept:
    if text.size:
        put_text(packed, text)
    else:
        put_byte(packed, NIL)
