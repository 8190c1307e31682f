"""What `medallero doctor` looks at: each check gives findings, with a remedy for what is wrong."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import ssl
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import aiohttp
import msgspec
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from pydantic import Field
from redis.exceptions import ReadOnlyError, RedisError

from contracts.kafka import kafka_options
from contracts.raw_topic import DAMAGED, RawRecord, TopicUnavailable, open_topic
from contracts.reasons import reason_of
from contracts.settings import CertificatesFile, CommonSettings
from contracts.snapshot import STALE_AFTER, Snapshot
from contracts.topic_admin import check_topics
from contracts.topics import another_log, beginning_gone
from faust_bulk.topics import TopicProblem, find
from medallero.doctor.topic_scan import LISTED, Gathered, Note, Notes, Progress, Scan, scan, weight
from medallero.embedded.datadir import is_held, logs_of
from medallero.embedded.exit_reasons import last_words, remedy_of
from medallero.formatting import plain
from medallero.snapshot_reader import SnapshotReader, SnapshotUnavailable, open_snapshot
from olympics.catalogue import (
    Catalogue,
    CatalogueError,
    load_catalogue,
    rules_revision,
    split_revision,
)
from olympics.plausibility import Kind
from olympics.result import digest_of, encode, parse_result

State = Literal["ok", "warn", "fail"]

_LAG_THAT_IS_MUCH: Final = 10_000
#: Notes of rejected records that are looked at, the latest ones.
MOST_NOTES: Final = 50_000
#: Bytes; with less than that left on its disk, Kafka cannot begin a file.
_ROOM: Final = 16 * 2**20
#: Bytes at the end of a log in which its last words are looked for.
_TAIL: Final = 64 * 2**10
_UP: Final = "start it with `medallero up`; if it runs elsewhere, `source DIR/env` (DIR: its data)"


class DoctorSettings(CommonSettings):
    """Where the other processes are, by the names under which they are told it themselves."""

    app_id: str = Field(default="medallero-v1", description="the workers' consumer group")
    http_host: str = "127.0.0.1"
    http_port: int = 8080
    grpc_host: str = "127.0.0.1"
    grpc_port: int = 50051

    data_dir: Path = Field(
        default=Path(".medallero"), description="where `medallero up` has its data"
    )
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


async def examine(
    settings: DoctorSettings, progress: Progress, *, quick: bool = False
) -> AsyncIterator[Finding]:
    """Look at everything, from the ground up; a check whose ground is missing is left out.

    *quick*: the results topic is not read.
    """
    catalogue, finding = check_catalogue(settings)
    yield finding
    kafka = await check_kafka(settings)
    yield kafka
    log: str | None = None
    if kafka.state == "ok":
        for finding in await check_the_topics(settings):
            yield finding
        beginning = await check_beginning(settings)
        if beginning is not None:
            yield beginning
        log = await id_of_results(settings)
    trust = ssl.create_default_context(cafile=settings.ca) if settings.ca else True
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=5), connector=aiohttp.TCPConnector(ssl=trust)
    ) as web:
        yield await check_gateway(settings, web)
        yield await check_grpc(settings)
        snapshot: Snapshot | None = None
        try:
            async with open_snapshot(settings) as mirror:
                snapshot, findings = await check_redis(mirror, settings)
        except SnapshotUnavailable as error:
            findings = [Finding("Redis", "fail", error.problem, error.remedy)]
        for finding in findings:
            yield finding
        if snapshot is not None:
            for finding in check_snapshot(snapshot, settings, catalogue, time.time(), log):
                yield finding
            for finding in await check_workers(snapshot, settings, web):
                yield finding
    if kafka.state == "ok":
        yield await check_lag(settings)
        if catalogue is None:
            return
        try:
            notes = await read_notes(settings, catalogue, LISTED if quick else MOST_NOTES)
        except TopicUnavailable as error:
            yield Finding("rejected", "warn", f"unknown: {error.problem}", error.remedy)
            return
        found: Scan | None = None
        if not quick:
            found, findings = await scan_results(settings, catalogue, notes, progress)
            for finding in findings:
                yield finding
        same_rules = snapshot is not None and _check_rules(snapshot.meta, catalogue).state == "ok"
        for finding in check_rejected(settings, notes, found, same_rules=same_rules):
            yield finding


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


def remedy_of_up(directory: Path) -> str | None:
    """Return what helps where `up` runs in *directory*, and its Kafka does not answer.

    None if no `up` runs there.
    """
    if not is_held(directory):
        return None
    log = logs_of(directory) / "kafka.log"
    if shutil.disk_usage(directory).free < _ROOM:
        return f"make room on the disk of {directory.absolute()}; `medallero up` starts Kafka again"
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        words = last_words(file.read().decode("utf-8", "replace"))
        if remedy := remedy_of(words):
            return f"{remedy} ({words})"
    return f"`medallero up` starts it again and again: its log, {log}, says why it does not run"


async def check_kafka(settings: DoctorSettings) -> Finding:
    """Whether Kafka answers, and how many brokers it has."""
    try:
        async with _admin(settings) as admin:
            cluster = await asyncio.wait_for(admin.describe_cluster(), 10)
    except (KafkaError, ValueError, OSError, TimeoutError) as error:
        return Finding(
            "Kafka",
            "fail",
            f"does not answer at {settings.kafka} ({reason_of(error)})",
            remedy_of_up(settings.data_dir) or f"{_UP}, or set MEDALLERO_KAFKA",
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


async def check_beginning(settings: CommonSettings) -> Finding | None:
    """Whether the results topic still begins where it began; None if it does, or nobody says."""
    try:
        async with open_topic(settings) as topic:
            begins = (await topic.bounds()).begins
    except TopicUnavailable:
        return None  # the check of the topics says why
    facts = beginning_gone(settings.results_topic, begins)
    if facts is None:
        return None
    remedy = (
        "set retention.ms and retention.bytes of the topic to -1, and let nobody delete records; "
        "what is gone still counts, as the workers' state has it; `medallero restore` brings it "
        "back where there is a back-up"
    )
    return Finding("beginning", "fail", facts, remedy)


async def id_of_results(settings: CommonSettings) -> str | None:
    """Return Kafka's id of the results topic; None if it does not exist, or nobody says."""
    client = AIOKafkaClient(**kafka_options(settings))
    try:
        async with asyncio.timeout(10):
            await client.bootstrap()
            found = await find(client, (settings.results_topic,))
    except (KafkaError, TopicProblem, ValueError, OSError, TimeoutError):
        return None  # the other checks of Kafka say why
    finally:
        await client.close()
    return found[settings.results_topic].id if found else None


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
        return "`medallero topics` creates it, and so does `medallero up`"
    if "partitions" in problem:
        return (
            "if the topic was made so, set MEDALLERO_PARTITIONS to its number everywhere; if "
            "partitions were added to it, copy it into topics with a new prefix "
            '(docs/operations.md, "More partitions"): Kafka cannot take them away, and nothing is '
            "lost meanwhile"
        )
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
    mirror: SnapshotReader, settings: CommonSettings
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
    snapshot: Snapshot,
    settings: CommonSettings,
    catalogue: Catalogue | None,
    now: float,
    log: str | None = None,
) -> list[Finding]:
    """Whether the standings are fresh, of this epoch, and counted by these rules.

    *log* is Kafka's id of the results topic, where it is known.
    """
    meta = snapshot.meta
    age = max(0.0, now - meta["updated_at"])
    news = age + meta["age"]
    facts = f"written {age:.1f} s ago, {meta['results']:,} results, snapshot {meta['snapshot']:,}"
    findings = [Finding("standings", "ok", facts)]
    if age > STALE_AFTER:
        remedy = "is a worker running? its log says why it does not write"
        findings = [Finding("standings", "fail", facts, remedy)]
    elif meta["next_revision"]:
        done = f"{meta['next_partitions']} of {len(snapshot.offsets)} partitions"
        facts += f"; new rules ({meta['next_revision']}) are under way: {done} have them"
        remedy = "restart the workers that have the old rules; the old standings stay until then"
        findings = [Finding("standings", "warn", facts, remedy)]
    elif meta["older_partitions"]:
        facts += f"; {meta['older_partitions']} partitions are counted by older rules "
        facts += f"({meta['older_revision']}) than those of the standings ({meta['revision']})"
        findings = [Finding("standings", "fail", facts, _raise_above(int(meta["revision"])))]
    elif news > 3 * STALE_AFTER:
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
    elif log and meta.get("log") and meta["log"] != log:
        what, _, remedy = another_log(settings.results_topic, settings.epoch).partition(": ")
        findings.append(Finding("log", "fail", what, remedy))
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
    elif theirs[0].isdecimal() and int(theirs[0]) > int(ours[0]):
        # Standings never go back to lower rules, whatever is restarted.
        remedy = _raise_above(int(theirs[0]))
        if split_revision(int(theirs[0]))[0] > split_revision(int(ours[0]))[0]:
            remedy = "a newer program has counted them: install it here"
    elif str(meta.get("next_revision")) == ours[0]:
        return Finding("rules", "ok", f"revision {ours[0]} ({ours[1]}) here; it is being counted")
    facts = f"here {ours[0]} ({ours[1]}), in the standings {theirs[0]} ({theirs[1]})"
    return Finding("rules", "fail", facts, remedy)


