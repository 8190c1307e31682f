"""A browser beside a run: viewers of the live page, and a page of another site that sends."""

from __future__ import annotations

import http.client
import threading
from contextlib import ExitStack
from typing import Final
from urllib.parse import quote

from tests.browser.elsewhere import SENDERS, another_site, send_in_every_way, unit_from
from tests.browser.screen import Chromium, Screen
from tests.soak.faults import NotRight
from tests.support.stack import Member

_PAUSE: Final = 5.0


class Browsers:
    """A real Chromium with a live page of each gateway, and one that sends from another site.

    Leaving the context ends it.
    """

    def __init__(self, gateways: list[Member], faculty: str) -> None:
        """*faculty*: one of the catalogue, so that nothing but the rule keeps the results out."""
        self._gateways = gateways
        self._faculty = faculty
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="browsers")
        self._ended = ExitStack()
        self._pages: list[Screen] = []
        #: results that a page of another site has tried to send
        self.tried = 0
        self.problem: BaseException | None = None

    def __enter__(self) -> Browsers:
        chromium = Chromium()
        self._ended.callback(chromium.close)
        self._pages = [
            self._ended.enter_context(chromium.opened(it.url, lasting=True))
            for it in self._gateways
        ]
        site = self._ended.enter_context(another_site())
        self._elsewhere = self._ended.enter_context(chromium.opened(site, foreign=True))
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_exception: object) -> None:
        self._over.set()
        self._thread.join()
        ended = self._ended.pop_all()
        if kind is None:
            ended.close()
        else:
            ended.__exit__(kind, *_exception)  # type: ignore[arg-type]

    def check(self) -> None:
        """See that no result of a page of another site is counted, and that all pages are live."""
        for gateway in self._gateways:
            for what in SENDERS:
                status, _ = gateway.request("GET", f"/v1/units/swimming/{quote(unit_from(what))}")
                if status != http.client.NOT_FOUND:
                    raise NotRight(f"{gateway.name} answers {status} to the unit of {what}")
        for page in self._pages:
            page.until("document.documentElement.dataset.state === 'live'")

    def _run(self) -> None:
        try:
            while not self._over.wait(_PAUSE):
                for gateway in self._gateways:
                    send_in_every_way(self._elsewhere, f"{gateway.url}/v1/results", self._faculty)
                    self.tried += len(SENDERS)
        except BaseException as problem:
            self.problem = problem
