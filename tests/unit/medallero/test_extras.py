"""What is told where a package is missing that an extra brings."""

from __future__ import annotations

import configparser
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from medallero.cli import main
from medallero.extras import EXTRA_OF, missing_package, require
from medallero.terminal import CannotDo

ROOT = Path(__file__).parents[3]
SETUP = ROOT / "setup.cfg"


def test_each_package_is_in_the_extra_that_is_named() -> None:
    setup = configparser.ConfigParser()
    setup.read(SETUP, encoding="utf-8")
    extras = setup["options.extras_require"]
    required = setup["options"]["install_requires"]
    of_bulk = tomllib.loads((ROOT / "faust_bulk" / "pyproject.toml").read_text("utf-8"))["project"]

    for package, extra in EXTRA_OF.items():
        brought = [extras[extra]]
        if f"faust-bulk[{extra}]" in extras[extra]:
            brought += of_bulk["optional-dependencies"][extra]
        assert f"\n{package} " in "\n".join(["", *brought]), package
        assert f"\n{package} " not in required, package


def test_a_missing_package_is_told_with_its_extra() -> None:
    error = missing_package("jgo.constants")

    assert error is not None
    assert error.message == (
        "The package jgo is not installed; this brings it: pip install 'medallero[up]'"
    )


def test_what_no_extra_brings_is_no_users_error() -> None:
    assert missing_package("streams.nowhere") is None
    assert missing_package(None) is None
    require(("click",))


def test_a_command_that_imports_a_missing_package_ends_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'requests'", name="requests")

    monkeypatch.setattr("medallero.commands.doctor.command.callback", missing)

    done = CliRunner().invoke(main, ["doctor"])

    assert done.exit_code == CannotDo.exit_code
    assert "pip install 'medallero[up]'" in done.output
