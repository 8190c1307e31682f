from collections.abc import Callable

from olympics.catalogue import Order
from olympics.result import Medal, Outcome, Phase
from olympics.unit import Unit

_Earned = tuple[int, int]

class WholeUnits:
    def __init__(
        self,
        sports: dict[
            bytes,
            tuple[
                dict[str, list[int]],
                dict[bytes, tuple[_Earned, ...]],
                Callable[
                    [
                        Outcome | None,
                        str | None,
                        Medal | None,
                        bool,
                        int | None,
                        Phase,
                        bool,
                    ],
                    _Earned,
                ],
                Callable[[str], Order],
            ],
        ],
    ) -> None: ...
    def put(
        self,
        units: dict[bytes, list[bytes]],
        others: dict[bytes, Unit],
        whole: dict[bytes, bytes],
        changes: dict[bytes, bytes] | None,
    ) -> tuple[dict[bytes, list[bytes]], list[int], int]: ...