def _raise_above(revision: int) -> str:
    """Return what to do where standings have these rules and a catalogue has older ones."""
    _, catalogue = split_revision(revision)
    return (
        f"raise the revision of the catalogue above {catalogue}, also to go back to what it was "
        "before, and restart workers"
    )


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
        unread = [it for it in body.get("warnings", ()) if "cannot be read" in it]
        if unread:
            return Finding(name, "warn", f"ready, {listed}; {'; '.join(unread)}", DAMAGED)
        return Finding(name, "ok", f"ready, {listed}")
    problems = "; ".join(map(str, body.get("problems", ()))) or f"HTTP status {status}"
    if body.get("mirror_problem"):
        problems += f"; mirror: {body['mirror_problem']}"
    remedy = DAMAGED if "cannot be read" in problems else "see its log"
    return Finding(name, "fail", f"not ready ({listed}): {problems}", remedy)


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


async def scan_results(
    settings: CommonSettings, catalogue: Catalogue, notes: Notes, progress: Progress
) -> tuple[Scan | None, list[Finding]]:
    """Read the whole topic: what nobody meant, and conflicts."""
    try:
        async with open_topic(settings) as topic:
            found = await scan(topic, catalogue, notes, progress)
    except TopicUnavailable as error:
        return None, [Finding("conflicts", "warn", f"unknown: {error.problem}", error.remedy)]
    return found, [*_implausible(found.found), _conflicts(found)]


