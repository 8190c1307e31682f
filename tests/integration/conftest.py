"""Fixtures that several files of integration tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bulk_app import Backend
from tests.support.bulk_lab import Lab, MakeLab


@pytest.fixture
def make_lab(kafka: str, tmp_path: Path) -> Iterator[MakeLab]:
    """Yield what makes bulk tables on topics of their own; all end with the test."""
    labs: list[Lab] = []

    def make(backend: Backend = "memory", partitions: int = 1) -> Lab:
        labs.append(Lab(kafka, tmp_path, backend, partitions))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()
