"""Which settings the release of Grafana has that is shipped: ``settings.txt``.

Grafana takes a variable ``GF_SECTION_KEY`` from its environment only where its own defaults have
that key, and says nothing of one that they lack. So a test holds every variable that is set here
against this list. After another release was chosen (``model.GRAFANA``), write the list anew from
its image:

    docker run --rm --entrypoint cat grafana/grafana:13.2.3 /usr/share/grafana/conf/defaults.ini |
        python -m grafana.release_settings
"""

from __future__ import annotations

import configparser
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("settings.txt")
_HEADER: Final = "# Settings of Grafana as it names them, section.key: see release_settings.py.\n"


def settings_in(defaults: str) -> list[str]:
    """Return ``section.key`` of every key in the text of a ``defaults.ini``."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys have two cases
    parser.read_string(f"[DEFAULT-SECTION]\n{defaults}")
    return sorted(
        f"{section}.{key}".removeprefix("DEFAULT-SECTION.")
        for section in parser.sections()
        for key in parser[section]
    )


def known() -> frozenset[str]:
    """Return the settings of the list."""
    lines = FILE.read_text("utf-8").splitlines()
    return frozenset(it for it in lines if it and not it.startswith("#"))


def variables(settings: Iterable[str]) -> dict[str, str]:
    """Return the settings by the variable of the environment that sets each."""
    return {f"GF_{re.sub('[.-]', '_', it).upper()}": it for it in settings}


def main() -> None:
    """Write the list from the ``defaults.ini`` on the standard input."""
    found = settings_in(sys.stdin.read())
    FILE.write_text(_HEADER + "\n".join(found) + "\n", encoding="utf-8")
    print(f"{FILE}: {len(found)} settings")


if __name__ == "__main__":
    main()
