"""Zip archives and XML as a stranger may have written them: with limits, and without entities."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Final
from xml.parsers import expat

from olympics.importers.table import TableError

#: What a file, and what is packed in it, may have at most, in bytes.
LARGEST: Final = 1 << 26
_MOST_MEMBERS: Final = 4096
_DEEPEST: Final = 64

Start = Callable[[str, Mapping[str, str], int], None]
End = Callable[[str], None]
Text = Callable[[str], None]


class Archive:
    """The members of a zip archive, by their names; all together at most ``LARGEST`` bytes.

    Raises TableError.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise TableError(f"the archive is damaged or cut ({error})") from None
        self.names = self._zip.namelist()
        if len(self.names) > _MOST_MEMBERS:
            raise TableError(f"the archive has more than {_MOST_MEMBERS} files")
        self._left = LARGEST

    def read(self, name: str) -> bytes:
        """Return the bytes of a member. Raises TableError."""
        try:
            with self._zip.open(name) as member:
                # What the archive says of its sizes may be wrong: what comes out is counted.
                data = member.read(self._left + 1)
        except KeyError:
            raise TableError(f"the archive has no {name}: it is damaged") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            raise TableError(f"the archive is damaged or cut ({error})") from None
        except (NotImplementedError, RuntimeError) as error:
            raise TableError(f"the archive cannot be unpacked ({error})") from None
        self._left -= len(data)
        if self._left < 0:
            raise TableError(f"unpacked it has more than {LARGEST:,} bytes")
        return data


def read_xml(data: bytes, start: Start, end: End | None = None, text: Text | None = None) -> None:
    """Call ``start`` (name, attributes, line), ``end`` and ``text`` for what is in a document.

    Names come without their namespaces. Raises TableError for what is no well-formed XML, and for
    documents that declare entities, which a few lines can make endless.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def on_start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise TableError("XML that is nested too deeply", parser.CurrentLineNumber)
        start(name.rpartition(":")[2], attributes, parser.CurrentLineNumber)

    def on_end(name: str) -> None:
        nonlocal depth
        depth -= 1
        if end is not None:
            end(name.rpartition(":")[2])

    def on_entity(*_: object) -> None:
        raise TableError("XML that declares entities is not read", parser.CurrentLineNumber)

    parser.StartElementHandler = on_start
    parser.EndElementHandler = on_end
    parser.EntityDeclHandler = on_entity
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        problem = expat.errors.messages[error.code]
        if problem in (expat.errors.XML_ERROR_NO_ELEMENTS, expat.errors.XML_ERROR_UNCLOSED_TOKEN):
            problem = "it ends too early"
        raise TableError(f"expected well-formed XML: {problem}", error.lineno) from None
    except (UnicodeError, LookupError, ValueError) as error:
        if isinstance(error, TableError):
            raise
        raise TableError(f"its characters cannot be read ({error})") from None
