"""Pods of the manifests as processes of this machine.

What a pod is comes from the rendered manifests: command, environment, mounts, ports, probes, times.
Only places are put in others' stead: a directory of the test for each path that is mounted, a free
port for each that a container listens on, and a server of the test for each Service.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from medallero.embedded.processes import Command, Process
from tests.kubernetes.rendered import Cluster, Object, Pods
from tests.support.ports import free_port
from tests.support.waiting import wait_until

_HOST: Final = "127.0.0.1"
_ROOT: Final = Path(__file__).parents[2]


@dataclass
class Place:
    """What a pod finds around it.

    *secrets* are by name, *services* say where a name and port of the cluster lead here
    (``redis:6379``), *programs* which file here stands for a program of another image.
    """

    cluster: Cluster
    directory: Path
    secrets: Mapping[str, Mapping[str, str]]
    services: dict[str, str] = field(default_factory=dict)
    programs: Mapping[str, Path] = field(default_factory=dict)


class Pod:
    """One pod of a workload, with one container; ``start`` makes a process of it.

    Its directories stay as they are from start to start, but those of an ``emptyDir``, which are
    the pod's own: a container that ends is started again in the same pod.
    """

    def __init__(self, place: Place, workload: Pods, name: str) -> None:
        (self.container,) = workload.containers
        self.name = name
        self._place = place
        self._workload = workload
        self._root = place.directory / name
        self._log = place.directory / f"{name}.log"
        ports = self.container.get("ports", [])
        self.ports = {it["name"]: free_port() for it in ports}
        self._moved = {str(it["containerPort"]): str(self.ports[it["name"]]) for it in ports}
        #: where what is mounted is here
        self.mounts = {
            it["mountPath"]: self._root / it["mountPath"].lstrip("/")
            for it in self.container["volumeMounts"]
        }
        for mount in self.container["volumeMounts"]:
            self._mount(mount, self.mounts[mount["mountPath"]])
        self.process: Process | None = None

    @property
    def grace(self) -> float:
        """Seconds that the kubelet gives the pod to end, ``preStop`` included."""
        return float(self._workload.spec["terminationGracePeriodSeconds"])

    @property
    def sleep(self) -> float:
        """Seconds that pass before the signal, while the pod is already taken out of Services."""
        hook = self.container.get("lifecycle", {}).get("preStop", {})
        return float(hook.get("sleep", {}).get("seconds", 0))

    def start(self, *more: str, **instead: str) -> None:
        """Start the container.

        *more* are arguments that it takes besides; *instead* are variables that are wrong on
        purpose.
        """
        assert self.process is None or self.process.exit_code is not None
        environment = {**_image_environment(), **self.environment(), **instead}
        environment |= {name: str(self.mounts["/tmp"]) for name in ("HOME", "TMPDIR")}
        # The image's working directory is /tmp as well.
        argv = (*self._command(), *more)
        self.process = Process(Command(argv, self._log, environment, self.mounts["/tmp"]))

    def probe(self, kind: str) -> str | None:
        """Ask once what the kubelet would; return what is wrong, None if nothing."""
        probe = self.container[f"{kind}Probe"]
        timeout = float(probe.get("timeoutSeconds", 1))
        if "httpGet" in probe:
            asked = probe["httpGet"]
            return _http_problem(self.ports[asked["port"]], asked["path"], timeout)
        words = [self._here(it) for it in probe["exec"]["command"]]
        text = " ".join(words[2:])
        for program, file in self._place.programs.items():
            own = str(file)
            if program.endswith("-cli"):
                own += f" -h {_HOST} -p {next(iter(self.ports.values()))}"
            text = re.sub(rf"\b{program}\b", own, text)
        done = subprocess.run(
            [*words[:2], text], capture_output=True, text=True, timeout=60, check=False
        )
        return None if done.returncode == 0 else done.stdout + done.stderr

    def wait_for(self, kind: str) -> None:
        """Wait until a probe succeeds. A machine of tests is slower than the probe's patience."""
        process = self.process
        assert process is not None

        def succeeds_or_ended() -> bool:
            return process.exit_code is not None or self.probe(kind) is None

        wait_until(
            succeeds_or_ended,
            timeout=120,
            what=lambda: f"{self.name}: {kind}: {self.probe(kind)}\n{process.log_tail(40)}",
        )
        assert process.exit_code is None, f"{self.name} ended:\n{process.log_tail(40)}"

    def stop(self) -> int | None:
        """Send the signal; return the exit code, None if the kubelet would have had to kill it.

        The grace period includes ``preStop``, which has passed.
        """
        assert self.process is not None
        self.process.send(signal.SIGTERM)
        return self.process.wait(self.grace - self.sleep)

    def kill(self) -> None:
        """End it at once, as a node's failure would."""
        if self.process is not None:
            self.process.kill()

    def run(self, **instead: str) -> tuple[int, str]:
        """Start a container that is expected to end by itself; return its exit code and words."""
        self.start(**instead)
        assert self.process is not None
        try:
            code = self.process.wait(60)
            assert code is not None, f"it goes on:\n{self.process.log_tail(40)}"
            return code, self.process.log_tail(100)
        finally:
            self.kill()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Make a request at the port ``http``; return the status and the answer's JSON."""
        connection = http.client.HTTPConnection(_HOST, self.ports["http"], timeout=30)
        try:
            data = None if body is None else json.dumps(body)
            sent = {} if body is None else {"Content-Type": "application/json"}
            connection.request(method, path, data, sent | dict(headers or {}))
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def log(self) -> str:
        """Return the end of its output."""
        return "" if self.process is None else self.process.log_tail(60)

    def environment(self) -> dict[str, str]:
        """Return the container's variables as the kubelet makes them, with places of here."""
        namespace = self._workload.namespace
        found: dict[str, str] = {}
        for source in self.container.get("envFrom", []):
            name = source["configMapRef"]["name"]
            data = self._object("ConfigMap", name, namespace)["data"]
            found |= data
        for it in self.container.get("env", []):
            # A variable may name those before it: $(NAME).
            text = self._value(it)
            found[it["name"]] = re.sub(
                r"\$\((\w+)\)", lambda match: found.get(match[1], match[0]), text
            )
        return {name: self._here(value) for name, value in found.items()}

    def _command(self) -> tuple[str, ...]:
        words = [self._here(str(it)) for it in self.container.get("args", [])]
        if words and words[0] in self._place.programs:
            return (str(self._place.programs[words[0]]), *words[1:])
        return (*_entrypoint(), *words)

    def _value(self, variable: Object) -> str:
        if "value" in variable:
            return str(variable["value"])
        source = variable["valueFrom"]
        if "secretKeyRef" in source:
            wanted = source["secretKeyRef"]
            return self._place.secrets[wanted["name"]][wanted["key"]]
        assert source["fieldRef"]["fieldPath"] == "metadata.name", source
        return self.name

    def _here(self, text: str) -> str:
        """Put what is here in the place of what is in the cluster."""
        text = text.replace("0.0.0.0", _HOST)
        # In one go, since what is put in has such names in it again.
        mounts = "|".join(map(re.escape, sorted(self.mounts, key=len, reverse=True)))
        text = re.sub(
            rf"(?<![\w.])({mounts})(?=/|$|\s)", lambda match: str(self.mounts[match[1]]), text
        )
        for address, here in self._place.services.items():
            text = re.sub(rf"(?<![\w.-]){re.escape(address)}(?!\d)", here, text)
        # Its own address, and its own ports.
        text = re.sub(rf"{re.escape(self.name)}\.[\w-]+(?=:\d)", _HOST, text)
        for there, own in self._moved.items():
            if text == there or text.endswith(f"{_HOST}:{there}"):
                text = text.removesuffix(there) + own
        return text

    def _mount(self, mount: Object, here: Path) -> None:
        claims = self._workload.owner["spec"].get("volumeClaimTemplates", [])
        if any(it["metadata"]["name"] == mount["name"] for it in claims):
            here.mkdir(parents=True)
            return
        (volume,) = [it for it in self._workload.spec["volumes"] if it["name"] == mount["name"]]
        if "emptyDir" in volume:
            here.mkdir(parents=True)
            return
        if "persistentVolumeClaim" in volume:
            # Several pods may have it.
            claim = self._place.directory / volume["persistentVolumeClaim"]["claimName"]
            claim.mkdir(exist_ok=True)
            here.parent.mkdir(parents=True, exist_ok=True)
            here.symlink_to(claim)
            return
        files = self._files(volume)
        if sub := mount.get("subPath"):
            files, here = {here.name: files[sub]}, here.parent
        for name, content in files.items():
            file = here / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, "utf-8")

    def _files(self, volume: Object) -> dict[str, str]:
        sources = volume["projected"]["sources"] if "projected" in volume else [volume]
        files: dict[str, str] = {}
        for source in sources:
            if "secret" in source:
                wanted = source["secret"]
                name = wanted.get("secretName") or wanted["name"]
                content = self._place.secrets[name]
            else:
                wanted = source["configMap"]
                found = self._object("ConfigMap", wanted["name"], self._workload.namespace)
                content = {key: self._here(text) for key, text in found["data"].items()}
            # A key that is asked for and not there keeps the pod from starting.
            items = wanted.get("items") or [{"key": key, "path": key} for key in content]
            files |= {it["path"]: content[it["key"]] for it in items}
        return files

    def _object(self, kind: str, name: str, namespace: str) -> Object:
        found = self._place.cluster.get(kind, name, namespace)
        assert found is not None, f"{kind} {name} is not in the manifests"
        return found


