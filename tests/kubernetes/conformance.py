"""What the schemas of Kubernetes, Strimzi, KEDA and the Prometheus operator say of objects."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from tests.kubernetes import tools

_CUSTOM: Final = "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"


class Verdict(NamedTuple):
    """How many objects were looked at and skipped, and what is wrong, a sentence each."""

    looked_at: int
    skipped: int
    problems: list[str]


def conformance(*files: Path, kubernetes: str = tools.KUBERNETES) -> Verdict:
    """Compare files of objects with their schemas; a kind without a schema is a problem."""
    done = subprocess.run(
        [
            tools.kubeconform(),
            "-strict",
            "-output=json",
            "-verbose",
            f"-kubernetes-version={kubernetes}",
            "-schema-location",
            f"{tools.schema_directory()}/{{{{.NormalizedKubernetesVersion}}}}-standalone"
            "{{.StrictSuffix}}/{{.ResourceKind}}{{.KindSuffix}}.json",
            "-schema-location",
            f"{tools.definitions()}/schemas/{_CUSTOM}",
            *files,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    resources = json.loads(done.stdout)["resources"]
    problems = [
        f"{it['filename']}: {it['kind']}/{it['name']}: {it['msg']}"
        for it in resources
        if it["status"] in ("statusInvalid", "statusError")
    ]
    skipped = sum(it["status"] == "statusSkipped" for it in resources)
    return Verdict(len(resources), skipped, problems)
