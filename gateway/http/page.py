"""The page's HTML at each of its addresses: a link to one says in a chat what is behind it."""

import asyncio
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Final, NamedTuple
from urllib.parse import unquote

import msgspec
from aiohttp.web import BaseRequest, Response

from contracts.events import Placed
from gateway.errors import Refused
from gateway.http.static_files import Asset
from gateway.limits.rate import network_of
from gateway.reading.details import CompetitorPage, Details, EventPage
from gateway.reading.snapshot_cache import SnapshotCache
from olympics.catalogue import Catalogue, UnknownName
from olympics.events import MEDALS

#: Beginnings of those addresses that one name or more follow.
BELOW: Final = ("/sports/", "/events/", "/competitors/", "/faculties/")

#: For so long the HTML waits for what the workers say, seconds: the page itself asks them too.
_PATIENCE: Final = 0.5
_BASE: Final = '<base href="./">'
_TOLD: Final = "<!-- told -->"


class _Told(NamedTuple):
    title: str | None
    description: str


class Front:
    """Answers with the page."""

    def __init__(
        self,
        frame_ancestors: str,
        catalogue: Catalogue,
        details: Details,
        standings: SnapshotCache,
    ) -> None:
        self._frame_ancestors = frame_ancestors
        self._catalogue = catalogue
        self._details = details
        self._standings = standings
        html = files("gateway").joinpath("page", "index.html").read_text("utf-8")
        self._before, _, self._after = html.split(_TOLD)

    async def answer(self, request: BaseRequest) -> Response:
        """Return the page as it is at the address of *request*."""
        raw = request.rel_url.raw_path
        language = _language_of(request)
        kind, _, name = unquote(raw).strip("/").partition("/")
        try:
            async with asyncio.timeout(_PATIENCE):
                told = await self._tell(network_of(request.remote or ""), kind, name, language)
        except (Refused, TimeoutError, UnknownName):
            told = _Told(None, _WORDS[language]["live"])
        # Everything on the page is named from its root, wherever that is.
        before = self._before.replace(
            _BASE, f'<base href="{"../" * (raw.count("/") - 1) or "./"}">'
        )
        html = f"{before}{self._head(told, language)}{self._after}"
        asset = Asset(html.encode(), "text/html", self._frame_ancestors)
        response = asset.answer(request)
        response.headers["Vary"] = "Accept-Encoding, Accept-Language"
        return response

    def _head(self, told: _Told, language: str) -> str:
        games = self._catalogue.games
        whose = dict(games.titles).get(language) or games.title or "Medallero"
        title = whose if told.title is None else f"{told.title} · {whose}"
        text, description = escape(title), escape(told.description)
        return (
            f"<title>{text}</title>\n"
            f'  <meta name="description" content="{description}">\n'
            f'  <meta property="og:title" content="{text}">\n'
            f'  <meta property="og:description" content="{description}">\n'
            f'  <meta property="og:site_name" content="{escape(whose)}">\n'
            '  <meta property="og:type" content="website">'
        )

    async def _tell(self, client: str, kind: str, name: str, language: str) -> _Told:
        words = _WORDS[language]
        if kind == "sports":
            sport = self._catalogue.sport(name)
            title = dict(sport.titles).get(language, sport.title)
            return _Told(title, words["sport"].format(sport=title))
        if kind == "faculties":
            return await self._tell_faculty(name, language)
        if kind == "events":
            body = await self._details.event(client, name, [("limit", "1")])
            return self._told_event(msgspec.json.decode(body, type=EventPage), language)
        if kind == "competitors":
            body = await self._details.competitor(client, name, [("limit", "1")])
            page = msgspec.json.decode(body, type=CompetitorPage)
            counts = _counted({it: page.medals[it] for it in MEDALS}, words)
            results = words["result" if page.total == 1 else "results"].format(count=page.total)
            return _Told(
                page.name or page.competitor,
                f"{self._faculty(page.faculty, language)}. {counts}. {results}.",
            )
        return _Told(words.get(kind), words["live"])

    async def _tell_faculty(self, name: str, language: str) -> _Told:
        faculty = self._catalogue.faculty(name).name
        words = _WORDS[language]
        snapshot = await self._standings.snapshot()
        rows = [] if snapshot is None else snapshot.faculties
        said = words["live"]
        for row in rows:
            if row["faculty"] == faculty:
                said = f"{words['rank'].format(rank=row['rank'])}. {_counted(row, words)}."
        return _Told(self._faculty(faculty, language), said)

    def _told_event(self, page: EventPage, language: str) -> _Told:
        words = _WORDS[language]
        first = page.units[0]
        title = page.titles.get(language) or page.title or first.unit
        stage = first.stages.get(language) or first.stage or words[page.phase]
        state = "" if first.state == "official" else f", {words[first.state]}"
        leaders = "; ".join(self._leader(it, language) for it in first.leaders[:4])
        return _Told(title, f"{stage}{state}. {leaders}".strip())

    def _leader(self, it: Placed, language: str) -> str:
        place = f"{it.rank}." if it.rank is not None else ""
        place = f"{_WORDS[language][it.medal]}:" if it.medal else place
        who = f"{it.name or it.competitor} ({self._faculty(it.faculty, language)})"
        return " ".join(part for part in (place, who, it.mark_text or "") if part)

    def _faculty(self, name: str, language: str) -> str:
        faculty = self._catalogue.faculties.get(name)
        return name if faculty is None else dict(faculty.titles).get(language, faculty.title)


def _counted(medals: Mapping[str, object], words: Mapping[str, str]) -> str:
    return ", ".join(f"{words[it]} {medals[it]}" for it in MEDALS)


def _language_of(request: BaseRequest) -> str:
    asked = request.query.get("lang") or request.headers.get("Accept-Language") or ""
    return "es" if asked.strip().lower().startswith("es") else "en"


_WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "live": "Live standings of the games",
        "sport": "{sport}: live results and medals",
        "rank": "Rank {rank}",
        "result": "{count} result",
        "results": "{count} results",
        "search": "Search",
        "latest": "Just in",
        "gold": "Gold",
        "silver": "Silver",
        "bronze": "Bronze",
        "running": "running",
        "provisional": "provisional",
        "final": "Final",
        "semifinal": "Semi-final",
        "round": "Round",
        "other": "Other",
    },
    "es": {
        "live": "Clasificación en vivo de los juegos",
        "sport": "{sport}: resultados y medallas en vivo",
        "rank": "Puesto {rank}",
        "result": "{count} resultado",
        "results": "{count} resultados",
        "search": "Buscar",
        "latest": "Lo último",
        "gold": "Oro",
        "silver": "Plata",
        "bronze": "Bronce",
        "running": "en curso",
        "provisional": "provisional",
        "final": "Final",
        "semifinal": "Semifinal",
        "round": "Ronda",
        "other": "Otra",
    },
}
