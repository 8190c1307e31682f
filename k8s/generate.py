"""Writes what `k8s/` has of Prometheus' files in another form.

``python -m k8s.generate``; a test compares the files with what this would write.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

_ROOT: Final = Path(__file__).parents[1]
RULES: Final = _ROOT / "k8s" / "components" / "monitoring-operator" / "rules.yaml"
SELF_SIGNED: Final = _ROOT / "k8s" / "components" / "self-signed-kubelets" / "prometheus.yml"
_HEAD: Final = "# Generated from prometheus/rules/ by `python -m k8s.generate`; do not edit it.\n"


def rules() -> str:
    """Return the text of the PrometheusRule: the groups of all files in ``prometheus/rules/``."""
    groups: list[Any] = []
    for file in sorted((_ROOT / "prometheus" / "rules").glob("*.yml")):
        groups += yaml.safe_load(file.read_text("utf-8"))["groups"]
    resource = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "medallero",
            "namespace": "monitoring",
            "labels": {
                "app.kubernetes.io/name": "medallero",
                "app.kubernetes.io/part-of": "medallero",
            },
        },
        "spec": {"groups": groups},
    }
    text = yaml.safe_dump(resource, sort_keys=False, allow_unicode=True, width=100)
    return f"{_HEAD}{text}"


def self_signed() -> str:
    """Return Prometheus' configuration without the proof of who the kubelets are."""
    text = (_ROOT / "prometheus" / "kubernetes.yml").read_text("utf-8")
    line = "      ca_file: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt\n"
    head = (
        "# Generated from prometheus/kubernetes.yml by `python -m k8s.generate`; do not edit it.\n"
    )
    return head + text.replace(line, "      insecure_skip_verify: true\n")


if __name__ == "__main__":
    RULES.write_text(rules(), "utf-8")
    SELF_SIGNED.write_text(self_signed(), "utf-8")
