"""`python parent_watch.py PARENT COMMAND…`: becomes COMMAND, which ends when its parent does.

A process that starts others cannot end them when it is itself ended by SIGKILL. Linux can: the
kernel sends the signal that a child asked for when its parent dies. Elsewhere this only runs
the command. Started with `python -I -S`, so nothing but the standard library is at hand.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main(parent: int, command: list[str]) -> None:
    """Tie this process to its parent and run the command in its place."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
        # The parent may have ended before the kernel knew of the wish.
        if os.getppid() != parent:
            sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
