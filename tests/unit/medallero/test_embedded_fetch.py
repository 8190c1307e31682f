"""Fetching jars: from where it broke off, checked, by several processes at once."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from medallero.embedded.fetch import Cancelled, FetchError, fetch, missing
from medallero.embedded.lock import Jar, Lock, load_lock, to_toml
from medallero.stop_flag import StopFlag


def a_jar(name: str, content: bytes) -> Jar:
    return Jar(f"org.example:{name}:1.0", len(content), hashlib.sha256(content).hexdigest())


class Repository:
    """A Maven repository over HTTP that can break off, lie, and refuse to continue."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        #: path → how many bytes to send before the connection is cut, once for each entry
        self.cuts: dict[str, list[int]] = {}
        self.continues = True
        self.failures = 0
        self.address = ""

    def add(self, name: str, content: bytes) -> Jar:
        jar = a_jar(name, content)
        self.files[f"/{jar.path}"] = content
        return jar


@contextmanager
def serving(repository: Repository) -> Iterator[None]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            repository.requests.append((self.path, wanted))
            if repository.failures:
                repository.failures -= 1
                self.send_error(503)
                return
            content = repository.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            begin = 0
            if wanted and repository.continues:
                begin = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206 if begin else 200)
            self.send_header("Content-Length", str(len(content) - begin))
            self.end_headers()
            cuts = repository.cuts.get(self.path)
            end = begin + cuts.pop(0) if cuts else len(content)
            self.wfile.write(content[begin:end])

        def log_message(self, *_arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    repository.address = f"http://127.0.0.1:{server.server_port}/maven2"
    repository.files = {f"/maven2{path}": it for path, it in repository.files.items()}
    repository.cuts = {f"/maven2{path}": it for path, it in repository.cuts.items()}
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_is_fetched_is_there_under_its_maven_path(tmp_path: Path) -> None:
    repository = Repository()
    jars = [repository.add(f"jar-{number}", bytes([number]) * 1000) for number in range(10)]
    progress: list[int] = []

    with serving(repository):
        fetch(jars, tmp_path, repository.address, progress=progress.append)

    assert (tmp_path / "org/example/jar-3/1.0/jar-3-1.0.jar").read_bytes() == bytes([3]) * 1000
    assert missing(jars, tmp_path) == []
    assert sum(progress) == 10_000


def test_nothing_is_asked_for_that_is_there_already(tmp_path: Path) -> None:
    repository = Repository()
    jar = repository.add("kafka", b"x" * 1000)
    with serving(repository):
        fetch([jar], tmp_path, repository.address)
        repository.requests.clear()
        progress: list[int] = []

        fetch([jar], tmp_path, repository.address, progress=progress.append)

    assert repository.requests == []
    assert sum(progress) == 1000


def test_a_transfer_that_broke_off_goes_on_where_it_was(tmp_path: Path) -> None:
    repository = Repository()
    jar = repository.add("kafka", bytes(range(256)) * 4000)
    repository.cuts[f"/{jar.path}"] = [300_000]
    progress: list[int] = []

    with serving(repository):
        fetch([jar], tmp_path, repository.address, progress=progress.append)

    (_, first), (_, second) = repository.requests
    assert first is None
    assert second
    assert 200_000 < int(second.removeprefix("bytes=").rstrip("-")) <= 300_000
    assert missing([jar], tmp_path) == []
    assert sum(progress) == jar.size


def test_a_later_start_goes_on_with_what_an_earlier_one_left(tmp_path: Path) -> None:
    repository = Repository()
    content = bytes(range(256)) * 400
    jar = repository.add("kafka", content)
    part = tmp_path / f"{jar.path}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(content[:70_000])

    with serving(repository):
        fetch([jar], tmp_path, repository.address)

    assert [wanted for _, wanted in repository.requests] == ["bytes=70000-"]
    assert missing([jar], tmp_path) == []
    assert not part.exists()


def test_a_server_that_cannot_continue_sends_all_again(tmp_path: Path) -> None:
    repository = Repository()
    repository.continues = False
    content = bytes(range(256)) * 400
    jar = repository.add("kafka", content)
    part = tmp_path / f"{jar.path}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(content[:70_000])

    with serving(repository):
        fetch([jar], tmp_path, repository.address)

    assert missing([jar], tmp_path) == []


@pytest.mark.parametrize("left", [b"other bytes of an older version", b"y" * 5000])
def test_wrong_bytes_that_were_left_are_fetched_again(tmp_path: Path, left: bytes) -> None:
    repository = Repository()
    jar = repository.add("kafka", b"x" * 1000)
    part = tmp_path / f"{jar.path}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(left)
    progress: list[int] = []

    with serving(repository):
        fetch([jar], tmp_path, repository.address, progress=progress.append)

    assert missing([jar], tmp_path) == []
    assert sum(progress) == jar.size


def test_a_damaged_file_in_the_cache_is_fetched_again(tmp_path: Path) -> None:
    repository = Repository()
    jar = repository.add("kafka", b"x" * 1000)
    with serving(repository):
        fetch([jar], tmp_path, repository.address)
        (tmp_path / jar.path).write_bytes(b"x" * 999 + b"y")
        assert missing([jar], tmp_path) == [jar]

        fetch([jar], tmp_path, repository.address)

    assert missing([jar], tmp_path) == []


def test_other_bytes_than_the_lock_says_are_refused(tmp_path: Path) -> None:
    repository = Repository()
    jar = repository.add("kafka", b"x" * 1000)
    repository.files[f"/{jar.path}"] = b"y" * 1000

    with serving(repository), pytest.raises(FetchError, match="SHA-256") as caught:
        fetch([jar], tmp_path, repository.address)

    assert caught.value.coordinate == "org.example:kafka:1.0"
    assert list(tmp_path.rglob("*.jar*")) == []


def test_a_server_in_trouble_is_asked_again(tmp_path: Path) -> None:
    repository = Repository()
    repository.failures = 2
    jar = repository.add("kafka", b"x" * 1000)

    with serving(repository):
        fetch([jar], tmp_path, repository.address)

    assert len(repository.requests) == 3


def test_what_a_repository_does_not_have_is_not_asked_for_twice(tmp_path: Path) -> None:
    repository = Repository()

    with serving(repository), pytest.raises(FetchError, match="404"):
        fetch([a_jar("kafka", b"x")], tmp_path, repository.address)

    assert len(repository.requests) == 1


def test_an_absent_network_is_told_with_its_reason(tmp_path: Path) -> None:
    repository = Repository()
    with serving(repository):
        address = repository.address

    with pytest.raises(FetchError, match="Connection refused"):
        fetch([a_jar("kafka", b"x")], tmp_path, address)


def test_a_stop_ends_the_fetching(tmp_path: Path) -> None:
    stop = StopFlag()
    stop.set()

    with pytest.raises(Cancelled):
        fetch([a_jar("kafka", b"x")], tmp_path, "http://127.0.0.1:1", stop=stop)


def test_of_several_who_fetch_at_once_one_does(tmp_path: Path) -> None:
    repository = Repository()
    jars = [repository.add(f"jar-{number}", bytes([number]) * 50_000) for number in range(8)]
    errors: list[BaseException] = []

    def work() -> None:
        try:
            fetch(jars, tmp_path, repository.address)
        except BaseException as error:
            errors.append(error)

    with serving(repository):
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert errors == []
    assert len(repository.requests) == len(jars)
    assert missing(jars, tmp_path) == []


def test_the_committed_lock_is_of_one_kafka_and_has_its_log_binding() -> None:
    lock = load_lock()
    versions = {
        jar.coordinate.rpartition(":")[2]
        for jar in lock.jars
        if jar.coordinate.startswith("org.apache.kafka:")
    }

    assert versions == {lock.version}
    assert any("log4j-slf4j-impl" in jar.coordinate for jar in lock.jars)
    assert len({jar.path for jar in lock.jars}) == len(lock.jars)


def test_a_lock_survives_its_file(tmp_path: Path) -> None:
    lock = Lock("4.3.1", (a_jar("kafka", b"x"), a_jar("scala", b"yy")))
    file = tmp_path / "kafka.lock.toml"

    file.write_text(to_toml(lock), encoding="utf-8")

    assert load_lock(file) == lock
    assert lock.size == 3
