"""What `medallero doctor` looks at: each check gives findings, with a remedy for what is wrong."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, NamedTuple

import aiohttp
import msgspec
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from pydantic import Field
from redis.exceptions import ReadOnlyError, RedisError

from contracts.kafka import kafka_options
from contracts.records import read_record
from contracts.settings import CertificatesFile, CommonSettings
from contracts.snapshot import Snapshot
from contracts.topics import check_topics
from medallero.mirror import Mirror, MirrorUnavailable, open_mirror
from medallero.reasons import reason_of
from medallero.topic import TopicUnavailable, open_topic
from medallero.unit_log import Progress
from olympics.catalogue import Catalogue, CatalogueError, load_catalogue, rules_revision
from olympics.latest import STATUS_ORDER
from olympics.result import ResultError, digest_of

State = Literal["ok", "warn", "fail"]

_STALE_AFTER: Final = 10.0
_LAG_THAT_IS_MUCH: Final = 10_000
_LISTED: Final = 5
_UP: Final = "start it with `medallero up`"


class DoctorSettings(CommonSettings):
    """Where the other processes are, by the names under which they are told it themselves."""

    app_id: str = Field(default="medallero-v1", description="the workers' consumer group")
    http_host: str = "127.0.0.1"
    http_port: int = 8080
    grpc_host: str = "127.0.0.1"
    grpc_port: int = 50051

    endpoint: str | None = Field(default=None, description="the gateway, as `send` is told it")
    ca: CertificatesFile | None = Field(default=None, description="vouches for the gateway")

    @property
    def gateway_url(self) -> str:
        """The gateway's address for a client on this machine."""
        if self.endpoint and self.endpoint.startswith(("http://", "https://")):
            return self.endpoint.rstrip("/")
        return f"{'https' if self.tls else 'http'}://{_reachable(self.http_host)}:{self.http_port}"

    @property
    def grpc_address(self) -> str:
        """The gateway's gRPC address for a client on this machine."""
        scheme, _, address = (self.endpoint or "").partition("://")
        if scheme in ("grpc", "grpcs"):
            return address.rstrip("/")
        return f"{_reachable(self.grpc_host)}:{self.grpc_port}"

    @property
    def tls(self) -> bool:
        """Whether the gateway speaks TLS."""
        return (self.endpoint or "").startswith(("https://", "grpcs://"))

    @property
    def grpc_is_a_guess(self) -> bool:
        """Whether nobody has said where gRPC is, although HTTP is not where it is by default."""
        told = {"grpc_host", "grpc_port"} & self.model_fields_set
        return not told and bool(self.endpoint) and self.gateway_url != "http://127.0.0.1:8080"


class Finding(NamedTuple):
    """What one check found: ``remedy`` is empty when there is nothing to do."""

    name: str
    state: State
    facts: str
    remedy: str = ""


def _reachable(host: str) -> str:
    # What is listened on for everybody is no address to connect to.
    return "127.0.0.1" if host in ("0.0.0.0", "") else f"[{host}]" if ":" in host else host


async def examine(settings: DoctorSettings, progress: Progress) -> AsyncIterator[Finding]:
    """Look at everything, from the ground up; a check whose ground is missing is left out."""
    catalogue, finding = check_catalogue(settings)
    yield finding
    kafka = await check_kafka(settings)
    yield kafka
    if kafka.state == "ok":
        for finding in await check_the_topics(settings):
            yield finding
    trust = ssl.create_default_context(cafile=settings.ca) if settings.ca else True
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=5), connector=aiohttp.TCPConnector(ssl=trust)
    ) as web:
        yield await check_gateway(settings, web)
        yield await check_grpc(settings)
        snapshot: Snapshot | None = None
        try:
            async with open_mirror(settings) as mirror:
                snapshot, findings = await check_redis(mirror, settings)
        except MirrorUnavailable as error:
            findings = [Finding("Redis", "fail", error.problem, error.remedy)]
        for finding in findings:
            yield finding
        if snapshot is not None:
            for finding in check_snapshot(snapshot, settings, catalogue, time.time()):
                yield finding
            for finding in await check_workers(snapshot, settings, web):
                yield finding
    if kafka.state == "ok":
        yield await check_lag(settings)
        if snapshot is None or snapshot.meta["conflicts"]:
            if catalogue is not None:
                yield await check_conflicts(settings, catalogue, progress)
        else:
            yield Finding("conflicts", "ok", "none")
        yield await check_rejected(settings)


