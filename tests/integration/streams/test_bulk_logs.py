"""Bulk tables whose topics are deleted, and made again, while they run and while they do not."""

from __future__ import annotations

import pytest

from faust_bulk.fatal import EXIT_CODE
from faust_bulk.logs import MARK
from tests.support.bulk_app import Backend
from tests.support.bulk_lab import MakeLab, greatest
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

COMPACTED = {"cleanup.policy": "compact"}

OLD = [(f"key-{number}", 1_000 + number) for number in range(40)]
#: more than the old ones, so that the new log outgrows what was committed of the old one
NEW = [(f"key-{number % 60}", number) for number in range(200)]


both_backends = pytest.mark.parametrize("backend", ["memory", "rocksdb"])


@both_backends
def test_a_source_made_again_while_all_were_down_ends_the_worker_until_the_epoch_is_raised(
    make_lab: MakeLab, backend: Backend
) -> None:
    # given state of a topic that is another one now, and has more than the former had
    lab = make_lab(backend, partitions=2)
    lab.write(OLD)
    worker = lab.start().wait_ready(2)
    lab.wait_committed(len(OLD))
    assert worker.stop() == 0
    lab.recreate(lab.source)
    lab.write(NEW)
    # when it is started as before, it touches nothing
    before = sorted(lab.read(lab.changelog), key=str)
    again = lab.start(worker.settings.directory)
    assert again.wait_exit() == EXIT_CODE
    assert "was deleted and made again since epoch 1 began" in again.log()
    assert sorted(lab.read(lab.changelog), key=str) == before
    # and when it is told that another epoch begins, it counts the new log, and that alone
    second = lab.start(worker.settings.directory, epoch=2).wait_ready(2)
    second.wait_values(greatest(NEW))
    lab.wait_committed(len(NEW))
    second.kill()
    third = lab.start(epoch=2).wait_ready(2)
    assert third.values() == greatest(NEW)
    # while who is of the former epoch ends
    third.kill()
    assert lab.start().wait_exit() == EXIT_CODE


def test_a_source_made_again_under_a_running_worker_ends_it(make_lab: MakeLab) -> None:
    lab = make_lab()
    lab.write(OLD)
    worker = lab.start(name="worker").wait_ready()
    lab.wait_committed(len(OLD))
    # when the topic is away, the worker says so
    lab.delete(lab.source)
    wait_until(lambda: "does not exist" in str(worker.view()["problem"]), what=worker.log)
    # and when it is another one, it ends, and does so again
    lab.create_topic(lab.source)
    lab.write(NEW)
    assert worker.wait_exit() == EXIT_CODE
    again = lab.start(name="worker")
    assert again.wait_exit() == EXIT_CODE
    assert "was deleted and made again since epoch 1 began" in again.log()
    lab.start(name="worker", epoch=2).wait_values(greatest(NEW))


@both_backends
def test_a_changelog_that_is_lost_is_filled_again_from_the_source(
    make_lab: MakeLab, backend: Backend
) -> None:
    # given a worker whose changelog goes away while it is down
    lab = make_lab(backend, partitions=2)
    lab.write(OLD)
    worker = lab.start().wait_ready(2)
    lab.wait_committed(len(OLD))
    assert worker.stop() == 0
    lab.delete(lab.changelog)
    # when it begins again, it makes it and has everything, and so has who reads the changelog
    second = lab.start(worker.settings.directory, provide=True)
    second.wait_values(greatest(OLD))
    lab.wait_committed(len(OLD))
    wait_until(lambda: len(lab.changes()) == len(OLD))
    # and so when it is made again by somebody else under a worker that runs
    lab.recreate(lab.changelog, COMPACTED)
    lab.write([("key-0", 1_001)])
    assert second.wait_exit() == EXIT_CODE
    third = lab.start(provide=True)
    third.wait_values(greatest([*OLD, ("key-0", 1_001)]))
    wait_until(lambda: len(lab.changes()) == len(OLD))
    assert third.exit_code is None


