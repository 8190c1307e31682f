"""Weather reports for property tests: few ids, places and times, so that they get in one
another's way."""

from __future__ import annotations

from hypothesis import strategies as st

from weather.report import PlaceKind, Report

IDS = tuple(f"r{number}" for number in range(12))
WEATHERS = ("lluvioso", "nublado", "soleado")
PLACES: dict[PlaceKind, tuple[str, ...]] = {
    "country": ("GT", "MX", "CÔTE D'IVOIRE"),
    "municipality": ("mixco", "guatemala", "amatitlán"),
}


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Any report of the few."""
    kind: PlaceKind = draw(st.sampled_from(("country", "municipality")))
    return Report(
        id=draw(st.sampled_from(IDS)),
        place_kind=kind,
        place=draw(st.sampled_from(PLACES[kind])),
        weather=draw(st.sampled_from(WEATHERS)),
        at=draw(st.sampled_from((0, 1, 59_999, 60_000, 1_700_000_000_000))),
        description=draw(st.sampled_from(("", "a", "Está lloviendo"))),
        temperature=draw(st.none() | st.integers(-10_000, 10_000)),
        humidity=draw(st.none() | st.integers(0, 10_000)),
    )