#: What findings of a kind are called, and what an official does about them.
_KINDS: Final[Mapping[Kind, tuple[str, str]]] = {
    "unrecognised": (
        "unknown events",
        "name them in the catalogue (sports.SPORT.events), raise its revision and restart the "
        "workers; or send their results under a name that it knows",
    ),
    "order": (
        "order of marks",
        "set their order in the catalogue, raise its revision and restart the workers",
    ),
    "look_alikes": (
        "look-alike events",
        "send all results under one of the names, then withdraw those of the other: "
        "medallero withdraw --from FILE",
    ),
    "heats_as_finals": (
        "several finals of one event",
        "a timed final in heats is one unit: send it under one name and withdraw the rest; of "
        "several finals, correct the phase: medallero correct … --phase other",
    ),
    "shared_medals": (
        "several medals of one faculty",
        "a team is one result: send it as one and withdraw its members "
        "(medallero withdraw --from FILE); leave it if they tied",
    ),
    "ranks_and_marks": (
        "ranks beside marks",
        "give all results of a unit a rank, or none: medallero correct … --rank N, or --clear rank",
    ),
    "ranks": ("ranks", "medallero correct … --rank N, or --clear rank"),
    "far_mark": ("marks far from the others", "medallero correct … --mark MARK"),
    "drawn": (
        "finals that nobody wins",
        "medallero correct … --outcome won, and lost; leave it if both were honoured",
    ),
    "contradiction": (
        "contradictions",
        "take one of the two away: medallero correct … --clear irm, or --clear mark, rank or "
        "outcome; of a bout that two have won: medallero correct … --outcome lost",
    ),
    "unknown_irm": (
        "unknown invalid-result marks",
        "medallero correct … --irm DNS, DNF or DSQ; or say in the catalogue's irm what they mean",
    ),
    "phases": ("phases", "medallero correct … --phase PHASE, for those that are wrong"),
    "conflict": ("conflicts", ""),  # told by the pass itself, with their places
    "no_medal": (
        "medals that nobody takes",
        "correct ranks or outcomes (medallero correct …, with --close-up after a "
        "disqualification); leave it if the place is vacant",
    ),
}


def _implausible(found: Gathered) -> Iterator[Finding]:
    for kind, (name, remedy) in _KINDS.items():
        count = found.counts[kind]
        if not count or not remedy:
            continue
        lines = [f"{it.sport}: {it.words}" for it in found.examples[kind]]
        told = sum(weight(it) for it in found.examples[kind])
        if count > told:
            lines.append(f"and {count - told:,} more")
        yield Finding(name, "warn", f"{count:,} found\n" + "\n".join(lines), remedy)


def _conflicts(found: Scan) -> Finding:
    if not found.conflicts:
        return Finding("conflicts", "ok", "none")
    lines = list(found.conflict_lines)
    if found.conflicts > len(lines):
        lines.append(f"and {found.conflicts - len(lines):,} more")
    facts = f"{found.conflicts:,} with two contents in one version\n" + "\n".join(lines)
    remedy = "look at them with `medallero history`, settle each with `medallero correct`"
    return Finding("conflicts", "warn", facts, remedy)


