"""Bodies that clients might send, good and bad, from a seeded source of chance.

Each carries a *tag* in the unit and in the name, so that a record on the topic tells which input
it came from.
"""

from __future__ import annotations

import json
import re
from random import Random
from typing import Final, NamedTuple

TAG: Final = re.compile(rb"z[0-9a-f]{10}z")

#: JSON texts that stand where they should not; most are refused, some mean something.
HOSTILE: Final = (
    *("null", "true", "false", "0", "-0", "-1", "1", "3", "1.5", "1e2", "-0.0", "0.1e-7"),
    *("1e999", "-1e999", "NaN", "Infinity", "01", "+1", "1.", ".5", "0x1f", "1e", "--1"),
    *("9007199254740993", "9223372036854775807", "9223372036854775808", "18446744073709551616"),
    *("1" * 40, "-" + "9" * 200, "1" * 5000, "0." + "1" * 400, "1e-400", "123456789012.345"),
    *('""', '" "', '"\\u0000"', '"\\u00a0"', '"a\\tb"', '"a\tb"', '"a\nb"', '"\\n"', '"\\x41"'),
    *('"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"\\uD83D"', '"\\u12"', '"\\'),
    *('"\u202e"', '"\u200d"', '"\ufeff"', '"e\u0301"', '"\u212b"', '"８"', '"１:０２"', '"ß"'),
    *(
        '"İ"',
        '"ﷺ"',
        '"' + "x" * 64 + '"',
        '"' + "x" * 65 + '"',
        '"' + "x" * 129 + '"',
        '"' + "é" * 5000 + '"',
    ),
    *('"55.78"', '"3:10.61"', '"2:06:26"', '"8,35"', '"99:99:99"', '"-5"', '"1e5"', '"1::2"'),
    *('"DNS"', '"DSQ"', '"dnf "', '"W/O"', '"won"', '"LOST"', '"tied"', '"gold"', '"none"'),
    *('"final"', '"bronze"', '"official"', '"withdrawn"', '"unofficial"', '"maybe"'),
    *("[]", "{}", "[[]]", '{"id":"8"}', '{"id":8,"name":null,"age":"20"}', '{"id":{}}'),
    *('{"id":"8","id":"9"}', "[" * 300 + "]" * 300, '{"a":' * 50 + "1" + "}" * 50),
    *('"1" "2"', "'8'", "undefined", "", "/**/1", "1,", '"\xff"', '"SWMW100MFR------------"'),
    *('"SWMW100MFR------------FNL-000100--"', '"BOXM63KG--------------SFNL000100--"'),
)

_RESULT_FIELDS: Final = (
    *("id", "sport", "unit", "phase", "competitor", "faculty", "mark", "outcome"),
    *("rank", "irm", "medal", "status", "version"),
)
_ENTRY_FIELDS: Final = (
    *("id", "student", "name", "nombre", "age", "edad", "faculty", "facultad"),
    *("discipline", "disciplina", "sport"),
)
_SPORTS: Final = ("swimming", "Natación", "SWM", "athletics", "boxing", "1", 2, 3, "BOX")
_FACULTIES: Final = ("engineering", "Ingeniería", "agronomy", "AGRONOMIA")
_ENDS: Final = (b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b"\n \t\n")

Pairs = list[tuple[str, str]]


class Document(NamedTuple):
    """A body, and whether it is lines, and whether its items are entries."""

    body: bytes
    lines: bool
    entries: bool


def new_tag(rng: Random) -> str:
    """Return a tag that nothing but this input has, even after a change of some bytes."""
    return f"z{rng.getrandbits(40):010x}z"


def a_document(rng: Random, tag: str) -> Document:
    """Return some body: one item, an array or lines; then perhaps damaged."""
    entries = rng.random() < 0.35
    shape = rng.random()
    if shape < 0.4:
        body = item(rng, tag, 0, entries)
    else:
        number = rng.choice((0, 1, 2, 3, 5, 8, 20)) if rng.random() < 0.97 else 600
        items = [item(rng, tag, index, entries) for index in range(number)]
        if shape < 0.7:
            body = b"[" + rng.choice((b",", b" ,\n")).join(items) + b"]"
        else:
            for _ in range(rng.choice((0, 0, 0, 1, 2))):
                items.insert(rng.randint(0, len(items)), _bad_line(rng))
            body = b"".join(line + rng.choice(_ENDS) for line in items)
            if rng.random() < 0.3:
                body = body.rstrip()
    if rng.random() < 0.02:
        body = b"\xef\xbb\xbf" + body
    if rng.random() < 0.02:
        body = rng.choice((b" ", b"\n", b"\r\n\t ")) + body
    if rng.random() < 0.12:
        body = damaged(rng, body)
    return Document(body, shape >= 0.7, entries)


