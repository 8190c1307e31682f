"""Files that are replaced while we run: renewed certificates, rotated tokens."""

from collections.abc import Iterable
from pathlib import Path

#: What tells one version of a file from another; None while it is not there.
_Version = tuple[int, int, int] | None


class WatchedFiles:
    """Remembers files' versions. Looking costs a system call a file.

    Followed through symbolic links, because that is how Kubernetes replaces a mounted secret.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)
        self._versions = self._look()

    def changed(self) -> bool:
        """Whether any of the files is another than at the last look."""
        versions = self._look()
        before, self._versions = self._versions, versions
        return versions != before

    def _look(self) -> tuple[_Version, ...]:
        return tuple(_version(path) for path in self._paths)


def _version(path: Path) -> _Version:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
