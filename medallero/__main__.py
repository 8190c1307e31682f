"""`python -m medallero` is the command `medallero`."""

from __future__ import annotations

from medallero.cli import main

if __name__ == "__main__":
    main()
