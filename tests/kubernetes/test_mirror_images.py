"""k8s/mirror-images copies every image that is deployed, and has the overlays take the copies."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.kubernetes import tools
from tests.kubernetes.rendered import ROOT, overlays, rendered_text

pytestmark = pytest.mark.system

REGISTRY = "harbor.example.edu/games"


def mirror(k8s: Path, *arguments: str, path: str = "") -> dict[str, str]:
    """Run the script; return what it copied, and where to."""
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"}
    done = subprocess.run(
        [k8s / "mirror-images", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return dict(re.findall(r"^(\S+) (\S+)$", done.stdout, re.MULTILINE))


def images(text: str) -> set[str]:
    return set(re.findall(r"^ *(?:- )?image: (\S+)$", text, re.MULTILINE))


def test_every_image_is_on_the_list() -> None:
    listed = mirror(ROOT / "k8s", "--list", REGISTRY)

    plain = {it for name in ("course", "dev", "laptop") for it in images(rendered_text(name))}
    assert plain < listed.keys()
    # The copies keep their tags and have names of their own.
    assert {it.rpartition(":")[2] for it in listed} == {
        it.rpartition(":")[2] for it in listed.values()
    }
    assert len(set(listed.values())) == len(listed)


def test_the_overlays_take_the_copies(tmp_path: Path) -> None:
    for name in ("k8s", "grafana", "prometheus"):
        shutil.copytree(ROOT / name, tmp_path / name)
    # There is no registry here: what docker is asked succeeds.
    (tmp_path / "docker").symlink_to("/bin/true")

    copies = set(mirror(tmp_path / "k8s", REGISTRY, path=str(tmp_path)).values())

    taken: set[str] = set()
    for overlay in overlays():
        directory = tmp_path / "k8s" / "overlays" / overlay
        if "private-registry" in (directory / "kustomization.yaml").read_text("utf-8"):
            taken |= images(tools.run([tools.kubectl(), "kustomize", directory]))
    assert taken == copies
