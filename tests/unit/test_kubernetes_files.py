"""What k8s/ repeats of other files is what they say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from k8s.generate import RULES, rules

ROOT = Path(__file__).parents[2]


def test_the_operators_rules_are_those_of_prometheus() -> None:
    assert RULES.read_text("utf-8") == rules(), "python -m k8s.generate writes them"


def test_the_users_of_redis_are_those_of_the_documentation_and_of_grafana() -> None:
    page = (ROOT / "docs/guide/security.md").read_text("utf-8")
    grafana = (ROOT / "grafana/redis-user.acl").read_text("utf-8")
    wanted = re.findall(r"^(?:ACL SETUSER|user) (\S+) on >\S+ (.*)$", page + grafana, re.MULTILINE)

    made = re.findall(r"^ +user (\S+) on >\S+ (.*)$", _made("games"), re.MULTILINE)

    assert len(wanted) == 3
    assert dict(wanted).items() <= dict(made).items()
    # One more, for people; and nobody without a name.
    assert dict(made).keys() - dict(wanted).keys() == {"admin"}


def test_secrets_are_others_each_time_and_no_two_are_the_same() -> None:
    texts = [re.findall(r' "(\S{32})"$', _made("games"), re.MULTILINE) for _ in range(2)]

    assert len(texts[0]) == 5
    assert len({*texts[0], *texts[1]}) == 10


def test_without_a_namespace_it_says_how_it_is_used() -> None:
    done = subprocess.run([ROOT / "k8s/make-secrets"], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (2, "")
    assert "kubectl create -f -" in done.stderr


def _made(namespace: str) -> str:
    command = [str(ROOT / "k8s/make-secrets"), namespace]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
