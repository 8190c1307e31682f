"""The machine that figures were measured on: they mean little without it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from medallero.embedded.lock import load_lock
from streams.standings import COMPILED

_LIBRARIES = ("aiokafka", "faust-streaming", "msgspec", "redis", "uvloop")


def describe_machine() -> dict[str, object]:
    """Return processor, cores, memory (bytes), load, systems and versions."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load_at_start": [round(load, 2) for load in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "kafka": load_lock().version,
        "java": _first_line("java", "-version"),
        "go": _first_line("go", "version"),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "worker_compiled": COMPILED,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _first_line(*argv: str) -> str | None:
    if shutil.which(argv[0]) is None:
        return None
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return lines[0] if lines else None
