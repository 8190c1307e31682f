"""The Faust app of a worker: how every stream of ours reads from Kafka."""

from contracts.kafka import kafka_options
from streams.bulk import BulkApp
from streams.credentials import faust_credentials
from streams.settings import MemberSettings


def bulk_app(settings: MemberSettings) -> BulkApp:
    """Return a member of the settings' consumer group; its agents and tables are yet to come."""
    kafka_settings = kafka_options(settings)
    return BulkApp(
        settings.app_id,
        kafka_settings=kafka_settings,
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