def check_catalogue(settings: CommonSettings) -> tuple[Catalogue | None, Finding]:
    """Whether the catalogue loads."""
    try:
        catalogue = load_catalogue(settings.catalogue)
    except CatalogueError as error:
        remedy = "correct the file, or unset MEDALLERO_CATALOGUE for the packaged one"
        return None, Finding("catalogue", "fail", str(error), remedy)
    facts = (
        f"revision {catalogue.revision} ({catalogue.fingerprint}), {len(catalogue.sports)} sports, "
        f"{len(catalogue.faculties)} faculties"
    )
    return catalogue, Finding("catalogue", "ok", facts)


async def check_kafka(settings: CommonSettings) -> Finding:
    """Whether Kafka answers, and how many brokers it has."""
    try:
        async with _admin(settings) as admin:
            cluster = await asyncio.wait_for(admin.describe_cluster(), 10)
    except (KafkaError, ValueError, OSError, TimeoutError) as error:
        return Finding(
            "Kafka",
            "fail",
            f"does not answer at {settings.kafka} ({reason_of(error)})",
            f"{_UP}, or set MEDALLERO_KAFKA",
        )
    brokers = len(cluster.get("brokers", ()))
    if brokers < settings.replication:
        return Finding(
            "Kafka",
            "fail",
            f"{brokers} brokers at {settings.kafka}, replication needs {settings.replication}",
            "start the other brokers, or set MEDALLERO_REPLICATION",
        )
    return Finding("Kafka", "ok", f"{settings.kafka}, {brokers} broker{'s' * (brokers != 1)}")


async def check_the_topics(settings: CommonSettings) -> list[Finding]:
    """Whether the topics are as needed."""
    try:
        problems = await asyncio.wait_for(check_topics(settings), 20)
    except (KafkaError, TimeoutError) as error:
        return [Finding("topics", "fail", f"cannot be described ({reason_of(error)})", "try again")]
    if not problems:
        return [Finding("topics", "ok", f"as needed, {settings.partitions} partitions")]
    return [
        Finding(f"topic {it.topic}", "fail", it.problem, _remedy_of_topic(it.problem))
        for it in problems
    ]


def _remedy_of_topic(problem: str) -> str:
    if "does not exist" in problem:
        return "`medallero up` creates it"
    if "partitions" in problem:
        return "set MEDALLERO_PARTITIONS to what the topic has, everywhere"
    return "set it with kafka-configs.sh --alter; results must never expire or be compacted"


async def check_gateway(settings: DoctorSettings, web: aiohttp.ClientSession) -> Finding:
    """Whether the gateway takes results over HTTP."""
    url = settings.gateway_url
    try:
        status, body = await _get_json(web, f"{url}/readyz")
    except _NoAnswer as error:
        return Finding(
            "gateway", "fail", f"{url}: {error}", f"{_UP}, or set MEDALLERO_HTTP_HOST and _PORT"
        )
    if status == 200:
        return Finding("gateway", "ok", f"ready at {url}")
    facts = f"{url} is not ready: {body.get('error') or f'HTTP status {status}'}"
    return Finding("gateway", "fail", facts, "Kafka must take writes first; see its log")


