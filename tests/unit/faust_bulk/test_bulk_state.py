"""The states of a table: the same behaviour in memory and on disk, and what the disk may have."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faust_bulk import DictState, KeyedState
from faust_bulk.producer import Written
from faust_bulk.rocks import RocksState
from faust_bulk.state import LocalState

LOG = "cluster/topic/0"


def encode(value: int) -> bytes:
    return b"%d" % value


def on_disk(directory: Path) -> RocksState[int]:
    return RocksState(directory, encode, int, max)


def in_memory(_directory: Path) -> DictState[int]:
    return DictState(encode, int, max)


MAKERS: list[Callable[[Path], KeyedState[int]]] = [in_memory, on_disk]


@pytest.fixture(params=MAKERS)
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    state = request.param(tmp_path / "state")
    if isinstance(state, LocalState):
        state.start(LOG, 0, 0)
    yield state
    if isinstance(state, LocalState):
        state.close()


def test_a_value_is_joined_to_what_the_key_has(state: KeyedState[int]) -> None:
    assert state.put(b"key", 3) == 3
    assert state.put(b"key", 1) == 3
    assert state.get(b"key") == 3
    assert state.get(b"other") is None


def test_what_changes_nothing_is_no_change(state: KeyedState[int]) -> None:
    state.put(b"key", 3)
    assert state.take_changes() == {b"key": b"3"}
    state.put(b"key", 3)
    state.put(b"key", 1)
    assert state.take_changes() == {}


def test_a_key_that_changes_twice_is_one_change(state: KeyedState[int]) -> None:
    state.put(b"key", 3)
    state.put(b"key", 5)
    assert state.take_changes() == {b"key": b"5"}


def test_restored_values_are_joined_and_are_no_changes(state: KeyedState[int]) -> None:
    # given the changelog of two owners, of whom one wrote late
    state.restore([(b"key", b"2"), (b"key", b"7"), (b"other", b"1"), (b"key", b"3")])
    assert dict(state.items()) == {b"key": 7, b"other": 1}
    assert state.take_changes() == {}


def test_the_source_continues_where_the_group_has_committed(state: KeyedState[int]) -> None:
    assert state.restored(committed=17, end=20) == 17
    assert state.began == 17


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.sampled_from([b"a", b"b", b"c"]), st.integers(0, 9)),
            st.just(("publish",)),
            st.just(("durable",)),
            st.just(("crash",)),
        ),
        max_size=40,
    )
)
def test_after_any_crash_the_disk_and_the_tail_of_the_changelog_make_what_was_durable(
    steps: list[tuple[Any, ...]],
) -> None:
    # given a changelog (a list), publications on their way to it, and a state on disk
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "state"
        log: list[tuple[bytes, bytes]] = []
        under_way: list[dict[bytes, bytes]] = []
        state, memory = on_disk(path), in_memory(path)
        state.start(LOG, 0, 0)
        for step in steps:
            match step:
                case ("put", key, value):
                    assert state.put(key, value) == memory.put(key, value)
                case ("publish",):
                    changes = state.take_changes()
                    assert changes == memory.take_changes()
                    under_way.append(changes)
                case ("durable",) if under_way:
                    changes = under_way.pop(0)
                    first = len(log)
                    log += changes.items()
                    state.keep(Written(first, len(log)) if changes else None, changes.items())
                case ("crash",):
                    # when it starts again
                    state.close()
                    under_way.clear()
                    state, memory = on_disk(path), in_memory(path)
                    start = state.start(LOG, 0, len(log))
                    state.restore(log[start:])
                    state.keep_restored(len(log))
                    memory.restore(log)
            # then it reads as one in memory does that reads the whole changelog
            assert dict(state.items()) == dict(memory.items())
        state.close()


def test_a_restart_is_told_the_tail_only(tmp_path: Path) -> None:
    # given
    state = on_disk(tmp_path)
    assert state.start(LOG, 0, 0) == 0
    state.put(b"key", 1)
    state.keep(Written(0, 1), state.take_changes().items())
    state.close()
    # when
    again = on_disk(tmp_path)
    # then
    assert again.start(LOG, 0, 5) == 1
    assert dict(again.items()) == {b"key": 1}
    again.close()


def test_what_somebody_else_wrote_in_between_is_read_at_the_next_start(tmp_path: Path) -> None:
    # given an owner whose write lands behind its successor's two
    state = on_disk(tmp_path)
    state.start(LOG, 0, 0)
    state.put(b"key", 1)
    state.keep(Written(2, 3), state.take_changes().items())
    state.close()
    # when it gets the partition back
    again = on_disk(tmp_path)
    # then it does not take its own for all there is
    assert again.start(LOG, 0, 3) == 0
    again.close()


def test_a_change_that_the_changelog_lacks_is_not_on_the_disk(tmp_path: Path) -> None:
    state = on_disk(tmp_path)
    state.start(LOG, 0, 0)
    state.put(b"key", 1)
    state.take_changes()
    assert state.get(b"key") == 1
    state.close()
    again = on_disk(tmp_path)
    again.start(LOG, 0, 0)
    assert dict(again.items()) == {}
    again.close()


@pytest.mark.parametrize(
    ("log", "beginning", "end"),
    [
        pytest.param("cluster/topic/1", 0, 9, id="another log"),
        pytest.param(LOG, 0, 2, id="a log that ends before the store"),
        pytest.param(LOG, 5, 9, id="a log that begins after it"),
    ],
)
def test_a_store_that_belongs_to_another_log_is_thrown_away(
    tmp_path: Path, log: str, beginning: int, end: int, caplog: pytest.LogCaptureFixture
) -> None:
    # given a store that is complete to 3
    state = on_disk(tmp_path)
    state.start(LOG, 0, 3)
    state.restore([(b"key", b"1")])
    state.keep_restored(3)
    state.close()
    # when
    again = on_disk(tmp_path)
    # then
    assert again.start(log, beginning, end) == beginning
    assert dict(again.items()) == {}
    assert "local_state_dropped" in caplog.text
    again.close()


def test_what_is_kept_after_the_end_of_an_assignment_has_no_effect(tmp_path: Path) -> None:
    state = on_disk(tmp_path)
    state.start(LOG, 0, 0)
    state.put(b"key", 1)
    changes = state.take_changes()
    state.close()
    state.keep(Written(0, 1), changes.items())
    again = on_disk(tmp_path)
    assert again.start(LOG, 0, 1) == 0
    again.close()


def test_a_directory_belongs_to_one_process(tmp_path: Path) -> None:
    state = on_disk(tmp_path)
    state.start(LOG, 0, 0)
    with pytest.raises(Exception, match="lock"):
        on_disk(tmp_path).start(LOG, 0, 0)
    state.close()
