"""Which paths take records: the gateway's own, the course's, and those of the setting."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from pydantic import ValidationError

from gateway.paths import (
    COURSE,
    OWN,
    PathsError,
    RecordPath,
    canonical_path,
    nearest_paths,
    parse_paths,
    record_paths,
)
from gateway.settings import GatewaySettings
from olympics.catalogue import load_catalogue, make_catalogue

CATALOGUE = load_catalogue()
OTHER = make_catalogue(
    """
    revision = 1
    [sports.judo]
    title = "Judo"
    code = "JUD"
    order = "head-to-head"
    [faculties.law]
    title = "Law"
    """
)


def test_every_built_in_path_is_in_the_form_in_which_paths_are_compared() -> None:
    for path in (*OWN, *COURSE):
        assert canonical_path(path) == path
    assert not OWN.keys() & COURSE.keys()


def test_the_setting_says_what_a_path_takes_and_how_it_answers() -> None:
    assert parse_paths(
        """
        /Medicina/ entry faculty=medicine status=200, /bulk result
        /anybody  entry nameless=true
        /tiempo report status=200,,
        """
    ) == {
        "/medicina": RecordPath("entry", "medicine", 200),
        "/bulk": RecordPath("result"),
        "/anybody": RecordPath("entry", nameless=True),
        "/tiempo": RecordPath("report", status=200),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/a", "'/a': expected for example"),
        ("entry /a", "'entry' is not a path"),
        ("/a entries", "'entries': expected result, entry or report"),
        ("/a entry status=201", "expected status=200 or status=202, got '201'"),
        ("/a entry nameless=yes", "expected nameless=true or nameless=false"),
        ("/a entry faculty", "'faculty' is not an option"),
        ("/a entry colour=red", "unknown option 'colour'"),
        ("/a entry status=200 status=202", "'status' is there twice"),
        ("/a entry, /A/ result", "'/A/' is there twice"),
        ("/a result faculty=law", "only a path of entries"),
        ("/v1/results entry", "the gateway's own"),
        ("/V1/anything entry", "the gateway's own"),
        ("/v1 entry", "the gateway's own"),
        ("/a?b=c entry", "without any of"),
        ("/\u65e5\u672c entry", "is not a path"),
    ],
)
def test_a_setting_that_cannot_be_understood_is_refused(text: str, words: str) -> None:
    with pytest.raises(PathsError) as error:
        parse_paths(text)
    assert words in str(error.value)
    with pytest.raises(ValidationError):
        GatewaySettings(paths=text)


def test_a_faculty_is_one_of_the_catalogue() -> None:
    paths = record_paths("/i entry faculty=Ingeniería", CATALOGUE, reports=False)

    assert paths["/i"].faculty == "engineering"
    with pytest.raises(PathsError, match="there is no faculty 'law'; expected engineering"):
        record_paths("/l entry faculty=law", CATALOGUE, reports=False)


def test_a_built_in_path_gives_no_faculty_that_the_catalogue_lacks() -> None:
    paths = record_paths("", OTHER, reports=False)

    assert paths["/ingenieria"] == RecordPath("entry", None, 200)


def test_the_setting_can_change_a_built_in_path() -> None:
    paths = record_paths("/Student entry", CATALOGUE, reports=False)

    assert paths["/student"] == RecordPath("entry", status=202)


def test_paths_of_reports_are_there_where_reports_are_taken() -> None:
    with_reports = record_paths("/tiempo report", CATALOGUE, reports=True)
    without = record_paths("", CATALOGUE, reports=False)

    assert {"/tiempo", "/clima", "/input", "/v1/reports"} <= with_reports.keys()
    assert not {it for it, path in without.items() if path.kind == "report"}
    with pytest.raises(PathsError, match="MEDALLERO_WEATHER_WRITERS"):
        record_paths("/tiempo report", CATALOGUE, reports=False)


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ("/healthz entry", "/healthz is one of the gateway's own paths"),
        ("/Metrics entry", "/metrics is one of the gateway's own paths"),
        ("/page/app.js entry", "/page/app.js is one of the gateway's own paths"),
        ("/l entry faculty=law", "/l: there is no faculty 'law'"),
        ("/l entries", "expected result, entry or report"),
    ],
)
def test_a_gateway_whose_paths_cannot_be_used_does_not_start(paths: str, words: str) -> None:
    environment = {**os.environ, "MEDALLERO_PATHS": paths, "MEDALLERO_HTTP_PORT": "0"}
    environment |= {"MEDALLERO_GRPC_PORT": "0", "MEDALLERO_KAFKA": "127.0.0.1:1"}

    ended = subprocess.run(
        (sys.executable, "-m", "medallero", "gateway"),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode != 0
    assert words in ended.stderr
    assert "MEDALLERO_PATHS" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_nearest_paths_are_those_that_look_alike() -> None:
    known = [*OWN, *COURSE]

    assert nearest_paths("/Ingeneria/", known)[0] == "/ingenieria"
    assert nearest_paths("/x", known) == []
    assert len(nearest_paths("/student", known)) <= 3