async def check_grpc(settings: DoctorSettings) -> Finding:
    """Whether the gateway takes results over gRPC."""
    import grpc.aio
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    address = settings.grpc_address
    options = [("grpc.enable_http_proxy", 0)]
    if settings.tls:
        trusted = settings.ca.read_bytes() if settings.ca else None
        secure = grpc.ssl_channel_credentials(trusted)
        opened = grpc.aio.secure_channel(address, secure, options=options)
    else:
        opened = grpc.aio.insecure_channel(address, options=options)
    async with opened as channel:
        try:
            stub = health_pb2_grpc.HealthStub(channel)
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
        except grpc.aio.AioRpcError as error:
            reason = (error.details() or error.code().name).rpartition(": ")[2]
            remedy = f"{_UP}, or set MEDALLERO_GRPC_HOST and _PORT"
            if settings.grpc_is_a_guess:
                remedy = "if it listens elsewhere, set MEDALLERO_GRPC_PORT"
                return Finding("gRPC", "warn", f"{address}: {reason}", remedy)
            return Finding("gRPC", "fail", f"{address}: {reason}", remedy)
    if answer.status == health_pb2.HealthCheckResponse.SERVING:
        return Finding("gRPC", "ok", f"serving at {address}")
    return Finding("gRPC", "fail", f"{address} is not serving", "see the gateway's line above")


async def check_redis(
    mirror: Mirror, settings: CommonSettings
) -> tuple[Snapshot | None, list[Finding]]:
    """Whether Redis answers, takes writes, keeps them, and holds a snapshot."""
    snapshot = await mirror.read()
    key = f"{settings.redis_prefix}doctor"
    try:
        # Written as the mirror writes, and gone within a second.
        await mirror.redis.set(key, "1", px=1000)
        policy = (await mirror.redis.config_get("maxmemory-policy")).get("maxmemory-policy")
    except ReadOnlyError:
        facts, remedy = f"{mirror.address} is a replica: read-only", "connect to the primary"
        return snapshot, [Finding("Redis", "fail", facts, f"{remedy} (MEDALLERO_REDIS)")]
    except RedisError as error:
        # Managed services forbid CONFIG, which is no fault.
        if "config" not in str(error).lower():
            facts = f"{mirror.address} takes no writes: {error}"
            return snapshot, [Finding("Redis", "fail", facts, "see its memory, disk and rights")]
        policy = None
    findings = [Finding("Redis", "ok", f"{mirror.address}, takes writes")]
    if policy and policy.startswith("allkeys"):
        findings = [
            Finding(
                "Redis",
                "warn",
                f"{mirror.address} may evict standings (maxmemory-policy {policy})",
                "set maxmemory-policy to noeviction",
            )
        ]
    if snapshot is None:
        findings.append(
            Finding("standings", "fail", "no worker has written any", "start a worker; see its log")
        )
    return snapshot, findings


def check_snapshot(
    snapshot: Snapshot, settings: CommonSettings, catalogue: Catalogue | None, now: float
) -> list[Finding]:
    """Whether the standings are fresh, of this epoch, and counted by these rules."""
    meta = snapshot.meta
    age = max(0.0, now - meta["updated_at"])
    news = age + meta["age"]
    facts = f"written {age:.1f} s ago, {meta['results']:,} results, snapshot {meta['snapshot']:,}"
    findings = [Finding("standings", "ok", facts)]
    if age > _STALE_AFTER:
        remedy = "is a worker running? its log says why it does not write"
        findings = [Finding("standings", "fail", facts, remedy)]
    elif news > 3 * _STALE_AFTER:
        facts += f"; a partition has been silent for {news:.0f} s"
        findings = [Finding("standings", "fail", facts, "see the workers' lines below")]
    if meta["epoch"] != settings.epoch:
        findings.append(
            Finding(
                "epoch",
                "fail",
                f"the standings are of epoch {meta['epoch']}, the settings say {settings.epoch}",
                "set MEDALLERO_EPOCH alike everywhere; a lower one is refused by Redis",
            )
        )
    if catalogue is not None:
        findings.append(_check_rules(meta, catalogue))
    return findings


