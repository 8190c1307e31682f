"""What `doctor` advises where `up` runs and its Kafka does not answer; its last line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from medallero.commands.doctor import _show
from medallero.doctor.checks import DoctorSettings, Finding, State, check_kafka, remedy_of_up
from medallero.embedded.datadir import DataDir
from medallero.embedded.exit_reasons import last_words, remedy_of
from tests.support.ports import free_port


class Usage(NamedTuple):
    free: int


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """A data directory in which an `up` works."""
    with DataDir(tmp_path) as directory:
        directory.logs.mkdir()
        yield tmp_path


async def test_a_full_disk_is_named_and_nobody_is_told_to_start_what_runs(
    held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(free=4096))
    found = await check_kafka(DoctorSettings(kafka=f"127.0.0.1:{free_port()}", data_dir=held))
    assert found.state == "fail"
    assert found.remedy == f"make room on the disk of {held}; `medallero up` starts Kafka again"


def test_the_last_words_of_kafka_say_what_helps(held: Path) -> None:
    log = held / "logs" / "kafka.log"
    assert str(log) in str(remedy_of_up(held))
    log.write_text(
        "x" * 100_000 + "\njava.lang.OutOfMemoryError: Java heap space\n\tat java.base\n"
    )
    assert str(remedy_of_up(held)).endswith(
        "more memory (java.lang.OutOfMemoryError: Java heap space)"
    )
    log.write_text("nobody knows what this means\n")
    assert str(log) in str(remedy_of_up(held))


def test_a_worker_with_a_wrong_clock_is_told_to_look_at_it() -> None:
    log = (
        "2026-11-28T11:32:12.521746Z [critical ] process_ended reason=the changelog could not be "
        "written [faust_bulk]\nTraceback (most recent call last):\n  File x\n"
        "aiokafka.errors.InvalidTimestampError: [Error 32] InvalidTimestampError\n"
    )
    assert "compare the clocks" in str(remedy_of(last_words(log)))


async def test_without_an_up_it_is_to_be_started(held: Path, tmp_path: Path) -> None:
    assert remedy_of_up(tmp_path / "nowhere") is None
    settings = DoctorSettings(kafka=f"127.0.0.1:{free_port()}", data_dir=tmp_path / "nowhere")
    assert "start it with `medallero up`" in (await check_kafka(settings)).remedy


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (["ok"], "All is well."),
        (["ok", "warn"], "Nothing failed, 1 warning."),
        (["warn", "warn"], "Nothing failed, 2 warnings."),
        (["fail", "warn"], "1 failed, 1 warning."),
    ],
)
def test_the_last_line_counts_what_was_found(
    states: list[State], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _show([Finding("Kafka", it, "facts") for it in states])
    assert capsys.readouterr().out.splitlines()[-1] == said
