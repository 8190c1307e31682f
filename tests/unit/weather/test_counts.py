"""What reports come to, by examples; and the oracle, whose word the other tests take."""

from __future__ import annotations

from weather.counts import Counts, summarise
from weather.recount import recount
from weather.report import Report, encode, parse_report
from weather.summary import Measured
from weather.survivors import Survivors


def tweet(report_id: str, country: str, weather: str, *, at: int = 0) -> Report:
    raw = {"description": "Está lloviendo", "country": country, "weather": weather}
    return parse_report(raw, report_id=report_id, at=at)


def station(
    report_id: str, municipality: str, temperature: float, humidity: float, at: int = 0
) -> Report:
    raw = {
        "municipality": municipality,
        "temperature": temperature,
        "humidity": humidity,
        "weather": "sunny",
    }
    return parse_report(raw, report_id=report_id, at=at)


def test_tweets_are_counted_by_country_and_weather() -> None:
    tweets = [
        tweet("1", "GT", "Lluvioso"),
        tweet("2", "gt", "lluvioso", at=60_000),
        tweet("3", "MX", "Nublado"),
    ]

    summary = recount(map(encode, tweets)).summary

    assert summary.reports == 3
    assert summary.places == {("country", "GT"): 2, ("country", "MX"): 1}
    assert summary.weathers == {"lluvioso": 2, "nublado": 1}
    assert summary.pairs == {
        ("country", "GT", "lluvioso"): 2,
        ("country", "MX", "nublado"): 1,
    }
    assert summary.minutes == {0: 2, 1: 1}
    assert summary.measured == {}
    assert summary.top() == [("GT", 2), ("MX", 1)]


def test_stations_have_means_and_extremes_by_municipality() -> None:
    summary = recount(
        encode(it)
        for it in (
            station("1", "mixco", 20.5, 40),
            station("2", "mixco", 30, 50.25),
            station("3", "amatitlan", -1.25, 99.96),
        )
    ).summary

    mixco = summary.measured["temperature", "municipality", "mixco"]
    assert mixco == Measured(values=2, sum=5050, lowest=205, highest=300)
    assert mixco.mean == 25.25
    assert summary.measured["humidity", "municipality", "amatitlan"].highest == 1000
    everywhere = summary.overall("temperature")
    assert everywhere == Measured(values=3, sum=4925, lowest=-12, highest=300)
    assert summary.overall("temperature", "country") is None
    assert summary.conditions == {("municipality", "sunny"): 3}


def test_an_extreme_that_is_corrected_gives_way_to_the_next() -> None:
    counts = Counts()
    wrong, right = station("1", "mixco", 99, 10), station("1", "mixco", 21, 10)
    counts.apply(station("2", "mixco", 25, 10))
    counts.apply(wrong)

    counts.replace(wrong, right)

    measured = summarise(counts.cells).measured["temperature", "municipality", "mixco"]
    assert measured == Measured(values=2, sum=4600, lowest=210, highest=250)


def test_equal_counts_are_listed_by_name() -> None:
    tweets = [
        tweet("1", "SV", "x"),
        tweet("2", "GT", "x"),
        tweet("3", "GT", "x"),
        tweet("4", "MX", "x"),
    ]

    assert recount(map(encode, tweets)).summary.top(count=2) == [("GT", 2), ("MX", 1)]


def test_the_oracle_says_how_many_records_are_no_reports() -> None:
    good = encode(tweet("1", "GT", "x"))

    counted = recount([good, b"{", good, b'{"id": "2"}'])

    assert (counted.summary.reports, counted.rejected) == (1, 2)


def test_of_two_records_at_the_same_time_the_lesser_bytes_count() -> None:
    one, other = tweet("1", "GT", "x", at=5), tweet("1", "MX", "x", at=5)
    survivors = Survivors()

    assert survivors.put(other, encode(other))
    assert survivors.put(one, encode(one))
    assert not survivors.put(other, encode(other))

    assert summarise(survivors.counts.cells).places == {("country", "GT"): 1}
    assert recount([encode(other), encode(one)]).summary.places == {("country", "GT"): 1}