def test_what_a_version_without_marks_has_left_is_taken_as_it_is_and_marked(
    make_lab: MakeLab,
) -> None:
    # given state and commits as the version before leaves them
    lab = make_lab()
    lab.write(OLD)
    worker = lab.start().wait_ready()
    lab.wait_committed(len(OLD))
    worker.kill()
    lab.forget_logs()
    # then nothing is read twice
    second = lab.start().wait_ready()
    assert second.values() == greatest(OLD)
    assert second.counter("records") == 0
    assert any((key or b"").startswith(MARK) for _, key, _ in lab.read(lab.changelog))
    lab.write([("key-0", 5_000)])
    lab.wait_committed(len(OLD) + 1)
    second.kill()
    # and from then on it is known which log it was
    lab.recreate(lab.source)
    lab.write(NEW)
    assert lab.start().wait_exit() == EXIT_CODE


@both_backends
def test_a_commit_without_a_note_is_worth_nothing_beside_another_log(
    make_lab: MakeLab, backend: Backend
) -> None:
    # given a changelog that knows a former log, and a late commit of it by the version before
    lab = make_lab(backend)
    lab.write(OLD)
    worker = lab.start(name="worker").wait_ready()
    lab.wait_committed(len(OLD))
    assert worker.stop() == 0
    lab.recreate(lab.source)
    lab.commit_without_note(len(OLD))
    # when an owner in the new epoch ends before it has counted anything
    second = lab.start(name="worker", epoch=2).wait_ready()
    wait_until(lambda: len(lab.marks()) == 2, what=second.log)
    second.kill()
    # then its successor counts the new log from its beginning, where the greatest numbers are
    new = NEW[::-1]
    lab.write(new)
    third = lab.start(second.settings.directory, name="worker", epoch=2)
    third.wait_values(greatest(new))


def test_a_partition_that_stays_is_not_read_again_in_a_new_epoch(make_lab: MakeLab) -> None:
    # given a worker that has begun an epoch over the changelog of the former one
    lab = make_lab(partitions=2)
    lab.write(OLD)
    worker = lab.start().wait_ready(2)
    lab.wait_committed(len(OLD))
    assert worker.stop() == 0
    lab.recreate(lab.source)
    lab.write(NEW)
    second = lab.start(epoch=2).wait_ready(2)
    lab.wait_committed(len(NEW))
    # when another one takes a partition
    third = lab.start(epoch=2).wait_ready(1)
    second.wait_ready(1)
    # then neither reads again what is counted
    lab.write([("key-0", 5_000), ("key-1", 5_001)])
    lab.wait_committed(len(NEW) + 2)
    assert second.counter("records") + third.counter("records") == len(NEW) + 2


def test_a_named_worker_that_was_given_nothing_gets_its_share_when_the_topic_is_there(
    make_lab: MakeLab,
) -> None:
    # given a group that was assigned nothing, since there was nothing
    lab = make_lab(partitions=2)
    lab.delete(lab.source)
    worker = lab.start(name="worker")
    wait_until(lambda: "does not exist" in str(worker.view().get("problem")), what=worker.log)
    assert not worker.view()["ready"]
    # when the topic is made, and the worker is started again and takes its place in the group
    worker.kill()
    lab.create_topic(lab.source)
    again = lab.start(name="worker")
    # then it is not ready with nothing, and joins anew
    again.wait_ready(2)
    lab.write(OLD)
    again.wait_values(greatest(OLD))
    assert again.exit_code is None


def test_a_running_worker_notices_a_topic_that_is_made_late(make_lab: MakeLab) -> None:
    lab = make_lab(partitions=2)
    lab.delete(lab.source)
    worker = lab.start()
    wait_until(lambda: "does not exist" in str(worker.view().get("problem")), what=worker.log)
    lab.create_topic(lab.source)
    lab.write(OLD)
    worker.wait_values(greatest(OLD))


def test_a_worker_too_many_is_ready_with_nothing(make_lab: MakeLab) -> None:
    # given one partition, which one of two workers has
    lab = make_lab()
    workers = [lab.start(), lab.start()]
    wait_until(
        lambda: [w.view().get("ready") for w in workers] == [True, True],
        timeout=60,
        what=lab.logs,
    )
    # then the other one is no worse for having none, and does not join again and again
    assert sorted(len(w.view()["partitions"]) for w in workers) == [0, 1]
    assert "joining_anew" not in lab.logs()
