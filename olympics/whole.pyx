# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Units that are counted as a whole, in compiled code.

Most units have few results, which come at once or in a few batches. It costs less to count such a unit
anew with each batch that changes it than to keep what would save that; so nothing is kept of it but
its results, encoded. What survives follows from comparing versions, ranks follow from comparing marks;
what a result then earns is asked of ``olympics.unit``, which has the rules. Units that need more than
that are not taken here: the caller knows all of it.
"""

from typing import get_args

from olympics.latest import OFFICIAL, UNOFFICIAL, WITHDRAWN, head_of
from olympics.mark import MARK_LIMIT
from olympics.words import ENTRY_UNIT_PREFIX, IRM_CLASSES, Medal, Outcome

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.ref cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from olympics.packed cimport (
    BYTES,
    DIGEST_SIZE,
    FALSE,
    LATEST,
    NIL,
    SHORT_LATEST,
    TRUE,
    Cursor,
    Text,
    as_bytes,
    over,
    same,
    take_byte,
    take_list,
    take_number,
    take_text,
    take_text_or_nil,
)

cdef extern from "Python.h":
    PyObject *PyDict_GetItem(object, object)

cdef enum:
    # Up to so many results are compared with one another, and counted anew whatever comes.
    FEW = 32
    # In larger units only if at least one in so many is new.
    SHARE = 16
    # A rank that no rule asks further about.
    LATER_RANK = 4

cdef frozenset _OUTCOMES = frozenset([word.encode() for word in get_args(Outcome)])
cdef frozenset _MEDALS = frozenset([word.encode() for word in get_args(Medal)])
cdef tuple _IRM_CLASSES = IRM_CLASSES
cdef int _DISQUALIFIED = IRM_CLASSES.index("disqualified")
cdef int _OUT_OF_COMPETITION = IRM_CLASSES.index("out_of_competition")
# No mark is so far from nothing; a tenfold of it still fits.
cdef int64_t _FAR = MARK_LIMIT
cdef bytes _ENTRY = ENTRY_UNIT_PREFIX.encode()
cdef Py_ssize_t _ENTRY_SIZE = len(_ENTRY)
cdef int64_t _OFFICIAL = OFFICIAL
cdef int64_t _UNOFFICIAL = UNOFFICIAL
cdef int64_t _WITHDRAWN = WITHDRAWN


cdef struct Entry:
    # A result: its fields in the state's encoding, and what becomes of it.
    Text encoded
    int64_t version
    int64_t status
    bint counts  # it is official and not out of competition
    const uint8_t *digest
    bint conflict
    int64_t offset
    Text phase
    PyObject *row  # the counts of its faculty, which the caller keeps
    bint has_mark
    int64_t mark  # in ten-thousandths
    Text outcome
    int64_t rank  # 0: none, or it may not be ranked
    Text irm
    int irm_class  # its place in IRM_CLASSES; 0: none
    Text medal
    Text competitor
    Py_ssize_t place  # among the new ones; -1: it was there before
    bint survives


cdef class WholeUnits:
    """Counts units of one partition.

    *sports*: a sport's name, as it stands in a unit's key → (faculty → eight counts; an invalid-result
    mark → the place of its class in IRM_CLASSES; the sport's own rules; a unit → its rules, None if all
    have these; whether units differ in more than their order; whether marks may be times). Rules are
    (lower is better; head-to-head; the phase, None if the results say it; the results' word for a phase →
    phase; what any result earns). A phase is (its word; whether the best of the officials' ranks is the
    first; what nothing but a mark earns with rank 1, 2, 3, any later one, and in a draw). What is earned
    are places in the counts, of a split and of a medal; 0 is no medal.
    """

    cdef dict _sports
    # The unit that is looked at.
    cdef Entry *_entries
    cdef Py_ssize_t _size
    cdef Py_ssize_t _room
    # its rules, once somebody has asked: patterns on its name cost as much as counting it
    cdef tuple _rules
    # of the offsets that were new
    cdef int64_t _highest
    # how many there are more than before
    cdef Py_ssize_t _results, _provisional, _conflicts

    def __init__(self, dict sports):
        self._sports = sports

    def __dealloc__(self):
        PyMem_Free(self._entries)

    def put(self, dict units, dict others, dict whole, changes, dict last):
        """Join *units* (key → encoded results) into *whole* (key → all results of it), and count.

        What has changed is put into *changes*, if that is not None: under the unit's key, a NUL and
        the competitor. *last* gets the highest offset of each unit that has changed, entries of the
        course left aside. Units that are not taken are left, and so are those in *others*.

        Returns the units that are left; how many results, unofficial ones and conflicts more there are
        now; and the highest offset of those that are new.
        """
        cdef dict left = {}
        cdef Py_ssize_t i
        cdef Entry *entry
        cdef bytes key
        cdef list news
        cdef bint changed
        cdef int64_t highest
        self._highest = -1
        self._results = self._provisional = self._conflicts = 0
        for unit, results in units.items():
            key = <bytes>unit
            news = <list>results
            if key in others or not self._put(key, whole.get(key), news):
                left[key] = news
                continue
            changed = False
            highest = -1
            for i in range(self._size):
                entry = &self._entries[i]
                highest = max(highest, entry.offset)
                if entry.place >= 0:
                    changed = True
                    if changes is not None:
                        (<dict>changes)[_name(key, &entry.competitor)] = news[entry.place]
            if changed:
                whole[key] = self._together()
                if not _is_entry(key):
                    last[key] = highest
        return left, [self._results, self._provisional, self._conflicts], self._highest

    cdef bint _put(self, bytes key, bytes known, list news) except -1:
        """Join and count a unit; return whether it is taken."""
        cdef tuple sport = self._sport(key)
        cdef Py_ssize_t before, i
        cdef bint changed = False
        self._size = 0
        self._rules = None
        if sport is None or (known is not None and not self._read(known, sport, len(news))):
            return False
        before = self._size
        for i in range(len(news)):
            if not self._take_one(<bytes>news[i], sport, i):
                return False
        if not self._join(sport):
            return False
        for i in range(before, self._size):
            changed |= self._entries[i].survives
        if changed:
            self._count(key, sport, before, -1)
        self._keep_survivors()
        if changed:
            self._count(key, sport, self._size, +1)
        return True

    cdef tuple _sport(self, bytes key):
        cdef const uint8_t *name = <const uint8_t *>PyBytes_AS_STRING(key)
        cdef const uint8_t *slash = <const uint8_t *>memchr(name, b"/", PyBytes_GET_SIZE(key))
        return None if slash == NULL else self._sports.get(key[: slash - name])

    cdef bint _read(self, bytes unit, tuple sport, Py_ssize_t news) except -1:
        """Take all of a unit, to which so many shall come."""
        cdef Cursor cursor = over(unit)
        cdef uint64_t i, size
        if not take_list(&cursor, &size):
            return False
        if size + news > FEW and size > <uint64_t>(SHARE * news):
            return False
        for i in range(size):
            if not self._take(&cursor, sport, -1):
                return False
        return cursor.at == cursor.end

    cdef bint _take_one(self, bytes result, tuple sport, Py_ssize_t place) except -1:
        cdef Cursor cursor = over(result)
        return self._take(&cursor, sport, place) and cursor.at == cursor.end

    cdef bint _take(self, Cursor *cursor, tuple sport, Py_ssize_t place) except -1:
        """Take the next result; return whether it is one."""
        cdef Entry *entry
        cdef Text faculty, name
        cdef int64_t ten_thousandths = 0
        cdef bint short
        if self._size == self._room:
            self._grow()
        entry = &self._entries[self._size]
        entry.encoded.at = cursor.at
        short = take_byte(cursor, SHORT_LATEST)
        if not (
            (short or take_byte(cursor, LATEST))
            and take_number(cursor, &entry.version)
            and take_number(cursor, &entry.status)
            and 0 <= entry.status <= _WITHDRAWN
            and take_byte(cursor, BYTES)
            and take_byte(cursor, DIGEST_SIZE)
            and cursor.end - cursor.at > DIGEST_SIZE
        ):
            return False
        entry.digest = cursor.at
        entry.conflict = cursor.at[DIGEST_SIZE] == TRUE
        cursor.at += DIGEST_SIZE
        entry.rank = 0
        if not (
            take_byte(cursor, TRUE if entry.conflict else FALSE)
            and take_number(cursor, &entry.offset)
            and take_text(cursor, &entry.phase)
            and take_text(cursor, &faculty)
        ):
            return False
        entry.has_mark = not take_byte(cursor, NIL)
        if not (
            (not entry.has_mark or take_number(cursor, &entry.mark))
            and take_text_or_nil(cursor, &entry.outcome)
            and (take_byte(cursor, NIL) or (take_number(cursor, &entry.rank) and entry.rank > 0))
            and take_text_or_nil(cursor, &entry.irm)
            and take_text_or_nil(cursor, &entry.medal)
            and take_text_or_nil(cursor, &name)
            and take_text(cursor, &entry.competitor)
            and (short or take_number(cursor, &ten_thousandths))
            and _is_utf8(&name)
            and _is_utf8(&entry.competitor)
        ):
            return False
        if entry.has_mark:
            if not (-_FAR < entry.mark < _FAR and 0 <= ten_thousandths <= 9):
                return False
            entry.mark = entry.mark * 10 + ten_thousandths
            # Not counted where marks are times; which units these are is the caller's to say.
            if entry.mark <= 0 and sport[5]:
                return False
        if entry.outcome.at != NULL or entry.irm.at != NULL or entry.medal.at != NULL:
            if not (
                (entry.outcome.at == NULL or as_bytes(&entry.outcome) in _OUTCOMES)
                and _is_utf8(&entry.irm)
                and (entry.medal.at == NULL or as_bytes(&entry.medal) in _MEDALS)
            ):
                return False
        entry.irm_class = 0
        entry.counts = entry.status == _OFFICIAL
        if entry.irm.at != NULL:
            entry.irm_class = sport[1](_str(&entry.irm))
            if entry.irm_class == _OUT_OF_COMPETITION:
                entry.counts = False
            elif entry.irm_class == _DISQUALIFIED:
                entry.rank = 0  # whatever the officials wrote beside it
        entry.row = PyDict_GetItem(<dict>sport[0], _str(&faculty))
        if entry.row == NULL:
            return False
        entry.encoded.size = cursor.at - entry.encoded.at
        entry.place = place
        if place >= 0:
            self._highest = max(self._highest, entry.offset)
        entry.survives = True
        self._size += 1
        return True

    cdef int _grow(self) except -1:
        cdef Py_ssize_t room = max(FEW, 2 * self._room)
        cdef void *entries = PyMem_Realloc(self._entries, room * sizeof(Entry))
        if entries == NULL:
            raise MemoryError
        self._entries = <Entry *>entries
        self._room = room
        return 0

    cdef bint _join(self, tuple sport) except -1:
        """Say which entries survive; return False if the unit is not for us.

        As ``olympics.latest.join`` does; but what becomes a conflict is the caller's.
        """
        cdef Py_ssize_t i, j
        cdef Entry *one
        cdef Entry *other
        cdef Text *phase = NULL
        for i in range(self._size):
            one = &self._entries[i]
            if i == 0 or not same(&one.phase, &self._entries[0].phase):
                if as_bytes(&one.phase) not in <dict>(<tuple>sport[2])[3]:
                    return False
            if one.counts:
                # Which of several phases counts is a rule of its own, and nearly never asked for.
                if phase != NULL and not same(phase, &one.phase):
                    return False
                phase = &one.phase
        if self._size > FEW:
            competitors = {as_bytes(&self._entries[i].competitor) for i in range(self._size)}
            return len(competitors) == self._size
        for i in range(1, self._size):
            one = &self._entries[i]
            for j in range(i):
                other = &self._entries[j]
                if not other.survives or not same(&one.competitor, &other.competitor):
                    continue
                if one.version != other.version:
                    _survive(one, other, one.version > other.version)
                elif one.status != other.status:
                    _survive(one, other, one.status > other.status)
                elif one.conflict or memcmp(one.digest, other.digest, DIGEST_SIZE) != 0:
                    return False
                else:
                    one.survives = False
                break  # of a competitor, only one has survived so far
        return True

    cdef void _keep_survivors(self) noexcept:
        cdef Py_ssize_t i, kept = 0
        for i in range(self._size):
            if self._entries[i].survives:
                self._entries[kept] = self._entries[i]
                kept += 1
        self._size = kept

    cdef int _count(self, bytes key, tuple sport, Py_ssize_t size, int sign) except -1:
        """Add the first entries, so many, to the counts (+1), or take them away (-1)."""
        cdef int64_t best[3]
        cdef Py_ssize_t i, split, medal
        cdef Py_ssize_t counted = 0, with_mark = 0, better = 0
        cdef int64_t rank, first = 0  # of the officials' ranks, the best one
        cdef int sense = 1  # of marks: the lowest is the best
        cdef int unofficial = 0, conflicts = 0
        cdef bint drawn = False
        cdef Entry *entry
        cdef list row
        cdef tuple places, rules, by_rank
        cdef tuple phase = None
        if size == 0:
            return 0
        rules = <tuple>sport[2]
        if sport[3] is not None and (size > 1 or (<bint>sport[4] and _asks(self._entries))):
            if self._rules is None:
                self._rules = sport[3](_unit_of(key))
            rules = self._rules
        if not <bint>rules[0]:
            sense = -1
        for i in range(size):
            entry = &self._entries[i]
            unofficial += entry.status == _UNOFFICIAL
            conflicts += entry.conflict
            if not entry.counts:
                continue
            counted += 1
            if phase is None:
                phase = <tuple>rules[2]
                if phase is None:
                    phase = <tuple>(<dict>rules[3])[as_bytes(&entry.phase)]
            if _ranks(entry):
                _note(best, with_mark, sense * entry.mark)
                with_mark += 1
            if entry.rank and (first == 0 or entry.rank < first):
                first = entry.rank
        self._results += sign * size
        self._provisional += sign * unofficial
        self._conflicts += sign * conflicts
        if counted == 0:
            return 0
        if not <bint>phase[1]:
            first = 0
        if counted == 2 and with_mark == 2 and best[0] == best[1]:
            drawn = <bint>rules[1]
        by_rank = <tuple>phase[2]
        for i in range(size):
            entry = &self._entries[i]
            if not entry.counts:
                continue
            if first:
                better = LATER_RANK - 1
            elif _ranks(entry):
                # A rank is one more than there are better ones: 1, 1, 3. Beyond that, none counts.
                better = 0
                while better < min(with_mark, 3) and best[better] < sense * entry.mark:
                    better += 1
            if (
                entry.has_mark
                and entry.rank == 0
                and entry.outcome.at == NULL
                and entry.irm.at == NULL
                and entry.medal.at == NULL
                and not (first and drawn)
            ):
                places = <tuple>by_rank[4 if drawn else better]
            else:
                rank = entry.rank
                if rank and first:
                    rank = 1 if rank == first else LATER_RANK
                elif rank == 0 and _ranks(entry):
                    rank = better + 1
                places = rules[4](
                    _str(&entry.outcome),
                    _IRM_CLASSES[entry.irm_class],
                    _str(&entry.medal),
                    entry.rank != 0,
                    min(rank, LATER_RANK) if rank else None,
                    phase[0],
                    drawn and entry.rank == 0,
                )
            split, medal = places[0], places[1]
            row = <list>entry.row
            row[0] += sign
            row[split] += sign
            if medal:
                row[medal] += sign
        return 0

    cdef bytes _together(self):
        """Return the entries as one list."""
        cdef Py_ssize_t i, size
        cdef bytes head = head_of(self._size)
        cdef bytes unit
        cdef char *at
        size = PyBytes_GET_SIZE(head)
        for i in range(self._size):
            size += self._entries[i].encoded.size
        unit = PyBytes_FromStringAndSize(NULL, size)
        at = PyBytes_AS_STRING(unit)
        memcpy(at, PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head))
        at += PyBytes_GET_SIZE(head)
        for i in range(self._size):
            memcpy(at, self._entries[i].encoded.at, self._entries[i].encoded.size)
            at += self._entries[i].encoded.size
        return unit


cdef inline void _survive(Entry *one, Entry *other, bint the_first) noexcept:
    one.survives = the_first
    other.survives = not the_first


cdef inline bint _ranks(Entry *entry) noexcept:
    """Whether a counted result takes part in the ranking by marks."""
    return entry.has_mark and entry.irm.at == NULL


cdef inline bint _asks(Entry *entry) noexcept:
    """Whether what a result earns alone in its unit depends on the unit's phase."""
    return entry.outcome.at == NULL or entry.medal.at == NULL