def workload(cluster: Cluster, component: str) -> Pods:
    """Return what makes the pods of a component."""
    (found,) = [
        it for it in cluster.pods() if it.labels["app.kubernetes.io/component"] == component
    ]
    return found


def made_secrets(namespace: str, tokens: Path) -> dict[str, dict[str, str]]:
    """Return all that ``k8s/make-secrets`` prints, by name, as a pod would see it."""
    from tests.kubernetes.reading import load_all

    printed = subprocess.run(
        [_ROOT / "k8s" / "make-secrets", "--weather", namespace, tokens],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    made: dict[str, dict[str, str]] = {}
    for it in load_all(printed):
        plain = dict(it.get("stringData", {}))
        plain |= {key: base64.b64decode(text).decode() for key, text in it.get("data", {}).items()}
        made[it["metadata"]["name"]] = plain
    return made


class Sender:
    """Sends results, one after the other, while its block runs; knows which were acknowledged."""

    def __init__(self, pod: Pod, token: str, name: str) -> None:
        self._pod = pod
        self._headers = {"Authorization": f"Bearer {token}"}
        self._name = name
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send)
        #: units that were answered with 202, in order
        self.acknowledged: list[str] = []
        #: answers of another kind: a status, or that there was none
        self.others: list[str] = []

    def __enter__(self) -> Sender:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._thread.join()

    def wait_for_more(self, number: int = 50) -> None:
        """Wait until so many more are acknowledged."""
        goal = len(self.acknowledged) + number
        wait_until(
            lambda: len(self.acknowledged) >= goal, what=lambda: f"{self.others}\n{self._pod.log()}"
        )

    def _send(self) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            unit = f"{self._name} {number}"
            try:
                status, _ = self._pod.request("POST", "/v1/results", a_result(unit), self._headers)
            except (OSError, http.client.HTTPException) as error:
                self.others.append(type(error).__name__)
                self._over.wait(0.05)
                continue
            if status == 202:
                self.acknowledged.append(unit)
            else:
                self.others.append(str(status))


