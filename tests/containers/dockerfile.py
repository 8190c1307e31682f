"""A Dockerfile's steps, and a build of its first stage without Docker.

Not a container: the steps run as they stand in the file, with its variables, on files that
.dockerignore lets through, in a directory that stands for the root. The base image is replaced by
a Python of this machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]


class Step(NamedTuple):
    """One instruction, its lines joined."""

    word: str
    rest: str


@dataclass
class Stage:
    """What a FROM begins."""

    base: str
    name: str
    steps: list[Step] = field(default_factory=list)

    def all_of(self, word: str) -> list[str]:
        return [it.rest for it in self.steps if it.word == word]

    def the(self, word: str) -> str:
        """Return what the only instruction of that word says."""
        (only,) = self.all_of(word)
        return only

    def variables(self, word: str = "ENV") -> dict[str, str]:
        """Return what ENV, LABEL or ARG instructions set."""
        pairs = [re.findall(r'([\w.]+)=("[^"]*"|\S*)', it) for it in self.all_of(word)]
        return {name: value.strip('"') for it in pairs for name, value in it}


def stages() -> list[Stage]:
    """Return the stages of the repository's Dockerfile."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    found: list[Stage] = []
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(base, name))
        elif word and found:
            found[-1].steps.append(Step(word, rest.strip()))
    return found


def context() -> list[Path]:
    """Return the files that are sent to a build, relative to the repository."""
    patterns = [
        it
        for it in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if it and not it.startswith("#")
    ]
    assert patterns[0] == "*", "it lets in only what it names"
    let_in = [it.removeprefix("!") for it in patterns if it.startswith("!")]
    kept_out = [it.removeprefix("**/") for it in patterns if it.startswith("**/")]
    assert len(let_in) + len(kept_out) + 1 == len(patterns), "a pattern of another form"
    files = []
    for name in let_in:
        top = ROOT / name
        for file in [top] if top.is_file() else sorted(top.rglob("*")):
            path = file.relative_to(ROOT)
            if file.is_file() and not any(
                fnmatch(part, it) for part in path.parts for it in kept_out
            ):
                files.append(path)
    return files


def build(root: Path) -> None:
    """Run the first stage's steps with *root* in the place of ``/``.

    :raises AssertionError: a step failed; with what it said.
    """
    stage = stages()[0]
    bin_directory = root / "base"
    _make_base(bin_directory)
    arguments = stage.variables("ARG")
    environment = {
        "PATH": f"{bin_directory}:/usr/bin:/bin",
        "HOME": str(root),
        **{name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "SSL_"))},
        **arguments,
        **_pip_cache(),  # the one liberty: packages come from the cache of whoever runs the tests
    }
    directory = root
    for step in stage.steps:
        match step.word:
            case "WORKDIR":
                directory = root / step.rest.removeprefix("/")
                directory.mkdir(parents=True)
            case "ENV":
                given = Stage("", "", [step]).variables()
                environment |= {name: _moved(it, root, arguments) for name, it in given.items()}
                environment.pop("PIP_NO_CACHE_DIR", None)
            case "COPY":
                _copy(step.rest.split(), directory)
            case "RUN":
                done = subprocess.run(
                    ["/bin/sh", "-c", _moved(step.rest, root, {})],
                    cwd=directory,
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=600,
                    check=False,
                )
                assert done.returncode == 0, f"{step.rest}\n{done.stdout}{done.stderr}"
            case "ARG":
                pass
            case _:
                raise AssertionError(f"nobody knows how to do {step.word} here")


def installed(root: Path) -> Path:
    """Return what the last stage takes over from the first one."""
    (copied,) = stages()[1].all_of("COPY")
    flag, source, target = copied.split()
    assert flag == f"--from={stages()[0].name}"
    assert source == target
    return root / source.removeprefix("/")


def command_of(root: Path, arguments: Sequence[str]) -> list[str]:
    """Return the image's entry point with these arguments, or with its own if there are none."""
    last = stages()[1]
    words = [*json.loads(last.the("ENTRYPOINT")), *(arguments or json.loads(last.the("CMD")))]
    return [str(installed(root) / "bin" / words[0]), *words[1:]]


def environment_of(root: Path, home: Path) -> dict[str, str]:
    """Return the variables that a container of the image starts with."""
    return {
        name: _moved(value, root, {}).replace("$PATH", "/usr/bin:/bin")
        for name, value in stages()[1].variables().items()
    } | {"HOME": str(home)}


def tree(directory: Path) -> Iterator[tuple[str, int, int, bytes]]:
    """Yield each file's name, mode, time and bytes."""
    for file in sorted(directory.rglob("*")):
        facts = file.lstat()
        if stat.S_ISREG(facts.st_mode):
            content = file.read_bytes()
        else:
            content = str(file.readlink()).encode() if file.is_symlink() else b""
        yield (
            str(file.relative_to(directory)),
            stat.S_IMODE(facts.st_mode),
            int(facts.st_mtime),
            content,
        )


def _moved(text: str, root: Path, arguments: Mapping[str, str]) -> str:
    """Put *root* before the paths that the file makes, and arguments into their places."""
    for name, value in arguments.items():
        text = text.replace(f"${{{name}}}", value)
    return re.sub(r"(?<![\w./])/(src|opt/medallero)\b", lambda it: f"{root}{it[0]}", text)


def _copy(words: Sequence[str], directory: Path) -> None:
    *sources, target = words
    for source in sources:
        for path in context():
            if path.is_relative_to(source):
                # Of a directory, what is in it is copied.
                of_file = path == Path(source)
                place = directory / target / (path.name if of_file else path.relative_to(source))
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, place)


def _make_base(directory: Path) -> None:
    """Stand in for the base image: a Python that any user may run, and the pip of these tests."""
    python = next(
        it
        for it in map(Path, ("/usr/bin/python3.11", "/usr/bin/python3", sys.executable))
        if it.exists() and _version(it) >= (3, 11)
    )
    directory.mkdir(parents=True)
    script = directory / "python"
    script.write_text(
        f'#!/bin/sh\n[ "$2" = pip ] && exec {sys.executable} "$@"\nexec {python} "$@"\n',
        encoding="utf-8",
    )
    script.chmod(0o755)


def _pip_cache() -> dict[str, str]:
    asked = [sys.executable, "-m", "pip", "cache", "dir"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    # It fails where there is to be no cache.
    return {} if done.returncode else {"PIP_CACHE_DIR": done.stdout.strip()}


def _version(python: Path) -> tuple[int, ...]:
    code = "import sys; print(*sys.version_info[:2])"
    said = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, said.split()))