def _check_rules(meta: Mapping[str, Any], catalogue: Catalogue) -> Finding:
    ours = (str(rules_revision(catalogue)), catalogue.fingerprint)
    theirs = (str(meta.get("revision")), str(meta.get("rules")))
    if ours == theirs:
        return Finding("rules", "ok", f"revision {ours[0]} ({ours[1]}) here and in the standings")
    remedy = "give all processes the same program and the same MEDALLERO_CATALOGUE"
    if ours[0] == theirs[0]:
        remedy = "the catalogue was changed without a new revision: raise it, and restart workers"
    facts = f"here {ours[0]} ({ours[1]}), in the standings {theirs[0]} ({theirs[1]})"
    return Finding("rules", "fail", facts, remedy)


async def check_workers(
    snapshot: Snapshot, settings: CommonSettings, web: aiohttp.ClientSession
) -> list[Finding]:
    """Whether each worker that owns partitions is ready, and whether each partition is owned."""
    owned: defaultdict[str, list[int]] = defaultdict(list)
    for partition, url in sorted(snapshot.owners.items()):
        owned[url].append(partition)
    findings = [await _check_worker(web, url, owned[url]) for url in sorted(owned)]
    if orphans := sorted(set(range(settings.partitions)) - snapshot.owners.keys()):
        facts = f"partitions without a worker: {', '.join(map(str, orphans))}"
        findings.append(Finding("workers", "fail", facts, "start a worker"))
    return findings


async def _check_worker(web: aiohttp.ClientSession, url: str, partitions: Sequence[int]) -> Finding:
    name = f"worker {url.removeprefix('http://')}"
    listed = f"partitions {', '.join(map(str, partitions))}"
    try:
        status, body = await _get_json(web, f"{url}/readyz")
    except _NoAnswer as error:
        remedy = "restart it, or wait until its partitions have moved to another"
        return Finding(name, "fail", f"{error}; it owns {listed}", remedy)
    if status == 200:
        return Finding(name, "ok", f"ready, {listed}")
    problems = "; ".join(map(str, body.get("problems", ()))) or f"HTTP status {status}"
    if body.get("mirror_problem"):
        problems += f"; mirror: {body['mirror_problem']}"
    return Finding(name, "fail", f"not ready ({listed}): {problems}", "see its log")


async def check_lag(settings: DoctorSettings) -> Finding:
    """How many records of the results topic the workers have not committed."""
    try:
        async with _admin(settings) as admin:
            committed = await asyncio.wait_for(
                admin.list_consumer_group_offsets(settings.app_id), 10
            )
        async with open_topic(settings) as topic:
            ends = (await topic.bounds()).ends
    except (KafkaError, TimeoutError, TopicUnavailable) as error:
        return Finding("lag", "warn", f"unknown ({reason_of(error)})", "see the Kafka line above")
    lags = {}
    for partition, end in ends.items():
        known = committed.get(TopicPartition(settings.results_topic, partition))
        lags[partition] = end - max(0, known.offset if known else 0)
    total = sum(lags.values())
    facts = f"{total:,} of {sum(ends.values()):,} records not committed by {settings.app_id}"
    if min(lags.values(), default=0) < 0:
        remedy = "recreate the group and the changelog too, and raise MEDALLERO_EPOCH"
        return Finding("lag", "fail", "the group is ahead of the topic: another log", remedy)
    if total > _LAG_THAT_IS_MUCH:
        worst = max(lags, key=lambda it: lags[it])
        facts += f" (most in partition {worst}: {lags[worst]:,})"
        return Finding("lag", "warn", facts, "if it does not shrink, start more workers")
    return Finding("lag", "ok", facts)


class _Seen(NamedTuple):
    """What was seen of an identity at its highest version and status: digest → first place."""

    order: tuple[int, int]
    places: dict[int, str]