def item(rng: Random, tag: str, index: int, entries: bool) -> bytes:
    """Return one item as JSON; about two of three are good."""
    pairs = entry_pairs(rng, tag, index) if entries else result_pairs(rng, tag, index)
    fields = _ENTRY_FIELDS if entries else _RESULT_FIELDS
    changes = rng.choice((0, 0, 0, 0, 1, 1, 2, 4))
    for _ in range(changes):
        _spoil(rng, pairs, fields)
    space = rng.choice(("", "", " ", "\t"))
    text = ("," + space).join(f"{name}:{space}{value}" for name, value in pairs)
    return ("{" + text + "}").encode("utf-8", "surrogatepass")


def result_pairs(rng: Random, tag: str, index: int) -> Pairs:
    """Return a good result: names and values, both as JSON texts."""
    evidence = {
        "mark": rng.choice(("55.78", "3:10.61", 55.78, 8, "8,35", "0.001")),
        "outcome": rng.choice(("won", "lost", "tied", "W")),
        "rank": rng.randint(1, 9),
        "irm": rng.choice(("DNS", "DNF", "dsq", "W/O")),
        "medal": rng.choice(("gold", "none")),
    }
    chosen = rng.sample(sorted(evidence), rng.randint(1, 3))
    competitor = {"id": str(rng.randint(1, 99)), "name": f"Ana {tag}", "age": rng.randint(17, 40)}
    values: dict[str, object] = {
        "sport": rng.choice(_SPORTS),
        "unit": f"{tag} {index}",
        "competitor": competitor,
        "faculty": rng.choice(_FACULTIES),
        **{name: evidence[name] for name in chosen},
    }
    if rng.random() < 0.3:
        values["version"] = rng.choice((1, 2, 2**31, "7"))
    if rng.random() < 0.2:
        values["phase"] = rng.choice(("final", "semifinal", "Round"))
    if rng.random() < 0.2:
        values["status"] = rng.choice(("official", "unofficial", "withdrawn"))
    if rng.random() < 0.2:
        values["id"] = f"mine {index}"
    return _as_pairs(rng, values)


def entry_pairs(rng: Random, tag: str, index: int) -> Pairs:
    """Return a good entry: names and values, both as JSON texts."""
    values: dict[str, object] = {
        rng.choice(("student", "name", "nombre")): f"Ana {tag}",
        rng.choice(("age", "edad")): rng.randint(17, 40),
        rng.choice(("faculty", "facultad")): rng.choice(_FACULTIES),
        rng.choice(("discipline", "disciplina", "sport")): rng.choice(_SPORTS),
    }
    if rng.random() < 0.5:
        values["id"] = f"{tag} {index}"
    return _as_pairs(rng, values)


def damaged(rng: Random, data: bytes, changes: int = 3) -> bytes:
    """Return *data* with some bytes changed, taken out, put in, repeated, or its end cut off."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, changes)):
        place = rng.randint(0, len(changed))
        length = rng.choice((1, 1, 1, 2, 5, 30))
        match rng.randrange(6):
            case 0 if place < len(changed):
                changed[place] ^= 1 << rng.randrange(8)
            case 1:
                changed[place : place + length] = rng.randbytes(length)
            case 2:
                del changed[place : place + length]
            case 3:
                changed[place:place] = changed[place : place + length] * rng.randint(1, 4)
            case 4:
                changed[place:place] = rng.choice(_SPLICES)
            case _:
                if rng.random() < 0.3:
                    del changed[place:]
    return bytes(changed)


_SPLICES: Final = (
    *(b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":"),
    *(b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\\ud800"),
    *(b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"-1\r\n", b": ", b"HTTP/1.1", b" " * 200),
)


def _as_pairs(rng: Random, values: dict[str, object]) -> Pairs:
    ascii_only = rng.random() < 0.5
    pairs = [
        (json.dumps(name), json.dumps(value, ensure_ascii=ascii_only))
        for name, value in values.items()
    ]
    if rng.random() < 0.2:
        rng.shuffle(pairs)
    return pairs


def _spoil(rng: Random, pairs: Pairs, fields: tuple[str, ...]) -> None:
    hostile = rng.choice(HOSTILE)
    match rng.randrange(6):
        case 0 | 1 if pairs:
            place = rng.randrange(len(pairs))
            pairs[place] = (pairs[place][0], hostile)
        case 2 if pairs:
            del pairs[rng.randrange(len(pairs))]
        case 3 if pairs:  # a duplicate key
            pairs.append((rng.choice(pairs)[0], hostile))
        case 4:
            pairs.append((json.dumps(rng.choice(fields)), hostile))
        case _:
            name = rng.choice(("colour", "", "Unit", "unit ", "\0", "é" * 100, "__proto__", "$"))
            pairs.insert(rng.randint(0, len(pairs)), (json.dumps(name), hostile))


def _bad_line(rng: Random) -> bytes:
    return rng.choice(
        (
            *(b"", b" ", b"\t\r", b"{", b"}", b"[]", b"[{}]", b"null", b"1", b'""', b"{} {}"),
            *(b"\xff\xfe", b"\0", b"\x0b", b"\xef\xbb\xbf{}", b'{"unit":"' + b"x" * 3000),
            b"[" * 2000,
            b'"' + b"x" * 20_000 + b'"',
        )
    )
