"""A real Chromium for tests, behind plain calls.

Playwright's loop runs in a thread of its own: its synchronous interface would leave a running loop
in the tests' thread, where everybody else calls ``asyncio.run``.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Route

_T = TypeVar("_T")

#: Longest wait for anything on a page, seconds.
PATIENCE = 60.0
#: Of a page that is there, to a question about it; seconds.
_ANSWER = 10.0


def chromium() -> str:
    """Return the browser's path; MEDALLERO_TEST_CHROMIUM names another one."""
    named = os.environ.get("MEDALLERO_TEST_CHROMIUM")
    path = named or shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "there is no chromium; `make deps-system` installs it on Debian"
    return path


class Chromium:
    """A running browser; ``opened`` gives pages in it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chromium")
        self._thread.start()
        self._stop = asyncio.Event()
        started: asyncio.Future[Browser] = self._loop.create_future()
        self._running = asyncio.run_coroutine_threadsafe(self._run(started), self._loop)
        self.browser = self.wait(_value_of(started))

    def wait(self, work: Coroutine[Any, Any, _T], timeout: float = 2 * PATIENCE) -> _T:
        """Do *work* on the browser's loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._running.result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def opened(
        self,
        url: str,
        *,
        width: int = 1280,
        height: int = 800,
        lasting: bool = False,
        foreign: bool = False,
        **context: Any,
    ) -> Iterator[Screen]:
        """Yield a page of its own at *url*; then check that it did nothing that it must not.

        Further arguments are those of Playwright's ``new_context``. *lasting*: the gateway is
        taken away in between, so failed requests are no fault of the page. *foreign*: the page is
        not the gateway's, and nothing is checked.

        Unless told otherwise the page is asked for no motion: to draw what moves, sixty times a
        second without a graphics card, costs more than all the rest.
        """
        options = {
            "locale": "en-GB",
            "viewport": {"width": width, "height": height},
            "reduced_motion": "reduce",
            **context,
        }
        screen = Screen(self, self.wait(self.browser.new_context(**options)), url)
        try:
            screen.goto(url)
            yield screen
            if not foreign:
                screen.assert_behaved(may_fail=lasting)
        finally:
            screen.close()

    async def _run(self, started: asyncio.Future[Browser]) -> None:
        from playwright.async_api import async_playwright

        try:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(
                    executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
                )
                started.set_result(browser)
                await self._stop.wait()
                await browser.close()
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            raise


