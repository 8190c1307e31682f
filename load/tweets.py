"""Write the tweets that the load is made of: ``python load/tweets.py --count 10000``.

A line each: the key that makes its retry safe, and the body, as the course's clients send it; every
fourth is of the later edition, with temperature and humidity of a municipality.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_FILE: Final = Path(__file__).with_name("tweets.ndjson")

_COUNTRIES: Final = ("GT", "MX", "SV", "HN", "CR", "PA", "CO", "ES")
_WEATHERS: Final = {
    "Lluvioso": "Está lloviendo",
    "Nubloso": "Hay muchas nubes",
    "Soleado": "Hace sol",
}
_MUNICIPALITIES: Final = ("mixco", "guatemala", "amatitlan", "chinautla")
_CONDITIONS: Final = ("sunny", "cloudy", "rainy", "foggy")


def tweets(count: int, run: str) -> Iterator[dict[str, Any]]:
    """Yield *count* tweets; *run* is the beginning of their keys."""
    weathers = list(_WEATHERS.items())
    for number in range(count):
        if number % 4 == 3:
            body: dict[str, Any] = {
                "municipality": _MUNICIPALITIES[number // 4 % 4],
                "temperature": 12 + number % 190 / 10,
                "humidity": 40 + number % 55,
                "weather": _CONDITIONS[number // 16 % 4],
            }
        else:
            weather, description = weathers[number // 3 % len(weathers)]
            country = _COUNTRIES[number * 5 // 3 % len(_COUNTRIES)]
            body = {"description": description, "country": country, "weather": weather}
        yield {"key": f"{run}-{number}", "body": body}


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=10_000, help="default: %(default)s")
    parser.add_argument(
        "--run",
        default="load",
        help="beginning of the keys; the same keys again count once (default: %(default)s)",
    )
    parser.add_argument("--out", type=Path, default=_FILE, help="default: %(default)s")
    given = parser.parse_args()
    with given.out.open("w", encoding="utf-8") as out:
        for tweet in tweets(given.count, given.run):
            out.write(json.dumps(tweet, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
