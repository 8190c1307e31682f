"""Both of the course's documents can be deployed into one cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kubernetes.rendered import Object, name_of, namespace_of, rendered, shown

pytestmark = pytest.mark.system

#: What private-registry changes, and what of the two is applied last decides.
PULLING = ("image", "imagePullSecrets")


def without_images(value: object) -> object:
    """Return an object without where its images come from."""
    if isinstance(value, dict):
        return {key: without_images(it) for key, it in value.items() if key not in PULLING}
    return [without_images(it) for it in value] if isinstance(value, list) else value


def test_what_both_have_is_the_same() -> None:
    one, other = (
        {(it["kind"], namespace_of(it), name_of(it)): it for it in rendered(overlay).objects}
        for overlay in ("course", "course-weather")
    )

    shared = one.keys() & other.keys()
    assert {it[1] for it in shared} == {"", "monitoring"}
    for key in shared:
        assert without_images(one[key]) == without_images(other[key]), key


def taken(it: Object) -> Iterator[tuple[object, ...]]:
    """Yield what an object takes of the whole cluster: ports of nodes, paths of an Ingress."""
    for port in it["spec"].get("ports", []) if it["kind"] == "Service" else []:
        if "nodePort" in port:
            yield "port of the nodes", port["nodePort"]
    for rule in it["spec"].get("rules", []) if it["kind"] == "Ingress" else []:
        for path in rule["http"]["paths"]:
            yield "path", it["spec"]["ingressClassName"], rule.get("host", ""), path["path"]


def test_neither_takes_what_the_other_has() -> None:
    of_whom: dict[tuple[object, ...], str] = {}
    for overlay in ("course", "course-weather"):
        for it in rendered(overlay).of("Service", "Ingress"):
            for thing in taken(it):
                assert of_whom.setdefault(thing, overlay) == overlay, f"{shown(it)}: {thing}"
    assert ("port of the nodes", 32000) in of_whom
