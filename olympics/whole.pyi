from collections.abc import Callable

from olympics.unit import Unit
from olympics.words import IrmClass, Medal, Outcome, Phase

_Earned = tuple[int, int]
_Phase = tuple[Phase, bool, tuple[_Earned, ...]]
Rules = tuple[
    bool,
    bool,
    _Phase | None,
    dict[bytes, _Phase],
    Callable[
        [Outcome | None, IrmClass | None, Medal | None, bool, int | None, Phase, bool],
        _Earned,
    ],
]
Way = tuple[
    dict[str, list[int]],
    Callable[[str], int],
    Rules,
    Callable[[str], Rules] | None,
    bool,
    bool,
]

class WholeUnits:
    def __init__(self, sports: dict[bytes, Way]) -> None: ...
    def put(
        self,
        units: dict[bytes, list[bytes]],
        others: dict[bytes, Unit],
        whole: dict[bytes, bytes],
        changes: dict[bytes, bytes] | None,
        last: dict[bytes, int],
    ) -> tuple[dict[bytes, list[bytes]], list[int], int]: ...
