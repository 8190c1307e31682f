"""The image's steps make the program, for a user without rights, and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from contracts.settings import CommonSettings
from medallero.embedded.processes import Command, Process, stop_all
from tests.containers.dockerfile import (
    ROOT,
    build,
    command_of,
    context,
    environment_of,
    installed,
    stages,
    tree,
)
from tests.kubernetes import tools
from tests.support.ports import free_port
from tests.support.waiting import wait_until

# The first of them makes the image, which may have to fetch its packages.
pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

_NOBODY = 65532


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """The root of what the first stage makes, which any user may enter."""
    with tempfile.TemporaryDirectory(prefix="medallero-image-") as name:
        root = Path(name)
        root.chmod(0o755)
        build(root)
        yield root


@pytest.fixture
def home() -> Iterator[Path]:
    """The only directory that the user of the container may write to."""
    directory = Path(tempfile.mkdtemp(prefix="medallero-home-"))
    if os.getuid() == 0:
        os.chown(directory, _NOBODY, _NOBODY)
    yield directory
    shutil.rmtree(directory)


def as_user(argv: Sequence[str]) -> list[str]:
    """Return the command as the image's user, without any right; as ourselves if we are nobody."""
    if os.getuid() != 0:
        return list(argv)
    uid, _, gid = stages()[1].the("USER").partition(":")
    identity = [f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    return ["setpriv", *identity, "--no-new-privs", "--bounding-set=-all", *argv]


def run(image: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        as_user(command_of(image, arguments)),
        cwd=home,
        env=environment_of(image, home),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_file_has_none_of_the_known_mistakes() -> None:
    tools.run([tools.hadolint(), ROOT / "Dockerfile"])


def test_the_context_is_the_packages_and_what_pip_needs() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    packages = {
        it.removesuffix("*") for it in setup["options.packages.find"]["include"].split() if it
    } | {"faust_bulk"}

    tops = {it.parts[0] for it in context()}

    assert {it for it in tops if (ROOT / it).is_dir()} == packages
    assert tops - packages == {
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "requirements.lock",
        "setup.cfg",
        "setup.py",
    }


def test_the_command_answers_a_user_without_rights(image: Path, home: Path) -> None:
    before = list(tree(installed(image)))

    helped = run(image, home, "--help")

    assert helped.returncode == 0, helped.stderr
    assert "gateway" in helped.stdout
    # What it runs from can be read-only.
    assert list(tree(installed(image))) == before


def test_a_gateway_that_others_reach_wants_to_know_who_may_send(image: Path, home: Path) -> None:
    # Told to take any port, as this is not a container of its own.
    refused = run(image, home, "gateway", "--http-port", "0", "--grpc-port", "0")

    assert refused.returncode == 1
    assert "MEDALLERO_TOKENS_FILE" in refused.stderr


def test_everything_can_be_read_and_nothing_written_by_that_user(image: Path) -> None:
    modes = {name: mode for name, mode, _time, _content in tree(installed(image))}

    assert len(modes) > 1000
    assert [name for name, mode in modes.items() if not mode & 0o004] == []
    assert [
        name
        for name, mode in modes.items()
        if mode & 0o022 and not (installed(image) / name).is_symlink()
    ] == []


def test_nothing_is_inside_but_the_package_and_what_it_needs(image: Path) -> None:
    (site,) = (installed(image) / "lib").glob("python*/site-packages")
    inside = {
        it.name.lower().replace("_", "-"): it for it in Distribution.discover(path=[str(site)])
    }

    needed, waiting = set(), ["medallero"]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            for text in inside[name].requires or ():
                requirement = Requirement(text)
                if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                    waiting.append(requirement.name.lower().replace("_", "-"))

    assert set(inside) == needed
    locked = dict(
        re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    )
    versions = {name.lower().replace("_", "-"): version for name, version in locked.items()}
    others = inside.keys() - {"medallero", "faust-bulk"}
    assert {name: inside[name].version for name in others} == {
        name: versions[name] for name in others
    }
    # Our own packages, whole and compiled.
    ours = {it for it in context() if it.suffix == ".py" and (ROOT / it.parts[0]).is_dir()}
    assert [it for it in ours if not (site / it).is_file()] == []
    assert list((site / "medallero" / "__pycache__").glob("cli.*.pyc"))
    assert not (site / "tests").exists()


def test_every_file_has_the_time_that_was_asked_for(image: Path) -> None:
    asked = int(stages()[0].variables("ARG")["SOURCE_DATE_EPOCH"])

    assert {time for _name, _mode, time, _content in tree(installed(image))} == {asked}


def test_the_image_says_what_it_is_and_runs_as_nobody() -> None:
    last = stages()[1]

    assert last.the("USER") == f"{_NOBODY}:{_NOBODY}"
    assert {
        "org.opencontainers.image.title",
        "org.opencontainers.image.licenses",
        "org.opencontainers.image.version",
        "org.opencontainers.image.revision",
    } <= set(last.variables("LABEL"))
    assert last.base == "${PYTHON}"


def test_what_is_compiled_was_compiled_with_the_python_that_runs_it() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    tags = dict(re.findall(r"^ARG (\w+)=python:(\S+)$", text, re.MULTILINE))

    assert stages()[0].base == "${BUILDER}"
    assert tags["PYTHON"] == tags["BUILDER"].replace("-", "-slim-")


def test_the_worker_of_the_image_reads_in_compiled_code(image: Path, home: Path) -> None:
    asked = "from streams.standings import COMPILED; print(COMPILED)"

    said = subprocess.run(
        as_user([str(installed(image) / "bin" / "python"), "-c", asked]),
        cwd=home,
        env=environment_of(image, home),
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout == "True\n"


def test_gateway_and_worker_of_the_image_serve_until_they_are_told_to_end(
    image: Path, home: Path, tmp_path: Path, common_settings: CommonSettings
) -> None:
    where = {
        "MEDALLERO_KAFKA": common_settings.kafka,
        "MEDALLERO_REDIS": common_settings.redis,
        "MEDALLERO_TOPIC_PREFIX": common_settings.topic_prefix,
        "MEDALLERO_REDIS_PREFIX": common_settings.redis_prefix,
        "MEDALLERO_HTTP_PORT": str(free_port()),
        "MEDALLERO_GRPC_PORT": str(free_port()),
        "MEDALLERO_WORKER_PORT": str(free_port()),
        # Here it is a machine with others on it.
        **{f"MEDALLERO_{it}_HOST": "127.0.0.1" for it in ("HTTP", "GRPC", "WORKER")},
        "MEDALLERO_APP_ID": f"image{common_settings.topic_prefix}",
    }
    environment = environment_of(image, home) | where
    healthcheck = json.loads(stages()[1].the("HEALTHCHECK").partition("CMD")[2])
    before = list(tree(installed(image)))

    def started(*arguments: str) -> Process:
        argv = as_user(command_of(image, arguments))
        return Process(Command(tuple(argv), tmp_path / f"{arguments[0]}.log", environment, home))

    def healthy(name: str, *more: str) -> bool:
        """Ask as the container of that process would: nobody else's port is there."""
        other = "MEDALLERO_HTTP_PORT" if name == "worker" else "MEDALLERO_WORKER_PORT"
        argv = [str(installed(image) / "bin" / healthcheck[0]), *healthcheck[1:], *more]
        own = environment | {other: "1"}
        return subprocess.run(as_user(argv), cwd=home, env=own, capture_output=True).returncode == 0

    assert not healthy("gateway")
    topics = started("topics")
    assert topics.wait(120) == 0, topics.log_tail()
    processes = {name: started(name) for name in ("gateway", "worker")}
    try:
        for name, process in processes.items():
            wait_until(
                lambda name=name: healthy(name, "/readyz"),  # type: ignore[misc]
                timeout=120,
                pause=0.3,
                what=process.log_tail,
            )
    finally:
        stubborn = stop_all(processes.values(), grace=60)

    assert stubborn == []
    assert {name: it.exit_code for name, it in processes.items()} == {"gateway": 0, "worker": 0}
    # It ran from files that it did not touch.
    assert list(tree(installed(image))) == before
    assert json.loads(processes["gateway"].log_tail(1))
