"""Results from files as timekeepers and organisers have them.

Every format is read by a *table*, which gives rows of fields whatever the file looks like; and
``import_rows`` makes of these the objects that ``parse_result`` takes::

    table = CsvTable(lambda: open("results.csv", encoding="utf-8"))
    for it in import_rows(table, tell=remarks.append):
        match it:
            case Imported():   # it.result: an object for parse_result
                ...
            case Unusable():   # it.line, it.field, it.error
                ...

``Imported`` also has what is no part of a result and is of use to whoever makes a catalogue:
``event`` (the event's name), ``sport_title``, ``faculty_title`` (the organisation's name beside its
code) and ``result_type`` (TIME, DISTANCE, POINTS …), all as the file has them. All cells of a row
are in ``it.row.cells``, by field (``olympics.importers.headings``).

======================  =========================================================================
``find_encoding``       the encoding of a file's bytes
``find_format``         a format that is known by its first bytes, and is not CSV or JSON; how
                        it is read
``CsvTable``            CSV in any dialect
``NamedTable``          a table whose foreign names are the catalogue's
``import_rows``         rows → objects for ``parse_result``, and remarks
``read_stage``          the words of a stage → a phase
======================  =========================================================================

Nothing here opens files or knows the catalogue.
"""

from olympics.importers.csv_table import CsvTable as CsvTable
from olympics.importers.csv_table import NoHeader as NoHeader
from olympics.importers.encodings import UnknownEncoding as UnknownEncoding
from olympics.importers.encodings import find_encoding as find_encoding
from olympics.importers.formats import Choices as Choices
from olympics.importers.formats import Format as Format
from olympics.importers.formats import find_format as find_format
from olympics.importers.names import NamedTable as NamedTable
from olympics.importers.names import Names as Names
from olympics.importers.names import NamesError as NamesError
from olympics.importers.names import read_names as read_names
from olympics.importers.rows import Imported as Imported
from olympics.importers.rows import Survey as Survey
from olympics.importers.rows import Unusable as Unusable
from olympics.importers.rows import import_row as import_row
from olympics.importers.rows import import_rows as import_rows
from olympics.importers.stages import read_stage as read_stage
from olympics.importers.table import RecordTable as RecordTable
from olympics.importers.table import Remark as Remark
from olympics.importers.table import Row as Row
from olympics.importers.table import Table as Table
from olympics.importers.table import TableError as TableError
