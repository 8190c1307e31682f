from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SubmitRequest(_message.Message):
    __slots__ = ("results", "entries")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[Result]
    entries: _containers.RepeatedCompositeFieldContainer[Entry]
    def __init__(self, results: _Optional[_Iterable[_Union[Result, _Mapping]]] = ..., entries: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("id", "sport", "unit", "phase", "competitor", "faculty", "mark", "outcome", "rank", "irm", "medal", "status", "version")
    ID_FIELD_NUMBER: _ClassVar[int]
    SPORT_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    COMPETITOR_FIELD_NUMBER: _ClassVar[int]
    FACULTY_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    IRM_FIELD_NUMBER: _ClassVar[int]
    MEDAL_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    sport: str
    unit: str
    phase: str
    competitor: Competitor
    faculty: str
    mark: str
    outcome: str
    rank: int
    irm: str
    medal: str
    status: str
    version: int
    def __init__(self, id: _Optional[str] = ..., sport: _Optional[str] = ..., unit: _Optional[str] = ..., phase: _Optional[str] = ..., competitor: _Optional[_Union[Competitor, _Mapping]] = ..., faculty: _Optional[str] = ..., mark: _Optional[str] = ..., outcome: _Optional[str] = ..., rank: _Optional[int] = ..., irm: _Optional[str] = ..., medal: _Optional[str] = ..., status: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class Competitor(_message.Message):
    __slots__ = ("id", "name", "age")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    AGE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    age: int
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., age: _Optional[int] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("id", "student", "age", "faculty", "discipline")
    ID_FIELD_NUMBER: _ClassVar[int]
    STUDENT_FIELD_NUMBER: _ClassVar[int]
    AGE_FIELD_NUMBER: _ClassVar[int]
    FACULTY_FIELD_NUMBER: _ClassVar[int]
    DISCIPLINE_FIELD_NUMBER: _ClassVar[int]
    id: str
    student: str
    age: int
    faculty: str
    discipline: str
    def __init__(self, id: _Optional[str] = ..., student: _Optional[str] = ..., age: _Optional[int] = ..., faculty: _Optional[str] = ..., discipline: _Optional[str] = ...) -> None: ...

class SubmitResponse(_message.Message):
    __slots__ = ("accepted", "minted", "rejected_count", "rejected")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    MINTED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    accepted: int
    minted: _containers.RepeatedCompositeFieldContainer[Minted]
    rejected_count: int
    rejected: _containers.RepeatedCompositeFieldContainer[Rejected]
    def __init__(self, accepted: _Optional[int] = ..., minted: _Optional[_Iterable[_Union[Minted, _Mapping]]] = ..., rejected_count: _Optional[int] = ..., rejected: _Optional[_Iterable[_Union[Rejected, _Mapping]]] = ...) -> None: ...

class Minted(_message.Message):
    __slots__ = ("index", "id")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    index: int
    id: str
    def __init__(self, index: _Optional[int] = ..., id: _Optional[str] = ...) -> None: ...

class Rejected(_message.Message):
    __slots__ = ("index", "id", "field", "error")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    index: int
    id: str
    field: str
    error: str
    def __init__(self, index: _Optional[int] = ..., id: _Optional[str] = ..., field: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...