async def check_conflicts(
    settings: CommonSettings, catalogue: Catalogue, progress: Progress
) -> Finding:
    """Which results stand in two contents under one version; reads the whole topic."""
    seen: dict[tuple[str, str, str], _Seen] = {}
    try:
        async with open_topic(settings) as topic:
            ends = (await topic.bounds()).ends
            read, total = 0, sum(ends.values())
            async for batch in topic.read(ends):
                for record in batch:
                    try:
                        result = read_record(
                            record.key,
                            record.value,
                            record.partition,
                            len(topic.partitions),
                            catalogue,
                        )
                    except ResultError:
                        continue
                    identity = (result.sport, result.unit, result.competitor.id)
                    order = (result.version, STATUS_ORDER[result.status])
                    known = seen.get(identity)
                    if known is None or order > known.order:
                        known = seen[identity] = _Seen(order, {})
                    if order == known.order:
                        place = f"{record.partition}/{record.offset}"
                        known.places.setdefault(digest_of(record.value or b""), place)
                read += len(batch)
                progress(read, total)
    except TopicUnavailable as error:
        return Finding("conflicts", "warn", f"unknown: {error.problem}", error.remedy)
    found = [(it, known) for it, known in seen.items() if len(known.places) > 1]
    if not found:
        return Finding("conflicts", "ok", "none")
    listed = [
        f"{sport} / {unit} / {competitor}, version {known.order[0]}: "
        f"at {', '.join(known.places.values())}"
        for (sport, unit, competitor), known in sorted(found)[:_LISTED]
    ]
    if len(found) > _LISTED:
        listed.append(f"and {len(found) - _LISTED} more")
    facts = f"{len(found)} with two contents in one version\n" + "\n".join(listed)
    remedy = "look at them with `medallero history`, settle each with `medallero correct`"
    return Finding("conflicts", "warn", facts, remedy)


async def check_rejected(settings: CommonSettings) -> Finding:
    """The latest records of the results topic that are no results, with the reasons."""
    try:
        async with open_topic(settings, settings.rejected_topic) as topic:
            bounds = await topic.bounds()
            since = {it: max(bounds.begins[it], end - _LISTED) for it, end in bounds.ends.items()}
            latest = [it async for batch in topic.read(bounds.ends, since) for it in batch]
    except TopicUnavailable as error:
        return Finding("rejected", "warn", f"unknown: {error.problem}", error.remedy)
    # Replays write a record again, so its place decides.
    total = sum(bounds.ends.values()) - sum(bounds.begins.values())
    if not latest:
        return Finding("rejected", "ok", "no records that are not results")
    lines = dict.fromkeys(_rejection(it.value or b"") for it in latest[-_LISTED:])
    facts = f"{total:,} notes of records that are not results; the latest:\n" + "\n".join(lines)
    remedy = (
        f"they count for nothing; whoever writes to {settings.results_topic!r} should use the "
        "gateway"
    )
    return Finding("rejected", "warn", facts, remedy)


def _rejection(note: bytes) -> str:
    try:
        read = msgspec.json.decode(note, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "a note that cannot be read"
    place = f"{read.get('partition')}/{read.get('offset')}"
    field = read.get("field")
    said = f"{place}: {field}: {read.get('error')}" if field else f"{place}: {read.get('error')}"
    return said + "".join(_cut(read, part) for part in ("key", "value"))


def _cut(note: dict[str, Any], part: str) -> str:
    """Say that the note has only the beginning of a record's key or value, if so."""
    kept = note.get(part)
    if not isinstance(kept, dict) or "length" not in kept:
        return ""
    text = str(kept.get("base64", ""))
    beginning = len(text) * 3 // 4 - text[-2:].count("=")
    return f" (of its {part}'s {kept['length']:,} bytes the note has the first {beginning:,})"


class _NoAnswer(Exception):
    """A process does not answer HTTP, and why."""


async def _get_json(web: aiohttp.ClientSession, url: str) -> tuple[int, dict[str, Any]]:
    try:
        async with web.get(url) as response:
            body = await response.read()
            status = response.status
    except TimeoutError:
        raise _NoAnswer("no answer in 5 s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _NoAnswer(f"no answer ({reason_of(error)})") from None
    try:
        read = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        read = {}
    return status, read if isinstance(read, dict) else {}


@asynccontextmanager
async def _admin(settings: CommonSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**kafka_options(settings), request_timeout_ms=10_000)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
