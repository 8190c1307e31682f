"""NetworkPolicies let through the flows of `flows.yml`, and nothing else."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.kubernetes.policy.rules import rule
from tests.kubernetes.policy.wiring import ports_of
from tests.kubernetes.reading import load_all
from tests.kubernetes.rendered import Cluster, Object, Pods, name_of, namespace_of, selects

_FILE: Final = Path(__file__).with_name("flows.yml")
#: A port that nobody listens to, so that nobody needs a way there.
_NO_PORT: Final = 9999


class Way(NamedTuple):
    """A protocol and a port."""

    protocol: str
    port: int

    def __str__(self) -> str:
        return f"{self.port}/{self.protocol}"


class Party(NamedTuple):
    """Who may be an end of a flow: pods, or an address outside."""

    name: str
    #: what flows.yml calls it
    roles: frozenset[str]
    namespace: str
    labels: Mapping[str, str]
    address: str
    ports: Mapping[str | None, int]

    @property
    def is_ours(self) -> bool:
        return "every" in self.roles


@rule
def traffic_that_is_needed_is_allowed(cluster: Cluster) -> Iterator[str]:
    yield from missing_flows(cluster, "any")


@rule
def no_other_traffic_is_allowed(cluster: Cluster) -> Iterator[str]:
    yield from needless_flows(cluster, "any")


@rule
def every_address_in_a_setting_is_a_flow(cluster: Cluster) -> Iterator[str]:
    parties = _parties(cluster)
    for pods in cluster.pods():
        (one,) = [it for it in parties if it.name == str(pods)]
        for container in pods.containers:
            for name, value in cluster.configuration(pods, container).items():
                for service, way in _addresses(cluster, pods, value):
                    for other in parties:
                        if (
                            other.is_ours
                            and other.namespace == namespace_of(service)
                            and selects({"matchLabels": service["spec"]["selector"]}, other.labels)
                            # Its own address, told to others.
                            and other != one
                            and not _is_needed(cluster, one, other, way, "any")
                        ):
                            yield f"{pods}: {name} leads to {other.name}, and no flow does"


def missing_flows(cluster: Cluster, platform: str) -> Iterator[str]:
    """Yield the flows that are needed on a platform, and that policies do not let through."""
    for one, other, ways in _pairs(cluster):
        needed = [it for it in ways if _is_needed(cluster, one, other, it, platform)]
        blocked = _blocked(cluster, one, other, needed)
        for way in needed:
            if way in blocked:
                yield f"{one.name} does not reach {other.name} at {way}: {blocked[way]}"


def needless_flows(cluster: Cluster, platform: str) -> Iterator[str]:
    """Yield what policies let through, and nobody needs."""
    leaving, coming = (_governed(cluster, it) for it in ("Egress", "Ingress"))
    for one, other, ways in _pairs(cluster):
        if one.namespace not in leaving:
            if other.namespace not in coming:
                continue
            # It may go where it likes, as if it were not ours.
            one = one._replace(roles=one.roles | {"anyone"})
        blocked = _blocked(cluster, one, other, ways)
        for way in ways:
            if way not in blocked and not _is_needed(cluster, one, other, way, platform):
                yield f"{one.name} reaches {other.name} at {way}, for which it has no need"


def platforms() -> list[str]:
    """Return the names of the platforms whose ways are known."""
    return list(_data()["platforms"])


def table() -> str:
    """Return the flows as tables for the documentation."""
    lines = ["| from | to | ports | known from |", "| --- | --- | --- | --- |"]
    for it in _data()["flows"]:
        ports = ", ".join(map(str, it.get("ports", ["the platform's"])))
        lines.append(f"| {it['from']} | {it['to']} | {ports} | {it['known_from']} |")
    lines += ["", "| platform | names | API server | known from |", "| --- | --- | --- | --- |"]
    for name, it in _data()["platforms"].items():
        names = ", ".join(f"{one} {port}" for one, port in it["names"].items())
        ports = ", ".join(map(str, it["api-server"]))
        lines.append(f"| {name} | {names} | {ports} | {it['known_from']} |")
    return "\n".join(lines) + "\n"


@cache
def _data() -> Any:
    (content,) = load_all(_FILE.read_text("utf-8"))
    return content


def _parties(cluster: Cluster) -> list[Party]:
    found = []
    for pods in (*cluster.pods(), *cluster.made_by_operators()):
        component = pods.labels.get("app.kubernetes.io/component", "")
        roles = {"every", component} if component else {"every"}
        if "strimzi.io/pool-name" in pods.labels:
            roles.add("kafka-node")
            if pods.labels["strimzi.io/broker-role"] == "true":
                roles.add("kafka-broker")
        elif pods.labels.get("strimzi.io/name", "").endswith("-entity-operator"):
            roles.add("entity-operator")
        # Policies do not reach what is on the node's own network.
        if pods.spec.get("hostNetwork"):
            node = _data()["outside"]["node"]["address"]
            found.append(Party(str(pods), frozenset({component, "anyone"}), "", {}, node, {}))
        else:
            ports = ports_of(pods)
            found.append(Party(str(pods), frozenset(roles), pods.namespace, pods.labels, "", ports))
    for name, it in _data()["outside"].items():
        found.append(
            Party(
                name,
                frozenset({name, "anyone"}),
                it.get("namespace", ""),
                it.get("labels", {}),
                it.get("address", ""),
                {},
            )
        )
    return found


def _pairs(cluster: Cluster) -> Iterator[tuple[Party, Party, list[Way]]]:
    """Yield whatever somebody could try, of which one end at least is ours."""
    parties = _parties(cluster)
    ports: set[int] = set()
    for it in _data()["platforms"].values():
        ports |= {*it["names"].values(), *it["api-server"]}
    # One replica and another of the same, too.
    for one, other in itertools.product(parties, parties):
        if one.is_ours or (other.is_ours and one != other):
            tried = {_NO_PORT, *(other.ports.values() if other.is_ours else ports)}
            yield (
                one,
                other,
                [
                    *(Way("TCP", it) for it in sorted(tried)),
                    *(Way("UDP", it) for it in (53, 5353)),
                ],
            )


def _is_needed(cluster: Cluster, one: Party, other: Party, way: Way, platform: str) -> bool:
    here = _data()["platforms"][platform]
    for it in _data()["flows"]:
        if it["from"] not in one.roles:
            continue
        if "with" in it and not any(cluster.of(it["with"])):
            continue
        if it["to"] == "names":
            if here["names"].get(other.name) == way.port:
                return True
        elif it["to"] == "api-server":
            # Its address is not known, so the way is open to whoever is outside.
            if way.protocol == "TCP" and way.port in here["api-server"] and not other.is_ours:
                return True
        elif it["to"] in other.roles and way.protocol == "TCP" and way.port in it["ports"]:
            return True
    return False


def _governed(cluster: Cluster, direction: str) -> set[str]:
    """Return the namespaces in which our policies are to say who may come, or go."""
    return {
        namespace_of(it)
        for it in cluster.of("NetworkPolicy")
        if direction in it["spec"].get("policyTypes", ["Ingress"])
    }


def _blocked(cluster: Cluster, one: Party, other: Party, ways: list[Way]) -> dict[Way, str]:
    """Return the ways that NetworkPolicies block from *one* to *other*, and which end does."""
    blocked: dict[Way, str] = {}
    if not ways:
        return blocked
    for direction, subject, peer, field in (
        ("Ingress", other, one, "from"),
        ("Egress", one, other, "to"),
    ):
        policies = _policies(cluster, subject, direction)
        open_ = [
            rule_.get("ports")
            for it in policies
            for rule_ in it.get(direction.lower(), [])
            if _peers(cluster, rule_.get(field), peer, subject.namespace)
        ]
        for way in ways:
            if policies and not any(_ports_allow(it, other, way) for it in open_):
                blocked[way] = f"no policy of {subject.name} allows it ({direction.lower()})"
    return blocked


def _policies(cluster: Cluster, subject: Party, direction: str) -> list[Any]:
    if not subject.is_ours:
        return []
    return [
        it["spec"]
        for it in (*cluster.of("NetworkPolicy"), *_of_strimzi(cluster))
        if namespace_of(it) == subject.namespace
        and selects(it["spec"]["podSelector"], subject.labels)
        and direction in it["spec"].get("policyTypes", ["Ingress"])
    ]


def _of_strimzi(cluster: Cluster) -> Iterator[Object]:
    """Yield the policies that Strimzi makes (`generateNetworkPolicy`)."""
    for kafka in cluster.of("Kafka"):
        nodes = {"podSelector": {"matchLabels": {"strimzi.io/name": f"{name_of(kafka)}-kafka"}}}
        entities = {
            "podSelector": {"matchLabels": {"strimzi.io/name": f"{name_of(kafka)}-entity-operator"}}
        }
        operator = {
            "podSelector": {"matchLabels": {"strimzi.io/kind": "cluster-operator"}},
            "namespaceSelector": {},
        }
        for subject, ways in (
            (
                nodes,
                [
                    {"ports": [{"port": 9090}], "from": [nodes, operator]},
                    {"ports": [{"port": 9091}], "from": [nodes, operator, entities]},
                    {"ports": [{"port": 8443}], "from": [operator]},
                    *(
                        {"ports": [{"port": it["port"]}], "from": it.get("networkPolicyPeers")}
                        for it in kafka["spec"]["kafka"]["listeners"]
                    ),
                ],
            ),
            (entities, [{"ports": [{"port": 8080}, {"port": 8081}]}]),
        ):
            spec = {**subject, "policyTypes": ["Ingress"], "ingress": ways}
            yield {"metadata": kafka["metadata"], "spec": spec}


def _ports_allow(ports: list[Any] | None, other: Party, way: Way) -> bool:
    return ports is None or any(
        it.get("protocol", "TCP") == way.protocol
        and other.ports.get(it["port"], it["port"]) == way.port
        for it in ports
    )


def _peers(cluster: Cluster, peers: list[Any] | None, party: Party, namespace: str) -> bool:
    if not peers:
        return True
    for it in peers:
        if "ipBlock" in it:
            # Of pods no address is known: blocks are for who is outside.
            if party.address and _within(party.address, it["ipBlock"]):
                return True
            continue
        if party.address:
            continue
        if "namespaceSelector" in it:
            there = cluster.get("Namespace", party.namespace)
            labels = dict(there["metadata"].get("labels", {})) if there else {}
            labels["kubernetes.io/metadata.name"] = party.namespace
            if not selects(it["namespaceSelector"], labels):
                continue
        elif party.namespace != namespace:
            continue
        if selects(it.get("podSelector", {}), party.labels):
            return True
    return False


def _within(address: str, block: Mapping[str, Any]) -> bool:
    number = ipaddress.ip_address(address)
    return number in ipaddress.ip_network(block["cidr"]) and not any(
        number in ipaddress.ip_network(it) for it in block.get("except", [])
    )


def _addresses(cluster: Cluster, pods: Pods, value: str) -> Iterator[tuple[Object, Way]]:
    """Yield the Services that a value names, and the ports of their pods."""
    for host, port in re.findall(r"([a-z][\w.-]*):(\d+)\b", value):
        name, _, rest = host.partition(".")
        service = cluster.get("Service", name, rest.partition(".")[0] or pods.namespace)
        if service is None and name.endswith("-kafka-bootstrap"):
            selector = {"strimzi.io/cluster": name.removesuffix("-kafka-bootstrap")}
            selector["strimzi.io/broker-role"] = "true"
            yield (
                {"metadata": {"namespace": pods.namespace}, "spec": {"selector": selector}},
                Way("TCP", int(port)),
            )
        elif service is not None:
            yield service, Way("TCP", int(port))


if __name__ == "__main__":
    print(table(), end="")
