"""A real control plane of Kubernetes on this machine, whose nodes and pods kwok pretends.

The API server with its admission, the controllers and the scheduler are Kubernetes' own. There is
no kubelet: pods are ready as soon as they have a node, and nothing runs in them.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from medallero.embedded.processes import Command, Process
from tests.cluster.build import programs
from tests.kubernetes import tools
from tests.kubernetes.rendered import Object
from tests.kubernetes.tools import GoModule, go_module
from tests.support.certificates import make_certificate
from tests.support.ports import free_port
from tests.support.waiting import wait_until

#: Patience with a machine that others use too, in seconds.
PATIENCE: Final = 180.0

_TOKEN: Final = "tests"
_KWOK: Final = GoModule(
    "sigs.k8s.io/kwok", "v0.8.0", "h1:OTIOTwgROqPMovcTwxICx2eYQ4AwLpSx5EpjbDKF4SQ="
)
#: How nodes and pods come to be ready, and go.
_STAGES: Final = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
)
_DEFINITIONS: Final = (
    "strimzi-*.yaml",
    "keda.sh_scaledobjects.yaml",
    "keda.sh_triggerauthentications.yaml",
    "monitoring.coreos.com_podmonitors.yaml",
    "monitoring.coreos.com_prometheuses.yaml",
    "monitoring.coreos.com_prometheusrules.yaml",
    "monitoring.coreos.com_servicemonitors.yaml",
)
_ZONES: Final = ("a", "b", "c")


class Refused(RuntimeError):
    """kubectl failed; its words."""


class ControlPlane:
    """A running control plane, and kubectl for it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = free_port()
        self._certificate = make_certificate(directory / "certificates")
        self._processes: dict[str, Process] = {}
        self._kubeconfig = directory / "kubeconfig"

    def start(self) -> None:
        """Start everything and wait until nodes are ready."""
        self._write_files()
        etcd, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self._run(
            "etcd",
            f"--data-dir={self._directory / 'etcd'}",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            # Nothing of it has to survive a power failure.
            "--unsafe-no-fsync",
        )
        certificate, key = self._certificate.certificate, self._certificate.key
        self._run(
            "kube-apiserver",
            f"--etcd-servers={etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._port}",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            f"--cert-dir={self._directory}",
            "--authorization-mode=RBAC",
            f"--token-auth-file={self._directory / 'tokens.csv'}",
            # There is no address under which pods would find it.
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._directory / 'accounts.pub'}",
            f"--service-account-signing-key-file={self._directory / 'accounts.key'}",
            "--profiling=false",
        )
        wait_until(self._answers, timeout=PATIENCE, what=lambda: self.logs())
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self._kubeconfig}",
            f"--service-account-private-key-file={self._directory / 'accounts.key'}",
            f"--root-ca-file={self._certificate.ca}",
            "--leader-elect=false",
            "--secure-port=0",
            # Claims are bound to directories of this machine, which nobody writes to.
            "--enable-hostpath-provisioner=true",
            # Soon: the tests wait for it.
            "--horizontal-pod-autoscaler-sync-period=1s",
        )
        self._run(
            "kube-scheduler",
            f"--kubeconfig={self._kubeconfig}",
            "--leader-elect=false",
            "--secure-port=0",
        )
        stages = go_module(_KWOK) / "kustomize" / "stage"
        self._run(
            "kwok",
            f"--kubeconfig={self._kubeconfig}",
            *(f"--config={stages / it}" for it in _STAGES),
            "--manage-all-nodes=true",
            "--node-lease-duration-seconds=40",
            f"--server-address=127.0.0.1:{free_port()}",
        )
        self._make_place()

    def stop(self) -> None:
        """End everything; nothing of it is wanted any more."""
        for name in ("kwok", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"):
            if name in self._processes:
                # In order would take a minute.
                self._processes[name].kill()

    def memory(self) -> dict[str, int]:
        """Return the most memory (bytes) that each program has had."""
        most: dict[str, int] = {}
        for name, process in self._processes.items():
            for pid in _family(process.pid):
                for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        most[name] = max(most.get(name, 0), int(line.split()[1]) * 1024)
        return most

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run kubectl and return what it printed.

        :raises Refused: it failed.
        """
        done = self._kubectl(*arguments, stdin=stdin)
        if done.returncode != 0:
            raise Refused(f"kubectl {' '.join(map(str, arguments))}: {done.stderr or done.stdout}")
        return done.stdout

    def warnings(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run kubectl and return what it said on standard error.

        :raises Refused: it failed.
        """
        done = self._kubectl(*arguments, stdin=stdin)
        if done.returncode != 0:
            raise Refused(done.stderr)
        return done.stderr

    def differs(self, text: str) -> str:
        """Return what applying objects would change; empty if nothing."""
        done = self._kubectl("diff", "--server-side", "--filename=-", stdin=text)
        if done.returncode not in (0, 1):
            raise Refused(done.stderr)
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """Return what kubectl gets, from JSON."""
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def apply(self, objects: Iterable[Object] | str, *more: str) -> str:
        """Apply objects server-side; return the warnings that came with it."""
        text = objects if isinstance(objects, str) else as_text(objects)
        return self.warnings("apply", "--server-side", "--filename=-", *more, stdin=text)

    def watch(self, path: str, timeout: float) -> Iterator[Object]:
        """Yield the events of a watch (the path has its query), until nothing came for so long."""
        request = urllib.request.Request(
            f"https://127.0.0.1:{self._port}{path}", headers={"Authorization": f"Bearer {_TOKEN}"}
        )
        context = ssl.create_default_context(cafile=self._certificate.ca)
        with urllib.request.urlopen(request, timeout=timeout, context=context) as answer:
            for line in answer:
                yield json.loads(line)

    def logs(self) -> str:
        """Return the ends of the programs' logs."""
        return "\n\n".join(
            f"{name}:\n{process.log_tail(15)}" for name, process in self._processes.items()
        )

    def _kubectl(
        self, *arguments: str | Path, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [tools.kubectl(), f"--kubeconfig={self._kubeconfig}", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env={**os.environ, "HOME": str(self._directory)},
        )

    def _answers(self) -> bool:
        process = self._processes["kube-apiserver"]
        if process.exit_code is not None:
            raise AssertionError(f"the API server ended:\n{process.log_tail(30)}")
        return self._kubectl("get", "--raw=/readyz").returncode == 0

    def _run(self, name: str, *arguments: str) -> None:
        command = Command((str(programs() / name), *arguments), self._directory / f"{name}.log")
        self._processes[name] = Process(command)

    def _write_files(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        (self._directory / "accounts.key").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        )
        (self._directory / "accounts.pub").write_bytes(
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        (self._directory / "tokens.csv").write_text(f"{_TOKEN},tests,tests,system:masters\n")
        self._kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "tests",
                    "contexts": [
                        {"name": "tests", "context": {"cluster": "tests", "user": "tests"}}
                    ],
                    "users": [{"name": "tests", "user": {"token": _TOKEN}}],
                    "clusters": [
                        {
                            "name": "tests",
                            "cluster": {
                                "server": f"https://127.0.0.1:{self._port}",
                                "certificate-authority": str(self._certificate.ca),
                            },
                        }
                    ],
                }
            )
        )

    def _make_place(self) -> None:
        """Make nodes in three zones, a class of storage, and the kinds of the operators."""
        nodes = [
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {
                    "name": f"node-{number}",
                    "labels": {
                        "kubernetes.io/hostname": f"node-{number}",
                        "kubernetes.io/os": "linux",
                        "topology.kubernetes.io/zone": _ZONES[number % len(_ZONES)],
                    },
                },
            }
            for number in range(6)
        ]
        storage = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": "standard",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "kubernetes.io/host-path",
        }
        self.apply([*nodes, storage])
        for pattern in _DEFINITIONS:
            for file in sorted(tools.definitions().glob(pattern)):
                self.kubectl("apply", "--server-side", f"--filename={file}")
        self.kubectl("wait", "--for=condition=Established", "crd", "--all", _timeout())
        self.kubectl("wait", "--for=condition=Ready", "node", "--all", _timeout())


@contextmanager
def running_control_plane(directory: Path, tell: Callable[[str], None]) -> Iterator[ControlPlane]:
    """Run a control plane of its own; in the end, tell what it cost."""
    started = time.monotonic()
    plane = ControlPlane(directory)
    try:
        plane.start()
        tell(f"ready after {time.monotonic() - started:.1f} s")
        yield plane
        most = {name: round(size / 2**20) for name, size in plane.memory().items()}
        shown = ", ".join(f"{name} {size}" for name, size in most.items())
        tell(f"{time.monotonic() - started:.1f} s in all")
        tell(f"at most {sum(most.values())} MiB: {shown}")
    finally:
        plane.stop()


def as_text(objects: Iterable[Object]) -> str:
    """Return objects as text that kubectl reads."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


def _timeout() -> str:
    return f"--timeout={PATIENCE:.0f}s"


def _family(pid: int) -> list[int]:
    """Return a process and its children: a program may be the child of what holds it to us."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]
