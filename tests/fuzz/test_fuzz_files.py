"""A short run of damaged files; the long one is `make fuzz-files`."""

from __future__ import annotations

import pytest

from olympics.catalogue import load_catalogue
from tests.fuzz.files import SEEDS, campaign, read


@pytest.mark.parametrize("name", SEEDS)
def test_the_files_that_are_damaged_are_good(name: str) -> None:
    assert read(SEEDS[name], load_catalogue()) == "read"


def test_no_reader_crashes_hangs_or_grows() -> None:
    tally = campaign(1500, 20261128)
    # Every reader was reached, and some of what it was given is still good.
    assert {name for name, what in tally if what == "read"} == set(SEEDS)
    assert sum(tally.values()) == 1500
