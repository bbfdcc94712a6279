"""Tables as laboratories keep them (CSV, XLSX, JSON), read strictly: what is uncertain is refused, not guessed."""

from labloop.tables.numbers import parse_number
from labloop.tables.reading import read_records, read_table
from labloop.tables.table import Cell, Stamp, Table

__all__ = ["Cell", "Stamp", "Table", "parse_number", "read_records", "read_table"]