cdef inline void _note(int64_t *best, Py_ssize_t known, int64_t mark) noexcept:
    """Put *mark* among the best three, in order; *known*: how many marks there were before."""
    cdef Py_ssize_t i = known
    if known >= 3:
        if mark >= best[2]:
            return
        i = 2
    while i > 0 and best[i - 1] > mark:
        best[i] = best[i - 1]
        i -= 1
    best[i] = mark


cdef inline bint _is_utf8(Text *text) except -1:
    cdef uint8_t every = 0
    cdef Py_ssize_t i
    for i in range(text.size):
        every |= text.at[i]
    if every < 0x80:
        return True
    try:
        _str(text)
    except UnicodeDecodeError:
        return False
    return True


cdef inline object _str(Text *text):
    return None if text.at == NULL else PyUnicode_DecodeUTF8(<const char *>text.at, text.size, NULL)


cdef bint _is_entry(bytes key) noexcept:
    """Whether *key* is that of an entry of the course."""
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(key)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(key)
    cdef const uint8_t *slash = <const uint8_t *>memchr(at, b"/", size)
    return (
        slash != NULL
        and at + size - slash > _ENTRY_SIZE
        and memcmp(slash + 1, PyBytes_AS_STRING(_ENTRY), _ENTRY_SIZE) == 0
    )


cdef object _unit_of(bytes key):
    """Return the unit's name, which is behind the sport's in its key."""
    cdef const char *at = PyBytes_AS_STRING(key)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(key)
    cdef const char *slash = <const char *>memchr(at, b"/", size)
    return PyUnicode_DecodeUTF8(slash + 1, at + size - slash - 1, NULL)


cdef bytes _name(bytes key, Text *competitor):
    """Return the name of a result in the changes."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(key) + 1
    cdef bytes name = PyBytes_FromStringAndSize(NULL, size + competitor.size)
    memcpy(PyBytes_AS_STRING(name), PyBytes_AS_STRING(key), size)  # and the NUL that is behind it
    memcpy(PyBytes_AS_STRING(name) + size, competitor.at, competitor.size)
    return name
