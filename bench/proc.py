"""What Linux tells of a process: memory and processor time. None where there is no /proc."""

from __future__ import annotations

import os
from pathlib import Path


def memory_of(pid: int) -> int | None:
    """Return the resident bytes of a process; None where there is no /proc."""
    return _status(pid, "VmRSS:")


def peak_memory_of(pid: int) -> int | None:
    """Return the most bytes that a process ever had resident; None where there is no /proc."""
    return _status(pid, "VmHWM:")


def cpu_of(pid: int) -> float | None:
    """Return the processor seconds of a process, all threads, user and system."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tree_of(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for known in found:
        found += parents.get(known, [])
    return found


def _status(pid: int, name: str) -> int | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), None)
