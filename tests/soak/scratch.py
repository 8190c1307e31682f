"""The directory of a soak, which is kept when anything is wrong."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from tests.soak.verifier import Violation


@contextmanager
def scratch(
    console: Console, seed: int, kept: str, *, keep: bool, resumed: Path | None = None
) -> Iterator[Path]:
    """Yield a new directory; say what is wrong, and where *kept* is then, and end the process.

    Exit code 1 where something was not right, 130 where it was interrupted, also by SIGTERM. A
    directory of which all is well is removed, unless it is to be kept. One that is *resumed* is
    yielded in the place of a new one, and kept if it is interrupted.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    directory = resumed or Path(tempfile.mkdtemp(prefix="medallero-soak-"))
    right = False
    try:
        yield directory
        right = True
    except KeyboardInterrupt:
        console.print("Stopped before its end.")
        if resumed is None:
            shutil.rmtree(directory, ignore_errors=True)
        raise SystemExit(130) from None
    except AssertionError as failure:
        what = "A view of the mirror is wrong" if isinstance(failure, Violation) else "Not right"
        console.print(f"{what}: {failure}", style="red", markup=False, soft_wrap=True)
        raise SystemExit(1) from None
    finally:
        if right and not keep:
            shutil.rmtree(directory, ignore_errors=True)
        elif directory.exists():
            console.print(f"Seed {seed}. {kept} are in {directory}.", soft_wrap=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
