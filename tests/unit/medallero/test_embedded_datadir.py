"""The data directory: whose it is, who holds it, what --fresh removes."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from medallero.cli import main
from medallero.embedded.datadir import DataDir, InUse, NotOurs, holder, mark_demo, stop_holder

HOLD = """
import sys, time
from pathlib import Path
from medallero.embedded.datadir import DataDir
with DataDir(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_new_directory_begins_with_epoch_one(tmp_path: Path) -> None:
    with DataDir(tmp_path / "a" / "b") as data:
        assert data.epoch == 1


def test_the_epoch_stays(tmp_path: Path) -> None:
    with DataDir(tmp_path) as data:
        data.epoch = 7
    with DataDir(tmp_path) as data:
        assert data.epoch == 7


def test_a_new_directory_has_a_secret_seed_that_stays_until_it_is_cleared(tmp_path: Path) -> None:
    with DataDir(tmp_path) as data:
        seed = data.seed
        assert seed is not None
        assert len(seed) == 32
        assert (tmp_path / "seed").stat().st_mode & 0o077 == 0
    with DataDir(tmp_path) as data:
        assert data.seed == seed
        data.clear()
        assert data.seed not in (None, seed)


def test_a_directory_of_before_there_was_a_seed_has_none(tmp_path: Path) -> None:
    with DataDir(tmp_path):
        (tmp_path / "seed").unlink()
    with DataDir(tmp_path) as data:
        assert data.seed is None


def test_a_directory_with_other_content_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.odt").write_text("years of work", encoding="utf-8")

    with pytest.raises(NotOurs):
        DataDir(tmp_path)

    assert [it.name for it in tmp_path.iterdir()] == ["thesis.odt"]


def test_clearing_removes_our_data_alone(tmp_path: Path) -> None:
    with DataDir(tmp_path) as data:
        data.kafka.mkdir()
        (data.kafka / "segment").write_bytes(b"x")
        (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")

        data.clear()

        assert not data.kafka.exists()
    assert (tmp_path / "notes.txt").exists()


def test_a_look_at_a_directory_does_not_keep_an_up_out_of_it(tmp_path: Path) -> None:
    DataDir(tmp_path).close()
    with (tmp_path / "up.lock").open() as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        leave = threading.Timer(0.1, fcntl.flock, (look, fcntl.LOCK_UN))
        leave.start()
        with DataDir(tmp_path):
            assert holder(tmp_path) == os.getpid()
        leave.join()


def test_a_demonstration_takes_what_is_nobodys_and_what_another_one_left(tmp_path: Path) -> None:
    demo, other = tmp_path / "demo", tmp_path / "other"
    assert mark_demo(demo)
    DataDir(demo).close()
    assert mark_demo(demo)

    other.mkdir()
    (other / "thesis.odt").touch()
    assert mark_demo(other)  # it is `up` that refuses it
    assert [it.name for it in other.iterdir()] == ["thesis.odt"]


def test_a_demonstration_leaves_games_alone(tmp_path: Path) -> None:
    DataDir(tmp_path).close()

    # Whatever becomes of the check, nothing is started at such a port.
    ran = CliRunner().invoke(main, ["demo", "--data-dir", str(tmp_path), "--http-port", "none"])

    assert ran.exit_code == 2
    assert f"{tmp_path} was made by `medallero up`" in ran.output
    assert "--http-port" not in ran.output


def test_a_second_one_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    with _holder(tmp_path) as holder:
        with pytest.raises(InUse) as caught:
            DataDir(tmp_path)

        assert caught.value.pid == holder.pid
        holder.kill()


def test_the_holder_can_be_asked_to_end(tmp_path: Path) -> None:
    with _holder(tmp_path) as holder:
        stop_holder(tmp_path, timeout=20)

        assert holder.wait(20) == -15
    DataDir(tmp_path).close()


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    with _holder(tmp_path) as holder:
        holder.kill()

    stop_holder(tmp_path, timeout=1)
    DataDir(tmp_path).close()


def test_nobody_needs_to_be_stopped_in_a_directory_that_is_not_there(tmp_path: Path) -> None:
    stop_holder(tmp_path / "absent", timeout=1)


def _holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process
