"""Which log a state is of: noted with the state in the changelog, and with each commit.

A topic that is deleted and made again is another log under the same name. Offsets say nothing then:
the new log may have outgrown them. Kafka gives each topic an id, which does.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from faust_bulk.light import LightRecord

TAG_SIZE: Final = 8
#: Key, before the tag, of the record that an assignment writes into the changelog first of all.
#: Changelogs have it from when the package was called so, and a mark under another name is none.
MARK: Final = b"\0streams.bulk/log"


class Log(NamedTuple):
    """A topic's log: Kafka's ``id`` of the topic, and the ``epoch`` in which it was met.

    Within an epoch a topic has one log. Whoever makes a topic again begins an epoch.
    """

    epoch: int
    id: str

    def encode(self) -> bytes:
        """Return the value of a mark."""
        return f"{self.epoch}/{self.id}".encode()


class Note(NamedTuple):
    """What a commit is worth nothing without: the log of its source, and the changelog's id."""

    log: Log
    changelog: str

    def encode(self) -> str:
        """Return the commit's metadata."""
        return f"{self.log.epoch}/{self.log.id}/{self.changelog}"


class AnotherLogError(RuntimeError):
    """The topic was deleted and made again, and the epoch is the same."""

    def __init__(self, topic: str, epoch: int) -> None:
        super().__init__(another_log(topic, epoch))
        self.topic = topic
        #: the epoch that must be exceeded
        self.epoch = epoch


def another_log(topic: str, epoch: int) -> str:
    """Return what is to be said and done when *topic* is another log than *epoch* began with."""
    return (
        f"topic {topic!r} was deleted and made again since epoch {epoch} began: what is known of "
        f"the former log is not of this one. Begin epoch {epoch + 1}"
    )


def read_log(mark: bytes) -> Log:
    """Return what :meth:`Log.encode` has made; a later version may have more to say."""
    epoch, log_id, *_more = mark.decode().split("/")
    return Log(int(epoch), log_id)


def read_note(metadata: str) -> Note | None:
    """Return what a commit says; None if it was made without a note."""
    try:
        epoch, log_id, changelog, *_more = metadata.split("/")
        return Note(Log(int(epoch), log_id), changelog)
    except ValueError:
        return None


class Sieve:
    """Takes from a changelog what is of one log.

    Each assignment marks its tag with its log before it writes anything under it. Values under a
    tag of another log are left out. What has no mark was written by a version that made none: it
    belongs to the same log as the marks around it.
    """

    __slots__ = ("_follows", "_own", "_tags", "log", "others")

    def __init__(self, log: Log, *, own: bool = False) -> None:
        """*own*: what is read follows upon something of the log."""
        self.log = log
        #: the other logs that the changelog knows of
        self.others: set[Log] = set()
        self._tags: set[bytes] = set()
        self._own = self._follows = own

    @property
    def mixed(self) -> bool:
        """Whether the changelog knows of another log, or may: its beginning was not read now."""
        return self._follows or bool(self.others)

    def sift(self, records: Sequence[LightRecord]) -> tuple[list[tuple[bytes, bytes]], bool]:
        """Return (key, value) of what is of the log, and whether all that came before is not."""
        values = [
            (key[:-TAG_SIZE], value)
            for record in records
            if (key := record.key) is not None and (value := record.value) is not None
        ]
        if not self._tags and not [key for key, _value in values].count(MARK):
            return values, False
        values.clear()
        void = False
        for record in records:
            key, value = record.key, record.value
            if key is None or value is None:
                continue
            name, tag = key[:-TAG_SIZE], key[-TAG_SIZE:]
            if name != MARK:
                if tag not in self._tags:
                    values.append((name, value))
                continue
            log = read_log(value)
            if log.id == self.log.id:
                self._own = True
                continue
            self.others.add(log)
            self._tags.add(tag)
            if not self._own:
                void = True
                values.clear()
        return values, void

    def check(self, topic: str) -> None:
        """Raise AnotherLogError if this epoch, or a later one, has met another log."""
        epoch = max((it.epoch for it in self.others), default=0)
        if epoch >= self.log.epoch:
            raise AnotherLogError(topic, epoch)
