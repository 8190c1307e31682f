"""What people wrote is text in the terminal: no markup, no escape sequence, nothing invisible."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from typing import Final

import click
import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from medallero.cli import _COMMANDS, main
from medallero.client.answers import Answer, Rejection, TryAgain, checked
from medallero.files.inputs import InputError
from medallero.formatting import plain
from medallero.terminal import CannotDo, PlainConsole, echo_json

#: A style of our own: the only escape sequence that a table or a line may contain.
_STYLE: Final = re.compile(r"\x1b\[[0-9;]*m")
_JOINERS: Final = frozenset("\u200c\u200d")
_HOSTILE: Final = (
    "[red]x[/red] [/X] :smile: \x1b]0;pwned\x07\x1b[31m\x9b31m\u202e\u2066\u2028\r\b\x00\ufeff"
)

#: Texts with what terminals and rich might take for something else, more often than by chance.
_TEXTS: Final = st.lists(
    st.one_of(
        st.sampled_from(["[red]", "[/X]", ":smile:", "\x1b[31m", "\x1b]0;x\x07", "\u202e", "\r"]),
        st.text(max_size=5),
    ),
    max_size=8,
).map("".join)


def forbidden(text: str, *, also_styles: bool = False) -> set[str]:
    """Return the characters of a command's output that may not be in it."""
    if also_styles:
        text = _STYLE.sub("", text)
    return {
        it
        for it in text
        if it not in _JOINERS | {"\n"}
        and (unicodedata.category(it)[0] == "C" or unicodedata.category(it) in ("Zl", "Zp"))
        and unicodedata.category(it) not in ("Co", "Cn")
    }


@given(_TEXTS)
@example(_HOSTILE)
def test_plain_text_is_shown_as_it_is_and_obeyed_by_nothing(text: str) -> None:
    made = plain(text)

    assert not forbidden(made)
    assert "\n" not in made
    assert plain(made) == made
    if text.isprintable():
        assert made == text


def test_what_is_legible_stays() -> None:
    for text in ("Ana Ruiz", "علی‌رضا", "می‌خواهم", "क्‍ष", "12\u00a0m", "🏊‍♀️", "[x]"):
        assert plain(text) == text
    assert plain("a\nb") == r"a\nb"
    assert plain("a\nb\x1b", lines=True) == "a\nb\\x1b"


@given(_TEXTS, st.booleans(), st.sampled_from(["text", "string", "table"]))
@example(_HOSTILE, True, "table")
def test_a_console_writes_texts_and_only_its_own_styles(
    text: str, is_terminal: bool, within: str
) -> None:
    stream = io.StringIO()
    console = PlainConsole(
        file=stream,
        force_terminal=is_terminal,
        width=400,
        color_system="truecolor" if is_terminal else None,
    )
    table = Table(title=text)
    table.add_column(text)
    table.add_row(text)
    shown = {"text": Text(text), "string": text, "table": table}

    console.print(shown[within], style="bold red", soft_wrap=within == "string")

    written = stream.getvalue()
    assert not forbidden(written, also_styles=is_terminal)
    if "\x1b" in written:
        assert is_terminal
    for markup in ("[red]", "[/X]", ":smile:"):
        if within == "string":
            assert _STYLE.sub("", written).count(markup) == text.count(markup)


@given(_TEXTS)
@example(_HOSTILE)
def test_json_is_the_same_value_without_anything_invisible(text: str) -> None:
    @click.command()
    def command() -> None:
        echo_json({text: [text]}, indent=2)

    printable = text.encode("utf-8", "replace").decode()  # JSON in UTF-8 has no lone surrogates
    if printable != text:
        return
    written = CliRunner().invoke(command, [], catch_exceptions=False).stdout

    assert not forbidden(written)
    assert json.loads(written) == {text: [text]}


@given(_TEXTS)
@example(_HOSTILE)
def test_what_a_gateway_or_a_file_name_says_is_plain(text: str) -> None:
    answer = checked(Answer(0, [Rejection(0, text, text)]), 1)

    assert not forbidden("".join(answer.rejected[0][1:]) + str(TryAgain(text)))
    assert "\n" not in str(TryAgain(text)) + str(InputError(text, "is empty"))
    assert not forbidden(str(InputError(text, text)))


@pytest.mark.parametrize("name", sorted(_COMMANDS))
@pytest.mark.parametrize(
    "arguments",
    [
        [f"--{_HOSTILE.replace(chr(0), '')}"],
        [_HOSTILE.replace("\0", ""), "--no-such-option"],
        ["--port", _HOSTILE.replace("\0", "")],
        [_HOSTILE.replace("\0", "")] * 7,
    ],
    ids=["option", "argument", "value", "many"],
)
def test_no_command_says_what_it_was_told_as_an_escape_sequence(
    name: str, arguments: list[str]
) -> None:
    """The shell of a person expands `*`, so arguments are names that others gave to files."""
    nowhere = {
        "MEDALLERO_KAFKA": "127.0.0.1:1",
        "MEDALLERO_REDIS": "redis://127.0.0.1:1/0",
        "MEDALLERO_ENDPOINT": "http://127.0.0.1:1",
    }

    ran = CliRunner(env=nowhere).invoke(main, [name, *arguments], catch_exceptions=False)

    assert ran.exit_code == 2, ran.output
    assert not forbidden(ran.output)


def test_an_error_that_ends_a_command_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def command() -> None:
        raise CannotDo(f"There is no {_HOSTILE}.", "Look\nagain.")

    monkeypatch.setattr(type(main), "get_command", lambda *_: command)
    ran = CliRunner().invoke(main, ["board"], catch_exceptions=False)

    assert ran.exit_code == 2
    assert not forbidden(ran.stderr)
    assert "Look\nagain." in ran.stderr
