"""A rule looks at an overlay's objects and says what is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from pydantic import ValidationError

from tests.kubernetes.rendered import Cluster

#: Yields one sentence for each thing that is wrong.
Rule = Callable[[Cluster], Iterator[str]]

_RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    """Make a function one of the rules, under its name."""
    _RULES[function.__name__] = function
    return function


def all_rules() -> dict[str, Rule]:
    """Return every rule by name."""
    from tests.kubernetes.policy import (
        kafka,
        monitoring,
        network,
        pods,
        scaling,
        settings,
        volumes,
        wiring,
    )

    assert all((kafka, monitoring, network, pods, scaling, settings, volumes, wiring))
    return dict(_RULES)


def broken(cluster: Cluster) -> dict[str, list[str]]:
    """Return what each rule finds wrong, of those that do."""
    found = {}
    for name, function in all_rules().items():
        # Some rules need the settings, and one of them says what is wrong with these.
        with contextlib.suppress(ValidationError):
            found[name] = list(function(cluster))
    return {name: it for name, it in found.items() if it}
