"""Who is there beside honest clients: greedy ones, browsers, and who looks at readiness."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from olympics.catalogue import load_catalogue
from tests.soak.browsers import Browsers
from tests.soak.faults import NotRight
from tests.soak.greedy import Greedy
from tests.soak.readiness import Readiness
from tests.support.stack import Member


class Crowd:
    """Greedy clients, browsers, and who looks at readiness; leaving the context ends them."""

    def __init__(self, gateways: list[Member]) -> None:
        self.readiness = Readiness(gateways)
        self._greedy = Greedy(lambda: [it.port for it in gateways])
        self._browsers = Browsers(gateways, next(iter(load_catalogue(None).faculties)))
        self._ends = ExitStack()

    def __enter__(self) -> Crowd:
        for one in (self.readiness, self._greedy, self._browsers):
            self._ends.enter_context(one)
        return self

    def __exit__(self, *exception: Any) -> None:
        self._ends.__exit__(*exception)

    def check_running(self) -> None:
        """See that none has failed."""
        for one in (self.readiness, self._greedy, self._browsers):
            if isinstance(one.problem, NotRight):
                raise one.problem
            if one.problem is not None:
                raise NotRight(f"{type(one).__name__} has failed: {one.problem!r}")

    def check(self) -> None:
        """See that no page of another site has sent a result, and that all pages are live."""
        self.check_running()
        self._browsers.check()

    def figures(self) -> dict[str, Any]:
        readiness = self.readiness
        return {
            "looks": readiness.looks,
            "ready": readiness.ready,
            "probes": readiness.accepted,
            "untrue": readiness.longest,
            "tried": self._browsers.tried,
            "greedy": ", ".join(f"{it} ({n:,})" for it, n in sorted(self._greedy.answers.items())),
        }
