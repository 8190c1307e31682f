"""The command `medallero`: start everything, send results, watch the board, audit the numbers."""

from __future__ import annotations

__version__ = "0.1.0"
