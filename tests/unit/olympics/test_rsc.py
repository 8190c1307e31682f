"""Codes of the Olympic Data Feed: their shape, and the phase that they give by default."""

from __future__ import annotations

import pytest

from olympics.rsc import default_phase, parse_rsc


def test_a_code_falls_into_its_parts() -> None:
    rsc = parse_rsc("SWMM4X100MFR----------HEAT000100--")
    assert rsc == ("SWM", "M", "4X100MFR----------", "HEAT", "000100--")


@pytest.mark.parametrize(
    "unit",
    [
        "BK3WTEAM3-------------GPA-000100--",
        "ATHMDECATH------------LJ----------",
        "TTEXTEAM--------------FNL-00010000",
        "GYMMTEAM----------------------------"[:34],
    ],
)
def test_codes_of_all_sports_have_this_shape(unit: str) -> None:
    assert parse_rsc(unit) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SWMM100MBA",
        "SWMM100MBA------------HEAT000100-",
        "SWMM100MBA------------HEAT000100---",
        "swmm100mba------------heat000100--",
        "SWMQ100MBA------------HEAT000100--",
        "SWMM100MBA-------------FNL000100--",
        "SWMM100MBA------------F-NL000100--",
        "SWMM100MBA------------HEAT--000100",
        "SWMM100MBA ÁÁÁÁÁÁÁÁÁÁ-HEAT000100--",
        "SWMM100MBA------------HEAT000100-\n",
        "the 100 m of the newest swimmers, 1",
    ],
)
def test_other_texts_are_no_codes(text: str) -> None:
    assert parse_rsc(text) is None
    assert default_phase(text) == "round"


@pytest.mark.parametrize(
    ("unit", "phase"),
    [
        ("SWMM100MBA------------FNL-000100--", "final"),
        ("SWMM100MBA------------SFNL000200--", "semifinal"),
        ("SWMM100MBA------------HEAT000100--", "round"),
        ("BOXMO92KG-------------8FNL000100--", "round"),
        ("BOXMO92KG-------------QFNL000100--", "round"),
        ("FBLMTEAM11------------FNL-000200--", "round"),
        ("FBLMTEAM11------------GPA-000100--", "round"),
    ],
)
def test_a_code_gives_a_default_phase(unit: str, phase: str) -> None:
    assert default_phase(unit) == phase
