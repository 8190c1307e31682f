"""The environment of tests and soaks."""

from __future__ import annotations

import os
from typing import Final

# Where software is fetched from and kept is no matter of the tests.
_KEPT: Final = ("MEDALLERO_TEST_", "MEDALLERO_CACHE_DIR", "MEDALLERO_MAVEN")


def forget_settings() -> None:
    """Drop the settings of a running system that the shell may have sourced.

    They must not lead us there.
    """
    for name in [it for it in os.environ if it.startswith("MEDALLERO_")]:
        if not name.startswith(_KEPT):
            del os.environ[name]