async def read_notes(settings: CommonSettings, catalogue: Catalogue, most: int) -> Notes:
    """Read the notes of rejected records, the latest *most* of them.

    :raises TopicUnavailable: they cannot be read.
    """
    notes: dict[tuple[int, int], Note] = {}
    async with open_topic(settings, settings.rejected_topic) as topic:
        bounds = await topic.bounds()
        since = {it: max(bounds.begins[it], end - most) for it, end in bounds.ends.items()}
        async for batch in topic.read(bounds.ends, since):
            for record in batch:
                note = _note_of(record, catalogue)
                # Replays write a note again, so its place decides.
                notes.pop(note.place, None)
                notes[note.place] = note
    total = sum(bounds.ends.values()) - sum(bounds.begins.values())
    return Notes(total, list(notes.values()))


def check_rejected(
    settings: CommonSettings, notes: Notes, found: Scan | None, *, same_rules: bool
) -> list[Finding]:
    """Which records of the topic are no results, and which of those that were not are by now."""
    findings = []
    others = notes.latest if found is None else [it for it in notes.latest if not found.counts(it)]
    if counting := len(notes.latest) - len(others):
        facts = f"{counting:,} records that were rejected are results by the present catalogue"
        if same_rules:
            findings.append(Finding("rejected before", "ok", f"{facts}, and count"))
        else:
            facts += ", not by that of the workers"
            remedy = "restart the workers with this catalogue: they read the topic again"
            findings.append(Finding("rejected before", "warn", facts, remedy))
    refused = notes.total if found is None else len(found.refused)
    if not refused and not others:
        return [*findings, Finding("rejected", "ok", "no records that are not results")]
    what = "notes of records" if found is None else "records"
    lines = dict.fromkeys(it.words for it in others[-LISTED:])
    facts = f"{refused:,} {what} that are not results; the latest:\n" + "\n".join(lines)
    if found is not None and all(it.digest in found.sent for it in others) and others:
        return [*findings, Finding("rejected", "ok", f"{facts}\nAll of them were sent again.")]
    remedy = (
        f"they count for nothing; whoever writes to {settings.results_topic!r} should use the "
        "gateway"
    )
    if sendable := sendable_of(notes, found):
        remedy += (
            f". The gateway would take {len(sendable):,} of them: "
            "medallero doctor --rejected FILE, then medallero send FILE"
        )
    return [*findings, Finding("rejected", "warn", facts, remedy)]


def sendable_of(notes: Notes, found: Scan | None) -> list[bytes]:
    """Return the rejected records that the gateway would take and nobody has sent again."""
    if found is None:
        return []
    values = {
        it.digest: it.value
        for it in notes.latest
        if it.value is not None and it.digest not in found.sent and not found.counts(it)
    }
    return list(values.values())


def _note_of(record: RawRecord, catalogue: Catalogue) -> Note:
    try:
        note = msgspec.json.decode(record.value or b"", type=_RawNote)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Note((-1, record.offset), "a note that cannot be read", None, None)
    words = f"{note.field}: {note.error}" if note.field else note.error
    words += _cut("key", note.key) + _cut("value", note.value)
    value = _sendable(note.value, catalogue)
    return Note(
        (note.partition, note.offset),
        plain(f"{note.partition}/{note.offset}: {words}"),
        value,
        None if value is None else digest_of(value),
    )


class _Kept(msgspec.Struct):
    """What a note keeps of a key or value; ``length``: of the whole, where it is only a part."""

    base64: str = ""
    length: int | None = None


class _RawNote(msgspec.Struct):
    partition: int
    offset: int
    field: str = ""
    error: str = ""
    key: _Kept | None = None
    value: _Kept | None = None


def _cut(part: str, kept: _Kept | None) -> str:
    if kept is None or kept.length is None:
        return ""
    beginning = len(kept.base64) * 3 // 4 - kept.base64[-2:].count("=")
    return f" (of its {part}'s {kept.length:,} bytes the note has the first {beginning:,})"


def _sendable(value: _Kept | None, catalogue: Catalogue) -> bytes | None:
    """Return the value as the gateway would write it, if it would take it."""
    if value is None or value.length is not None:
        return None
    try:
        return encode(parse_result(msgspec.json.decode(base64.b64decode(value.base64)), catalogue))
    except (ValueError, RecursionError):  # msgspec's, base64's and ours
        return None


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
