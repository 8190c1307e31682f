"""YAML as Kubernetes reads it."""

from __future__ import annotations

from typing import Any

import yaml


class _Loader(yaml.CSafeLoader):
    """YAML 1.1, but for a lone ``=``, which is text and not a value of a kind of its own."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _loader, node: node.value)


def load_all(text: str) -> list[Any]:
    """Return the documents of a text that are not empty."""
    return [it for it in yaml.load_all(text, Loader=_Loader) if it is not None]
