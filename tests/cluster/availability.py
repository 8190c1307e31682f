"""How many pods of a component are ready, watched without a gap."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from tests.cluster.control_plane import PATIENCE, ControlPlane
from tests.kubernetes.rendered import Object, name_of
from tests.support.waiting import wait_until


class Watched:
    """What a watch has seen of a component's pods."""

    def __init__(self) -> None:
        self._ready: dict[str, bool] = {}
        self._begun = False
        #: how many were ready, after each change
        self.numbers: list[int] = []
        #: every pod that there was
        self.names: set[str] = set()

    @property
    def least(self) -> int:
        """The fewest that were ready at any time since the watch began."""
        return min(self.numbers)

    def begin(self) -> bool:
        """Count from now on; false while nobody is ready yet."""
        self._begun = any(self._ready.values())
        return self._begun

    def see(self, event: Object) -> None:
        """Take an event of the watch."""
        if event["type"] not in ("ADDED", "MODIFIED", "DELETED"):
            return
        pod = event["object"]
        conditions = pod.get("status", {}).get("conditions", [])
        ready = any(it["type"] == "Ready" and it["status"] == "True" for it in conditions)
        leaving = event["type"] == "DELETED" or "deletionTimestamp" in pod["metadata"]
        key = pod["metadata"]["uid"]
        self.names.add(name_of(pod))
        self._ready[key] = ready and not leaving
        if self._begun:
            self.numbers.append(sum(self._ready.values()))


@contextmanager
def watched(plane: ControlPlane, namespace: str, component: str, number: int) -> Iterator[Watched]:
    """Watch a component's pods from when *number* of them are ready."""
    seen = Watched()
    selector = quote(f"app.kubernetes.io/component={component}")
    path = f"/api/v1/namespaces/{namespace}/pods?watch=1&labelSelector={selector}"
    failures: list[BaseException] = []
    # The server ends the watch, and with it the thread, a little after the last that is waited for.
    seconds = int(3 * PATIENCE)

    def work() -> None:
        try:
            for event in plane.watch(f"{path}&timeoutSeconds={seconds}", timeout=seconds + 10):
                seen.see(event)
        except BaseException as error:
            failures.append(error)

    threading.Thread(target=work, daemon=True).start()
    wait_until(
        lambda: sum(seen._ready.values()) >= number,
        timeout=PATIENCE,
        what=lambda: f"{number} ready of {component}; {failures}",
    )
    seen.begin()
    yield seen
    assert not failures
