"""``python -m bench.gateway.page``: puts the tables of the last run into docs/bench-gateway.md."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from bench.gateway.report import markdown
from bench.report import load

_ROOT: Final = Path(__file__).parents[2]
_PAGE: Final = _ROOT / "docs" / "bench-gateway.md"
_REPORT: Final = _ROOT / "bench" / "out" / "gateway.json"
_BEGIN: Final = "<!-- figures:"
_END: Final = "<!-- end of figures -->"


def main() -> None:
    """Rewrite the page."""
    found = load(_REPORT)
    if not found:
        sys.exit(f"there is no {_REPORT}: make bench-gateway")
    _PAGE.write_text(with_figures(_PAGE.read_text(encoding="utf-8"), markdown(found)), "utf-8")


def with_figures(page: str, figures: str) -> str:
    """Return *page* with *figures* between its marks."""
    before, begin, rest = page.partition(_BEGIN)
    mark, _, old = rest.partition("\n")
    _, end, after = old.partition(_END)
    if not begin or not end:
        raise ValueError(f"the page lacks its marks: {_BEGIN} … and {_END}")
    return f"{before}{begin}{mark}\n{figures.strip()}\n{end}{after}"


if __name__ == "__main__":
    main()
