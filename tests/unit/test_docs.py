"""What the documentation says of files, commands, options, settings and tests is so."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from medallero import settings_reference
from medallero.cli import main
from olympics.catalogue import load_catalogue, make_catalogue
from olympics.entry import parse_entry
from olympics.result import parse_result

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/**/*.md")])

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`[^`\n]+`")
#: a link to a module, and the symbols in parentheses behind it
_SYMBOLS = re.compile(r"\]\(([^)\s]+\.py)\)\s\(([^()]*`\w+`[^()]*)\)")


class Line(NamedTuple):
    """A command line of a page, in words."""

    page: Path
    words: list[str]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """The fenced blocks of a page in these languages."""
    for match in _FENCED.finditer(page.read_text("utf-8")):
        if match[1] in languages:
            yield match[2]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCED.sub("", page.read_text("utf-8"))


def typed(page: Path) -> Iterator[str]:
    """What a reader is told to type: lines of ``sh`` blocks, and those after ``$`` in sessions."""
    for block in blocks(page, "sh"):
        yield from block.replace("\\\n", " ").splitlines()
    for block in blocks(page, "console"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                yield line[2:]


def command_lines(page: Path) -> Iterator[Line]:
    """Every use of `medallero` in blocks, and as code in running text."""
    texts = [*typed(page), *(code.strip("`") for code in _CODE.findall(prose(page)))]
    for text in texts:
        for part in re.split(r"[|;]|&&", text):
            words = shlex.split(part, comments=True) if part.count("'") % 2 == 0 else part.split()
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words = words[1:]
            if words and words[0] == "medallero":
                yield Line(page, words[1:])


def command_of(name: str) -> click.Command | None:
    with click.Context(main) as context:
        return main.get_command(context, name)


def options_of(command: click.Command) -> set[str]:
    """The options of a command, and those of the commands in it."""
    with click.Context(command) as context:
        own = {it for parameter in command.get_params(context) for it in parameter.opts}
    if not isinstance(command, click.Group) or command is main:
        return own
    return own.union(*map(options_of, command.commands.values()))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", it.lower()).replace(" ", "-") for it in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert not broken


def defined_in(module: Path) -> set[str]:
    """The names of a module's classes, functions, methods and constants."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_symbol_that_a_page_names_beside_a_module_is_defined_there(page: Path) -> None:
    missing = []
    for link, symbols in _SYMBOLS.findall(prose(page)):
        known = defined_in(page.parent / link)
        missing += [it for it in _CODE.findall(symbols) if it.strip("`") not in known]

    assert not missing


def test_pages_name_symbols_at_all() -> None:
    """So that the test before this one does not pass because the pages' form has changed."""
    counts = {named(page): len(_SYMBOLS.findall(prose(page))) for page in PAGES}

    assert counts["docs/architecture.md"] >= 10
    assert counts["docs/protocol.md"] >= 1


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_and_option_that_a_page_mentions_exists(page: Path) -> None:
    wrong = []
    for line in command_lines(page):
        name = line.words[0] if line.words else "--help"
        if name.startswith("-"):
            known = options_of(main)
            used = line.words
        elif name == "COMMAND" or name.endswith("…"):
            continue
        else:
            command = command_of(name)
            if command is None:
                wrong.append(name)
                continue
            used = line.words[1:]
            if isinstance(command, click.Group) and used and not used[0].startswith("-"):
                inner = command.commands.get(used[0])
                if inner is None:
                    wrong.append(f"{name} {used[0]}")
                    continue
                command, used = inner, used[1:]
            known = options_of(command)
        wrong += [
            f"{name} {it}"
            for it in used
            if it.startswith("-") and it != "-" and it.partition("=")[0] not in known
        ]

    assert not wrong


