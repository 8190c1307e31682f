"""Each process may use what is mounted for it, also where a new volume is root's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from tests.kubernetes.policy.rules import rule
from tests.kubernetes.rendered import Cluster, shown

#: The user and group of Strimzi's image; their volume's group is 0 (BaselinePodSecurityProvider).
_STRIMZI: Final = {"runAsUser": 1001, "runAsGroup": 0}
_GROUP_OF_STRIMZIS_VOLUMES: Final = 0


class Mount(NamedTuple):
    """What is mounted, and for whom."""

    where: str
    #: `disk`, `scratch` (an emptyDir), or `file` (of a map or a Secret)
    kind: str
    user: int | None
    group: int | None
    fs_group: int | None
    #: of files
    mode: int = 0o644

    @property
    def owner(self) -> tuple[int, int]:
        """Whose it is as the kubelet hands it over: a new file system is root's."""
        return 0, self.fs_group or 0

    @property
    def permissions(self) -> int:
        """What the kubelet leaves of permissions: it opens a disk to `fsGroup`, if there is one."""
        if self.kind == "scratch":
            return 0o777
        if self.kind == "disk":
            return 0o755 if self.fs_group is None else 0o2775
        return self.mode if self.fs_group is None else self.mode | 0o440

    @property
    def groups(self) -> set[int]:
        """The groups of the process."""
        return {it for it in (self.group, self.fs_group) if it is not None}

    @property
    def is_usable(self) -> bool:
        """Whether the process can write to a directory, or read a file."""
        wanted = 0o4 if self.kind == "file" else 0o3
        allowed = self.permissions & 0o7
        if self.owner[1] in self.groups:
            allowed = self.permissions >> 3 & 0o7
        return allowed & wanted == wanted


@rule
def every_process_may_use_what_is_mounted(cluster: Cluster) -> Iterator[str]:
    for it in mounts(cluster):
        if it.user is None or it.group is None:
            yield f"{it.where}: the manifest does not say whose process it is"
        elif not it.is_usable:
            yield f"{it.where}: {it.user}:{it.group} may not use it, fsGroup {it.fs_group}"


@rule
def strimzi_gives_volumes_their_group(cluster: Cluster) -> Iterator[str]:
    for it in cluster.of("Kafka", "KafkaNodePool"):
        of_kafka = it["spec"].get("kafka", it["spec"])
        context = of_kafka.get("template", {}).get("pod", {}).get("securityContext")
        if context is not None and "fsGroup" not in context:
            yield f"{shown(it)}: a context of its own replaces Strimzi's, with the volume's group"


def mounts(cluster: Cluster) -> Iterator[Mount]:
    """Yield all mounts that a process writes to, or whose files it reads."""
    for pods in cluster.pods():
        claims = {
            it["metadata"]["name"] for it in pods.owner["spec"].get("volumeClaimTemplates", [])
        }
        volumes = {it["name"]: it for it in pods.spec.get("volumes", [])}
        for container in pods.containers:
            context = {
                **pods.spec.get("securityContext", {}),
                **container.get("securityContext", {}),
            }
            for it in container.get("volumeMounts", []):
                where = f"{pods}: {it['mountPath']}"
                volume = volumes.get(it["name"], {})
                if it["name"] in claims or "persistentVolumeClaim" in volume:
                    yield _mount(where, "disk", context)
                elif "emptyDir" in volume:
                    yield _mount(where, "scratch", context)
                else:
                    for mode in _modes(volume):
                        yield _mount(where, "file", context, mode)
    for pool in cluster.of("KafkaNodePool"):
        template = pool["spec"].get("template", {})
        own = template.get("pod", {}).get("securityContext")
        context = {**_STRIMZI, **(own or {"fsGroup": _GROUP_OF_STRIMZIS_VOLUMES})}
        for it in pool["spec"]["storage"]["volumes"]:
            yield _mount(f"{shown(pool)}: volume {it['id']}", "disk", context)
    for it in cluster.of("Prometheus"):
        yield _mount(f"{shown(it)}: its volume", "disk", it["spec"].get("securityContext", {}))


def _mount(where: str, kind: str, context: Mapping[str, Any], mode: int = 0o644) -> Mount:
    ids = (context.get(it) for it in ("runAsUser", "runAsGroup", "fsGroup"))
    user, group, fs_group = ids
    return Mount(where, kind, user, group, fs_group, mode)


def _modes(volume: Mapping[str, Any]) -> Iterator[int]:
    """Yield the modes of a volume's files."""
    for kind in ("configMap", "secret", "projected"):
        if kind in volume:
            yield volume[kind].get("defaultMode", 0o644)
