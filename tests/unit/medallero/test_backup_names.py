"""A back-up takes no other file's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from medallero.commands.backup import _appearing
from medallero.terminal import CannotDo


def test_a_file_that_came_meanwhile_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "it"

    def back_up() -> None:
        with _appearing(path) as file:
            file.write(b"ours")
            path.write_bytes(b"of somebody else")

    with pytest.raises(CannotDo, match="made meanwhile"):
        back_up()
    assert {it.name: it.read_bytes() for it in tmp_path.iterdir()} == {"it": b"of somebody else"}


@pytest.mark.parametrize("two_names", [True, False])
def test_it_appears_when_it_is_whole_and_leaves_nothing_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, two_names: bool
) -> None:
    def cannot(*_arguments: object) -> None:
        raise PermissionError

    if not two_names:
        monkeypatch.setattr(Path, "hardlink_to", cannot)
    path = tmp_path / "it"
    with _appearing(path) as file:
        file.write(b"ours")
        assert not path.exists()
    assert {it.name: it.read_bytes() for it in tmp_path.iterdir()} == {"it": b"ours"}
