"""Tables as laboratories keep them (CSV, XLSX, JSON), read strictly: what is uncertain is refused, not guessed."""

from labloop.tabular.numbers import parse_number
from labloop.tabular.reading import read_records, read_stream, read_table, taken
from labloop.tabular.table import Cell, Stamp, Table

__all__ = ["Cell", "Stamp", "Table", "parse_number", "read_records", "read_stream", "read_table", "taken"]