def test_every_option_of_a_commands_section_is_one_of_that_command() -> None:
    text = prose(ROOT / "docs" / "guide" / "commands.md")
    sections = dict(re.findall(r"^## ([a-z ]+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))

    wrong = [
        f"{title}: {option}"
        for title, body in sections.items()
        for option in re.findall(r"`(--[a-z-]+)", body)
        if not any(
            option in options_of(command)
            for name in title.split(" and ")
            if (command := command_of(name)) is not None
        )
    ]

    assert not wrong


def test_every_command_is_in_the_guide() -> None:
    with click.Context(main) as context:
        names = main.list_commands(context)
    headings = re.findall(
        r"^## (.+)$", (ROOT / "docs/guide/commands.md").read_text("utf-8"), re.MULTILINE
    )

    assert {word for it in headings for word in it.split(" and ")} == set(names)


@pytest.mark.parametrize("page", ["README.md", "README.es.md"])
def test_the_session_can_be_copied(page: str) -> None:
    lines = [it.words for it in command_lines(ROOT / page)]
    commands = {words[0] for words in lines if words}
    files = {it for words in lines if words[:1] == ["send"] for it in words[1:] if it[0] != "-"}
    files -= {"FILE"}

    assert {"send", "board", "correct", "audit"} <= commands
    assert files
    assert all((ROOT / it).is_file() for it in files)


def test_both_languages_have_the_same_session() -> None:
    english = list(blocks(ROOT / "README.md", "console"))
    spanish = list(blocks(ROOT / "README.es.md", "console"))

    assert english == spanish


def test_both_languages_have_the_same_chapters_commands_and_links() -> None:
    english, spanish = ROOT / "README.md", ROOT / "README.es.md"

    def depths(page: Path) -> list[int]:
        return [len(it) for it in re.findall(r"^(#+) ", prose(page), re.MULTILINE)]

    def typed_words(page: Path) -> list[str]:
        return [
            line.partition(" #")[0].rstrip() for line in "".join(blocks(page, "sh")).split("\n")
        ]

    def code(page: Path) -> set[str]:
        return {it for it in _CODE.findall(prose(page)) if " " in it}

    def links(page: Path) -> set[str]:
        return {it for it in _LINK.findall(prose(page)) if not it.startswith("docs/pictures/")}

    assert depths(english) == depths(spanish)
    assert typed_words(english) == typed_words(spanish)
    assert code(english) == code(spanish)
    assert links(english) - {"README.es.md"} == links(spanish) - {"README.md"}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_target_of_make_that_a_page_mentions_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    code = [*typed(page), *(it.strip("`") for it in _CODE.findall(prose(page)))]

    assert {it for text in code for it in re.findall(r"^make ([a-z-]+)", text)} <= targets


def test_the_catalogue_in_the_guide_is_the_example_and_loads() -> None:
    (shown,) = blocks(ROOT / "docs" / "guide" / "catalogue.md", "toml")
    example = EXAMPLES / "catalogue.toml"

    catalogue = load_catalogue(example)

    assert shown == example.read_text("utf-8")
    assert make_catalogue(shown) == catalogue
    assert catalogue.sport("NATACION").order_of("100m final") == "lower"
    assert catalogue.sport(2).order_of("long jump final") == "higher"
    assert not catalogue.sport("JUD").two_bronzes
    assert catalogue.faculty("agr").title == "Agronomy"
    assert catalogue.revision > load_catalogue().revision


def test_the_examples_are_accepted() -> None:
    catalogue = load_catalogue()
    lines = (EXAMPLES / "campus.ndjson").read_text("utf-8").splitlines()
    entries = json.loads((EXAMPLES / "entries.json").read_text("utf-8"))

    results = [parse_result(json.loads(line), catalogue) for line in lines]
    settled = [parse_entry(it, catalogue, entry_id=it["id"], seed="medallero") for it in entries]

    assert len(results) == 16
    assert [it.outcome for it in settled] == ["lost", "won", "won", "lost"]


def test_the_objects_in_the_guide_are_accepted() -> None:
    catalogue = load_catalogue()
    raws = [json.loads(it) for it in blocks(ROOT / "docs" / "guide" / "results.md", "json")]

    for raw in raws:
        if "unit" in raw:
            parse_result(raw, catalogue)
        else:
            parse_entry(raw, catalogue, entry_id=raw["id"], seed="medallero")

    assert len(raws) == 2


def test_the_page_of_settings_is_what_the_settings_say() -> None:
    assert (ROOT / settings_reference.PAGE).read_text("utf-8") == settings_reference.page(), (
        "python -m medallero.settings_reference writes it again"
    )


def test_every_setting_that_a_page_mentions_exists() -> None:
    known = set(re.findall(r"MEDALLERO_[A-Z_]+", settings_reference.page()))
    mentioned = {
        (named(page), it)
        for page in PAGES
        for it in re.findall(r"MEDALLERO_[A-Z_]*[A-Z]", page.read_text("utf-8"))
        if not it.startswith("MEDALLERO_TEST_")
    }

    assert {it for it in mentioned if it[1] not in known} == set()


@pytest.mark.parametrize("page", ["protocol.md", "bulk.md", "faults.md", "guide/security.md"])
def test_every_test_that_a_page_of_promises_names_exists(page: str) -> None:
    named_tests = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / page).read_text("utf-8")))
    existing = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", path.read_text("utf-8"))
    }

    assert named_tests
    assert named_tests <= existing


def test_every_metric_that_operations_watch_exists() -> None:
    sources = "".join(
        (ROOT / it).read_text("utf-8")
        for it in ("gateway/metrics.py", "streams/metrics.py", "streams/weather/metrics.py")
    )
    # A counter's name gets its ending from the client library.
    existing = {it.removesuffix("_total") for it in re.findall(r'"(medallero_[a-z_]+)"', sources)}
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    watched = {it.removesuffix("_total") for it in re.findall(r"`(medallero_[a-z_]+)", text)}

    assert watched
    assert watched <= existing


def test_the_librarys_readme_has_the_program_that_is_tried() -> None:
    (program,) = blocks(ROOT / "faust_bulk" / "README.md", "python")

    assert program in blocks(ROOT / "docs" / "bulk.md", "python")