class Screen:
    """A page in the browser. Every wait is bounded."""

    def __init__(self, chromium: Chromium, context: BrowserContext, url: str) -> None:
        self._chromium = chromium
        self._context = context
        self._origin = urlsplit(url).netloc
        self._elsewhere: list[str] = []
        self._complaints: list[str] = []
        self.page: Page = chromium.wait(self._new_page())

    def goto(self, url: str) -> None:
        self._chromium.wait(self.page.goto(url))

    def reload(self) -> None:
        self._chromium.wait(self.page.reload())

    def run(self, script: str) -> Any:
        """Return the value of a JavaScript expression."""
        return self._chromium.wait(self.page.evaluate(script))

    def until(self, condition: str) -> None:
        """Wait until a JavaScript expression is true; the failure tells what the page says."""

        # Asked from outside: the page's policy forbids to evaluate text in it. A page that goes
        # elsewhere at that moment may leave the question without an answer.
        from playwright.async_api import Error as PlaywrightError

        def holds() -> bool:
            work = self.page.evaluate(f"Boolean({condition})")
            try:
                return bool(self._chromium.wait(work, _ANSWER))
            except (TimeoutError, PlaywrightError):
                return False

        wait_until(
            holds,
            timeout=PATIENCE,
            what=lambda: f"{condition}; the page says:\n{self.text('body')}",
        )

    def until_text(self, selector: str, text: str) -> None:
        """Wait until the text of the first element that matches contains *text*."""
        self.until(f"(document.querySelector({selector!r})?.innerText ?? '').includes({_js(text)})")

    def text(self, selector: str) -> str:
        """Return the visible text of the first element that matches."""
        return str(self._chromium.wait(self.page.locator(selector).first.inner_text()))

    def rows(self, selector: str = "main table") -> list[list[str]]:
        """Return the texts of a table's rows, cell by cell."""
        rows: list[list[str]] = self.run(
            f"[...document.querySelector({selector!r}).tBodies[0].rows]"
            ".map(row => [...row.cells].map(cell => cell.innerText.trim()))"
        )
        return rows

    def click(self, selector: str) -> None:
        self._chromium.wait(self.page.click(selector))

    def tap(self, selector: str) -> None:
        self._chromium.wait(self.page.tap(selector))

    def fill(self, selector: str, text: str) -> None:
        self._chromium.wait(self.page.fill(selector, text))

    def paste(self, selector: str, text: str) -> None:
        """Paste *text* into a field."""
        self.run(
            f"(() => {{ const data = new DataTransfer(); data.setData('text/plain', {_js(text)});"
            f"document.querySelector({_js(selector)}).dispatchEvent(new ClipboardEvent('paste',"
            "{clipboardData: data, bubbles: true, cancelable: true})); })()"
        )

    def offline(self, cut: bool) -> None:
        """Cut the browser off from the network, or undo it."""
        self._chromium.wait(self._context.set_offline(cut))

    def lose_answers(self, pattern: str) -> None:
        """Let requests through to *pattern*, and no answer back."""

        from playwright.async_api import Error as PlaywrightError

        async def lose(route: Route) -> None:
            with suppress(PlaywrightError):  # whoever undoes this lets go of what is under way
                await route.fetch()
                await route.abort()

        self._chromium.wait(self.page.route(pattern, lose))

    def block(self, pattern: str) -> None:
        """Let no request through to *pattern*."""
        self._chromium.wait(self.page.route(pattern, lambda route: route.abort()))

    def answer(self, pattern: str, status: int, body: str) -> None:
        """Answer requests to *pattern* in the gateway's place."""
        self._chromium.wait(
            self.page.route(pattern, lambda route: route.fulfill(status=status, body=body))
        )

    def unblock(self, pattern: str) -> None:
        """Undo what was done to *pattern*."""
        self._chromium.wait(self.page.unroute(pattern))

    def press(self, *keys: str) -> None:
        for key in keys:
            self._chromium.wait(self.page.keyboard.press(key))

    def type(self, text: str) -> None:
        self._chromium.wait(self.page.keyboard.type(text))

    def visible(self, selector: str) -> bool:
        return bool(self._chromium.wait(self.page.locator(selector).first.is_visible()))

    def picture(self, path: Path) -> None:
        self._chromium.wait(self.page.screenshot(path=path))

    def violations(self) -> list[str]:
        """Return what axe-core finds wrong for people with disabilities, each with its place."""
        from axe_playwright_python.async_playwright import Axe

        found = self._chromium.wait(Axe().run(self.page)).response["violations"]
        return [
            f"{it['id']}: {it['help']}: {node['target']} {node.get('failureSummary', '')}"
            for it in found
            for node in it["nodes"]
        ]

    def assert_behaved(self, *, may_fail: bool) -> None:
        """It asked nobody else for anything, and nothing was wrong in its console."""
        assert self._elsewhere == []
        if may_fail:
            self._complaints = [it for it in self._complaints if "Failed to load" not in it]
        assert self._complaints == []

    def close(self) -> None:
        # A page that was just left may not be closed at once; it ends with the browser.
        with suppress(TimeoutError):
            self._chromium.wait(self._context.close(), _ANSWER)

    async def _new_page(self) -> Page:
        self._context.set_default_timeout(PATIENCE * 1000)
        page = await self._context.new_page()
        page.on("request", self._requested)
        page.on("console", self._told)
        page.on("pageerror", lambda error: self._complaints.append(f"error: {error}"))
        return page

    def _requested(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self._origin:
            self._elsewhere.append(request.url)

    def _told(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._complaints.append(f"{message.type}: {message.text}")


async def _value_of(future: asyncio.Future[_T]) -> _T:
    return await future


def _js(text: str) -> str:
    import json

    return json.dumps(text)
