"""The Faust app of a worker: how every stream of ours reads from Kafka."""

from collections.abc import Sequence

from contracts.kafka import kafka_options
from contracts.topic_admin import ensure_topics
from contracts.topics import TopicSpec, another_log
from faust_bulk import BulkApp
from streams.credentials import faust_credentials
from streams.settings import MemberSettings


def bulk_app(settings: MemberSettings, specs: Sequence[TopicSpec]) -> BulkApp:
    """Return a member of the settings' consumer group; its agents and tables are yet to come.

    *specs* has the topics that it uses.
    """
    kafka_settings = kafka_options(settings)

    async def provide_changelog(name: str) -> None:
        await ensure_topics(settings, [spec for spec in specs if spec.name == name])

    return BulkApp(
        settings.app_id,
        kafka_settings=kafka_settings,
        epoch=settings.epoch,
        another_log=another_log,
        provide_changelog=provide_changelog,
        broker_credentials=faust_credentials(kafka_settings),
        broker=";".join(f"bulk://{server}" for server in settings.kafka.split(",")),
        consumer_group_instance_id=settings.worker_id,
        broker_session_timeout=settings.session_timeout,
        broker_heartbeat_interval=settings.session_timeout / 4,
        broker_commit_interval=0.5,
        broker_max_poll_records=settings.batch_records,
        # Less than a batch would leave the rest of each fetch for a small batch of its own.
        consumer_max_fetch_size=4 * 1024 * 1024,
        producer_acks=-1,
        web_enabled=False,
    )
