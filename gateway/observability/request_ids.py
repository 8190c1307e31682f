"""Names of requests: the client's own if it gives one, so that both can look for the same."""

import itertools
import re
import secrets
from typing import Final

_USABLE: Final = re.compile(r"[\x21-\x7e]{1,128}")


class RequestIds:
    """Gives ids that no other gateway, and no other run of this one, gives."""

    def __init__(self) -> None:
        prefix = secrets.token_hex(6)
        self._ids = (f"{prefix}-{number:x}" for number in itertools.count(1))

    def id_of(self, given: str | None) -> str:
        """Return the *given* id if it is printable ASCII of at most 128 characters, else a new."""
        if given is not None and _USABLE.fullmatch(given):
            return given
        return next(self._ids)