def a_result(unit: str) -> dict[str, Any]:
    """Return a good result of a unit."""
    return {
        "sport": "swimming",
        "unit": unit,
        "competitor": {"id": "8", "name": "Ana"},
        "faculty": "engineering",
        "mark": "55.78",
    }


def _http_problem(port: int, path: str, timeout: float) -> str | None:
    connection = http.client.HTTPConnection(_HOST, port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()
    # As the kubelet has it.
    return None if 200 <= response.status < 400 else f"{response.status}: {text}"


def _entrypoint() -> tuple[str, ...]:
    """Return what the image runs before a container's ``args``."""
    text = (_ROOT / "Dockerfile").read_text("utf-8")
    (words,) = re.findall(r"^ENTRYPOINT (\[.*\])$", text, re.MULTILINE)
    program, *more = json.loads(words)
    assert program == "medallero"
    found = shutil.which(program, path=str(Path(sys.executable).parent))
    assert found is not None
    return (found, *more)


def _image_environment() -> dict[str, str]:
    """Return the settings that the image brings."""
    text = (_ROOT / "Dockerfile").read_text("utf-8")
    return {
        name: value.replace("0.0.0.0", _HOST)
        for name, value in re.findall(r"\b(MEDALLERO_\w+)=(\S+)", text)
    }
