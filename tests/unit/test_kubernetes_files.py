"""What k8s/ repeats of other files is what they say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml

from k8s.generate import RULES, SELF_SIGNED, rules, self_signed

ROOT = Path(__file__).parents[2]


def test_the_operators_rules_are_those_of_prometheus() -> None:
    assert RULES.read_text("utf-8") == rules(), "python -m k8s.generate writes them"


def test_only_the_proof_of_who_kubelets_are_differs_where_they_sign_for_themselves() -> None:
    text = SELF_SIGNED.read_text("utf-8")

    assert text == self_signed(), "python -m k8s.generate writes it"
    proven, unproven = (
        yaml.safe_load(it)
        for it in ((ROOT / "prometheus" / "kubernetes.yml").read_text("utf-8"), text)
    )
    changed = []
    for one, other in zip(proven["scrape_configs"], unproven["scrape_configs"], strict=True):
        if one != other:
            assert other.pop("tls_config") == {"insecure_skip_verify": True}
            assert one.pop("tls_config").keys() == {"ca_file"}
            assert one == other
            changed.append(one["job_name"])
    assert changed == ["cadvisor", "kubelet"]


def test_the_users_of_the_stores_are_those_of_the_documentation_and_of_grafana() -> None:
    places = ("docs/guide/security.md", "docs/guide/weather.md", "grafana/redis-user.acl")
    text = "".join((ROOT / it).read_text("utf-8") for it in places)
    wanted = dict(re.findall(r"^(?:ACL SETUSER|user) (\S+) on >\S+ (.*)$", text, re.MULTILINE))

    def users(text: str) -> dict[str, str]:
        return dict(re.findall(r"^ +user (\S+) on >\S+ (.*)$", text, re.MULTILINE))

    plain = users(_made("games"))
    redis, valkey = _made("--weather", "games").split("name: valkey-users")

    games = {"medallero-worker", "medallero-reader", "grafana"}
    assert plain.keys() == {*games, "admin"}
    assert users(redis).keys() == {*games, "admin", "medallero-weather-worker"}
    assert users(valkey).keys() == {"medallero-weather-consumer", "grafana"}
    for made in (plain, users(redis)):
        assert {name: rules for name, rules in made.items() if name != "admin"}.items() <= (
            wanted.items()
        )
    consumer = "medallero-weather-consumer"
    assert users(valkey)[consumer] == wanted[consumer]
    # Only its own keys, of which Grafana sees all.
    assert users(valkey)["grafana"] == wanted["grafana"].replace("~olympics:* ", "")


def test_secrets_are_others_each_time_and_no_two_are_the_same() -> None:
    texts = [re.findall(r' "(\S{32})"$', _made("games"), re.MULTILINE) for _ in range(2)]

    assert len(texts[0]) == 7
    assert len({*texts[0], *texts[1]}) == 14


def test_without_a_namespace_it_says_how_it_is_used() -> None:
    done = subprocess.run([ROOT / "k8s/make-secrets"], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (2, "")
    assert "kubectl create -f -" in done.stderr


def _made(*arguments: str) -> str:
    command = [str(ROOT / "k8s/make-secrets"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
