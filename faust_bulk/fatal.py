"""The end of a process that cannot go on without risking what it promised."""

import logging
import os
import sys
from typing import NoReturn

logger = logging.getLogger("faust_bulk")

EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h


def end_process(reason: str, exception: BaseException | None = None) -> NoReturn:
    """Log *reason* and end the process at once, without a commit.

    A clean shutdown would commit and flush, that is, promise more than is known to be true.
    Whoever supervises the process starts a new one, which restores from what is durable.
    """
    logger.critical("process_ended reason=%s", reason, exc_info=exception)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(EXIT_CODE)
