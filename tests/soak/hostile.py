"""How faults are done that come from people: refusals of Kafka, clocks, a topic made again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from contracts.kafka import kafka_options
from contracts.settings import CommonSettings
from contracts.topics import TopicSpec, another_log, topic_specs
from tests.soak.faults import NotRight
from tests.soak.hurting import Done, HurtingOurs
from tests.soak.schedule import Fault
from tests.support.recreate import recreate_topics
from tests.support.rights import forbid_nothing, forbid_writing
from tests.support.stack import Member

#: Kafka refuses what is an hour ahead of its own clock.
_WRONG: Final = 7_200
#: A clock is wrong for so many seconds, and those of the fault.
_WRONG_FOR: Final = 6.0
#: Bytes; a list of results is larger, and a result is not.
_SMALL: Final = 3_000
#: Longest time from an answer until a client has noted it, seconds.
_NOTED: Final = 1.0


class HurtingAll(HurtingOurs):
    """Does also what people do to it."""

    def do(self, fault: Fault) -> Done | None:
        match fault.kind.partition("-")[0]:
            case "refused":
                return self._refused(fault)
            case "clock":
                return self._clock(fault)
            case _:
                return super().do(fault)

    def remake(self) -> None:
        """Delete the topic and make it again; return when everybody says what has happened."""
        settings = self._system.stack.settings
        # A worker that has found it out ends, and is started again: so the whole log is read.
        logs = {it.process.command.log for it in self._system.members}
        starts = {log: log.stat().st_size for log in logs}
        recreate_topics(settings, settings.results_topic)
        sentence = another_log(settings.results_topic, settings.epoch)
        for log, start in starts.items():
            self._wait(partial(_says, log, start, sentence), f"{log.stem} says {sentence}")
        for gateway in self._system.stack.gateways:
            self._wait(partial(self._says_no, gateway), f"{gateway.log_name} is not ready")
        self.sleep(_NOTED)

    def stays_still(self, seconds: float) -> None:
        """See that nothing is counted for so long."""
        before = self._watcher.latest
        self.sleep(seconds)
        after = self._watcher.latest
        assert before is not None
        assert after is not None
        if after.offsets != before.offsets:
            raise NotRight(f"another log is counted: {before.offsets}, then {after.offsets}")

    def raise_epoch(self) -> None:
        """Begin the next epoch, as the sentence says: with a setting of every process."""
        stack = self._system.stack
        epoch = stack.settings.epoch + 1
        stack.set_epoch(epoch)
        self._watcher.expect(epoch)
        for member in self._system.members:
            if member.running:
                member.stop(grace=60)
            member.start()
        for member in self._system.members:
            self.wait_ready(member)
        self.view(lambda view: view.epoch == epoch, f"the mirror is of epoch {epoch}")

    def sleep(self, seconds: float) -> None:
        """Let time pass, and start whatever ends meanwhile."""
        until = time.monotonic() + seconds
        self._wait(lambda: time.monotonic() > until, "time passes")

    # What Kafka refuses.

    def _refused(self, fault: Fault) -> Done:
        gateways = self._system.stack.gateways
        undone = self.undone()
        with self._refusing(fault):
            if fault.kind != "refused-sizes":  # lists are split: clients notice nothing
                for gateway in gateways:
                    self._wait(partial(self._says_no, gateway), f"{gateway.log_name} is not ready")
            self.sleep(fault.seconds)
        for member in self._system.members:
            self.wait_ready(member)
        return "results", undone

    @contextmanager
    def _refusing(self, fault: Fault) -> Iterator[None]:
        settings, brokers = self._system.stack.settings, self._system.cluster.brokers
        results, *_others, heartbeats = topic_specs(settings)
        written = (results, heartbeats)
        try:
            match fault.kind:
                case "refused-times":
                    for topic in written:
                        _configure(settings, topic, {"message.timestamp.before.max.ms": "1"})
                case "refused-sizes":
                    _configure(settings, results, {"max.message.bytes": str(_SMALL)})
                case "refused-rights":
                    # Now and then a gateway may still write that it is there, and nothing else.
                    forbid_writing(settings, [it.name for it in written[: 1 + fault.target % 2]])
                case _:
                    for broker in brokers:
                        broker.replicas.cut()
            yield
        finally:
            for broker in brokers:
                broker.replicas.heal()
            for topic in written:
                _configure(settings, topic, {})
            forbid_nothing(settings, [it.name for it in written])

    @staticmethod
    def _says_no(gateway: Member) -> bool:
        return gateway.running and gateway.problem() not in (None, "it does not answer")

    # Clocks.

    def _clock(self, fault: Fault) -> Done:
        system = self._system
        assert system.clocks is not None
        members = system.stack.gateways if "gateway" in fault.kind else system.workers
        member = members[fault.target % len(members)]
        ahead = fault.kind.endswith("ahead")
        undone = self.undone()
        system.clocks.set(member.log_name, _WRONG if ahead else -_WRONG)
        try:
            if ahead and member in system.stack.gateways:
                self._wait(partial(self._says_no, member), f"{member.log_name} is not ready")
            self.sleep(_WRONG_FOR + fault.seconds)
        finally:
            system.clocks.set(member.log_name, 0)
        self.wait_ready(member)
        return member.log_name, undone


def _says(log: Path, start: int, sentence: str) -> bool:
    """Whether the log has these words beyond *start*."""
    with log.open(encoding="utf-8", errors="replace") as file:
        file.seek(start)
        return sentence in file.read()


def _configure(settings: CommonSettings, topic: TopicSpec, config: Mapping[str, str]) -> None:
    """Let the topic have its own configuration and *config*, and nothing else."""

    async def change() -> None:
        admin = AIOKafkaAdminClient(**kafka_options(settings))
        await admin.start()
        try:
            wanted = {**topic.config, **config}
            await admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic.name, wanted)]
            )
        finally:
            await admin.close()

    asyncio.run(change())
