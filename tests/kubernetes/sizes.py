"""What an overlay asks of a cluster: ``python -m tests.kubernetes.sizes`` shows the table."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from tests.kubernetes.policy.pods import size
from tests.kubernetes.policy.scaling import numbers
from tests.kubernetes.rendered import Cluster, Object, name_of, overlays, rendered

_MIB: Final = 2**20
_GIB: Final = 2**30


class Asked(NamedTuple):
    """A pod's requests and memory limit; `apart`: no two of that name on one node."""

    cpu: float
    memory: float
    limit: float
    apart: str = ""


class Machines(NamedTuple):
    """Nodes of one kind, and what of each is the system's own."""

    number: int
    cpu: float
    memory: float
    system_cpu: float
    system_memory: float

    def __str__(self) -> str:
        return f"{self.number} x {self.cpu:g} CPU, {self.memory / _GIB:g} GiB"


#: Strimzi's operator, as its chart asks for it.
_STRIMZI: Final = Asked(0.2, 384 * _MIB, 384 * _MIB)

#: Machines that are tried in this order. On one's own machine Kubernetes has 1 GiB. A provider
#: keeps as much of a node as GKE does (a quarter of 4 GiB, a fifth of the next 4, and so on), and
#: its own pods ask for memory, too.
MACHINES: Final = (
    Machines(1, 2, 4 * _GIB, 0.9, 1 * _GIB),
    Machines(3, 2, 8 * _GIB, 0.6, 2.5 * _GIB),
    Machines(3, 4, 16 * _GIB, 0.6, 3.4 * _GIB),
    Machines(3, 8, 32 * _GIB, 0.6, 4.4 * _GIB),
    Machines(3, 16, 64 * _GIB, 0.6, 6.3 * _GIB),
)


def asked(cluster: Cluster, most: bool) -> list[Asked]:
    """Return what the pods ask for that are anywhere: as few as may be, or as many."""
    found = [_STRIMZI]
    for pods in cluster.pods():
        if pods.kind in ("Deployment", "StatefulSet"):
            found += [_of_containers(pods.containers)] * numbers(cluster, pods)[most]
    for it in cluster.of("KafkaNodePool"):
        one = _of_containers([it["spec"]])._replace(apart=name_of(it))
        found += [one] * it["spec"]["replicas"]
    for it in cluster.of("Kafka"):
        operators = it["spec"]["entityOperator"]
        found.append(_of_containers([operators["topicOperator"], operators["userOperator"]]))
    for it in cluster.of("Prometheus"):
        found += [_of_containers([it["spec"]])] * it["spec"]["replicas"]
    return found


def on_each_node(cluster: Cluster) -> list[Asked]:
    """Return what the pods ask for that are on every node."""
    return [_of_containers(it.containers) for it in cluster.pods() if it.kind == "DaemonSet"]


def disks(cluster: Cluster) -> float:
    """Return the bytes of all volumes."""
    total = 0.0
    for pods in cluster.pods():
        for claim in pods.owner["spec"].get("volumeClaimTemplates", []):
            total += size(claim["spec"]["resources"]["requests"]["storage"])
    for it in cluster.of("KafkaNodePool"):
        for volume in it["spec"]["storage"]["volumes"]:
            total += size(volume["size"]) * it["spec"]["replicas"]
    for it in cluster.of("PersistentVolumeClaim"):
        total += size(it["spec"]["resources"]["requests"]["storage"])
    for it in cluster.of("Prometheus"):
        claim = it["spec"]["storage"]["volumeClaimTemplate"]
        total += size(claim["spec"]["resources"]["requests"]["storage"])
    return total


def fits(cluster: Cluster, machines: Machines, most: bool) -> bool:
    """Tell whether all pods find a node, the largest first, each where most memory is free."""
    daemons = on_each_node(cluster)
    cpu = machines.cpu - machines.system_cpu - sum(it.cpu for it in daemons)
    memory = machines.memory - machines.system_memory - sum(it.memory for it in daemons)
    free = [[cpu, memory] for _ in range(machines.number)]
    there: list[set[str]] = [set() for _ in free]
    for it in sorted(asked(cluster, most), key=lambda one: (one.memory, one.cpu), reverse=True):
        room = [
            number
            for number, (cpu, memory) in enumerate(free)
            if it.cpu <= cpu and it.memory <= memory and it.apart not in there[number]
        ]
        if not room:
            return False
        best = max(room, key=lambda number: free[number][1])
        free[best][0] -= it.cpu
        free[best][1] -= it.memory
        if it.apart:
            there[best].add(it.apart)
    return True


def table() -> str:
    """Return what each overlay asks for as a table for the documentation."""
    lines = [
        "| overlay | pods | CPU, requested | memory, requested | memory, limit | disks | fits on "
        "| scaled out |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for overlay in overlays():
        cluster = rendered(overlay)
        least, most = (asked(cluster, it) for it in (False, True))
        daemons = len(on_each_node(cluster))
        each = f", {daemons} a node" if daemons else ""
        smallest, scaled_out = (
            next((it for it in MACHINES if fits(cluster, it, most)), None) for most in (False, True)
        )
        lines.append(
            f"| `{overlay}` | {_range(len(least), len(most))}{each} "
            f"| {_range(_sum(least, 'cpu'), _sum(most, 'cpu'))} "
            f"| {_range(_sum(least, 'memory'), _sum(most, 'memory'))} GiB "
            f"| {_range(_sum(least, 'limit'), _sum(most, 'limit'))} GiB "
            f"| {disks(cluster) / _GIB:.0f} GiB | {smallest} | {scaled_out} |"
        )
    return "\n".join(lines) + "\n"


def _sum(pods: list[Asked], field: str) -> float:
    total = sum(float(getattr(it, field)) for it in pods)
    return round(total if field == "cpu" else total / _GIB, 1)


def _range(least: float, most: float) -> str:
    return f"{least:g}" if least == most else f"{least:g} to {most:g}"


def _of_containers(containers: list[Object]) -> Asked:
    resources = [it["resources"] for it in containers]
    return Asked(
        sum(_cpus(it["requests"]["cpu"]) for it in resources),
        sum(size(it["requests"]["memory"]) for it in resources),
        sum(size(it["limits"]["memory"]) for it in resources),
    )


def _cpus(quantity: str | int) -> float:
    match = re.fullmatch(r"([\d.]+)(m?)", str(quantity))
    assert match is not None, quantity
    return float(match[1]) / (1000 if match[2] else 1)


if __name__ == "__main__":
    print(table(), end="")
