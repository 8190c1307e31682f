"""Builds the control plane where the cache lacks it: ``python -m tests.cluster.build``.

There are no packages of Kubernetes' own programs, so they are built from Go's modules, one after
the other and politely: on two cores it takes a quarter of an hour, once.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Final, NamedTuple

from tests.kubernetes.tools import ToolMissing, cache, only_one

VERSION: Final = "v1.36.3"
_MODULE: Final = Path(__file__).with_name("controlplane")
_STAMP: Final = "-X k8s.io/component-base/version."


class _Program(NamedTuple):
    name: str
    package: str
    #: None: at the version that our own go.mod names
    version: str | None = None


_PROGRAMS: Final = (
    _Program("etcd", "go.etcd.io/etcd/server/v3"),
    _Program("kwok", "sigs.k8s.io/kwok/cmd/kwok", "v0.8.0"),
    _Program("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
    _Program("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    _Program("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
)


def programs() -> Path:
    """Return the directory of the programs, which `main` has built."""
    return cache() / VERSION


def main() -> None:
    """Build what is missing.

    :raises ToolMissing: Go is missing or too old, or a build failed.
    """
    directory = programs()
    with only_one("control-plane"):
        directory.mkdir(exist_ok=True)
        for program in _PROGRAMS:
            if not (directory / program.name).exists():
                started = time.monotonic()
                print(
                    f"Building {program.name}; all five take a quarter of an hour ...", flush=True
                )
                _build(program, directory)
                print(f"{program.name}: {time.monotonic() - started:.0f} s", flush=True)


def _build(program: _Program, directory: Path) -> None:
    major, minor, _patch = VERSION.removeprefix("v").split(".")
    stamps = {"gitVersion": VERSION, "gitMajor": major, "gitMinor": minor}
    flags = " ".join(["-s -w", *(f"{_STAMP}{name}={value}" for name, value in stamps.items())])
    fresh = directory / "new"
    fresh.mkdir(exist_ok=True)
    options = ["-p=1", "-trimpath", f"-ldflags={flags}"]
    environment = {**os.environ, "CGO_ENABLED": "0"}
    if program.version is None:
        argv = ["go", "build", *options, "-o", str(fresh / program.name), program.package]
    else:
        argv = ["go", "install", *options, f"{program.package}@{program.version}"]
        environment["GOBIN"] = str(fresh)
    try:
        done = subprocess.run(
            ["nice", "-n", "19", *argv],
            cwd=_MODULE,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            timeout=3600,
            check=False,
        )
    except OSError as error:
        raise ToolMissing(f"nice: {error}") from None
    if done.returncode != 0:
        raise ToolMissing(
            f"{program.name} could not be built; it needs Go 1.26 or later.\n{done.stderr[-2000:]}"
        )
    (fresh / program.name).rename(directory / program.name)


if __name__ == "__main__":
    main()
