"""What the rule of mounts reckons is what processes with those ids can do."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.policy.volumes import Mount, mounts
from tests.kubernetes.rendered import overlays, rendered

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.getuid() != 0, reason="only root can make what is root's"),
]


def as_the_kubelet_hands_it_over(mount: Mount, directory: Path) -> Path:
    """Make a directory or a file with the owner and the permissions of a mount."""
    target = directory / "mounted"
    if mount.kind == "file":
        target.write_text("content")
    else:
        target.mkdir()
    os.chown(target, *mount.owner)
    target.chmod(mount.permissions)
    return target


def can_use(mount: Mount, target: Path) -> bool:
    """Let a process with the mount's ids read the file, or make a directory, as Kafka does."""
    groups = sorted(mount.groups - {mount.group})
    supplementary = f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"
    command: list[str | Path] = (
        ["cat", target] if mount.kind == "file" else ["mkdir", target / "kafka-log0"]
    )
    done = subprocess.run(
        [
            "setpriv",
            f"--reuid={mount.user}",
            f"--regid={mount.group}",
            supplementary,
            # A container has none of root's.
            "--bounding-set=-all",
            *command,
        ],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody may walk through, in which mounts are made."""
    # What pytest makes is for its user alone.
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


def all_mounts() -> list[Mount]:
    """Return the mounts of all overlays, of each kind and each process once."""
    once = {it._replace(where=""): it for overlay in overlays() for it in mounts(rendered(overlay))}
    return sorted(once.values(), key=lambda it: it.where)


def test_each_process_can_use_its_mounts(place: Path) -> None:
    found = all_mounts()

    for number, it in enumerate(found):
        directory = place / str(number)
        directory.mkdir()
        directory.chmod(0o755)
        assert can_use(it, as_the_kubelet_hands_it_over(it, directory)), it.where
    assert {it.kind for it in found} == {"disk", "scratch", "file"}


@pytest.mark.parametrize(
    "mount",
    [
        # Kafka on a new disk, with a context that says no group.
        Mount("", "disk", 1001, 0, None),
        Mount("", "disk", 65532, 65532, None),
        # A password for its group, without the group.
        Mount("", "file", 65532, 65532, None, 0o440),
    ],
)
def test_what_the_rule_refuses_cannot_be_used(mount: Mount, place: Path) -> None:
    target = as_the_kubelet_hands_it_over(mount, place)

    assert (mount.is_usable, can_use(mount, target)) == (False, False)
    # It is for want of the group, and of nothing else.
    mended = mount._replace(fs_group=mount.group)
    os.chown(target, *mended.owner)
    target.chmod(mended.permissions)
    assert (mended.is_usable, can_use(mended, target)) == (True, True)
