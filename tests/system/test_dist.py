"""What is released: the same bytes of the same commit, and all that is needed in it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from medallero import __version__
from tests.support.clients import ROOT

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500), pytest.mark.xdist_group("machines")]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two builds of one commit, each in a clone of its own."""
    directories = []
    for name in ("one", "elsewhere"):
        clone = tmp_path_factory.mktemp(name) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        subprocess.run([sys.executable, str(clone / ".ci" / "dist"), str(clone / "d")], check=True)
        directories.append(clone / "d")
    return directories[0], directories[1]


def test_two_builds_have_equal_digests(built: tuple[Path, Path]) -> None:
    one, other = ((it / "SHA256SUMS").read_text() for it in built)

    assert one == other
    assert len(one.splitlines()) == 4


def test_the_wheel_has_what_is_compiled_and_runs_with_an_old_glibc(
    built: tuple[Path, Path],
) -> None:
    (wheel,) = built[0].glob(f"medallero-{__version__}-cp3*-manylinux*_x86_64.whl")
    names = set(zipfile.ZipFile(wheel).namelist())

    for module in ("olympics/whole", "streams/canonical"):
        assert any(it.startswith(f"{module}.cpython-") for it in names)
    assert names >= {
        "medallero/commit.txt",
        "medallero/demo/day.csv",
        "medallero/demo/catalogue.toml",
        "olympics/catalogue.toml",
        "streams/snapshot_writer.lua",
    }
    assert not any(it.startswith(("tests/", "faust_bulk/")) for it in names)


def test_the_sdists_have_the_sources_of_what_is_compiled_and_nothing_compiled(
    built: tuple[Path, Path],
) -> None:
    for name, wanted in (
        ("medallero", "olympics/whole.pyx"),
        ("faust_bulk", "transport.py"),
    ):
        (sdist,) = built[0].glob(f"{name}-*.tar.gz")
        with tarfile.open(sdist) as files:
            names = {it.name.partition("/")[2] for it in files.getmembers()}
        assert wanted in names
        assert not any(it.endswith((".so", ".pyc")) for it in names)
