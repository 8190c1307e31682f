"""kubectl understands each of its lines in the documentation, and what they name is there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.kubernetes import tools
from tests.kubernetes.rendered import ROOT, Cluster, name_of, namespace_of, overlays, rendered

pytestmark = pytest.mark.system

PAGES = ("kubernetes.md", "clusters.md")
#: Nobody listens there: kubectl comes so far only with a line that it understands.
NOWHERE = "--server=http://127.0.0.1:1"
#: What a line reads that stands behind a pipe.
ANYTHING = '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "any"}}'
#: Made by people, or by operators.
NOT_IN_OVERLAYS = {"job", "namespace"}


def commands() -> Iterator[tuple[str, str]]:
    """Yield the lines of kubectl, and the page of each."""
    for page in PAGES:
        text = (ROOT / "docs" / page).read_text("utf-8")
        blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
        prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
        # The name of a command alone is no line to type.
        spans = re.findall(r"`(kubectl [^`\n]* --[^`\n]*)`", prose)
        lines = [line for it in blocks for line in it.replace("\\\n", " ").splitlines()]
        for line in [*lines, *spans]:
            for part in re.sub(r"\s#.*", "", line).split("|"):
                if part.strip().startswith("kubectl "):
                    yield page, part.strip()


ALL = sorted(set(commands()))


@pytest.mark.parametrize(("page", "command"), ALL, ids=[command for _page, command in ALL])
def test_kubectl_understands_it(page: str, command: str) -> None:
    words = ["sh", "-c", f'set -- {command}; shift; exec "$KUBECTL" {NOWHERE} "$@"']
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={"KUBECTL": str(tools.kubectl()), "HOME": "/nonexistent", "PATH": "/usr/bin:/bin"},
        input=ANYTHING,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    last = done.stderr.strip().splitlines()[-1:]
    assert "refused" in "".join(last), f"{page}: {done.stdout or done.stderr}"


@pytest.mark.parametrize(("page", "command"), ALL, ids=[command for _page, command in ALL])
def test_what_it_names_is_there(page: str, command: str) -> None:
    namespace = re.search(r"--namespace (\S+)", command)
    for kind, name in re.findall(r"\b([a-z]+)/([a-z][\w-]*)\b(?!/)", command):
        if kind in NOT_IN_OVERLAYS or "--kustomize" in command or "--filename" in command:
            continue
        assert namespace, f"{page}: {command}"
        assert any(has(rendered(it), kind, name, namespace[1]) for it in overlays()), command
    for path in re.findall(r"--(?:kustomize|filename) (k8s/\S+)", command):
        assert (ROOT / path).exists(), command


def has(cluster: Cluster, kind: str, name: str, namespace: str) -> bool:
    return any(
        (it["kind"].lower(), name_of(it), namespace_of(it)) == (kind, name, namespace)
        for it in cluster.objects
    )


def test_there_are_lines() -> None:
    assert len(ALL) > 20
