"""Numbers as laboratories write them: decimal points or commas, never both, never a guess."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Literal

from labloop.errors import InvalidInput

__all__ = ["LARGEST", "Decimal", "decimal_of", "is_amount", "looks_like_date", "numeric_share", "parse_number"]

LARGEST = 1e150
"""Squares of larger numbers leave float64; nothing that is measured comes near."""

Decimal = Literal[".", ",", "?"]
"""How a table marks decimals; ``?`` where it uses commas that could be either."""

_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?")
_GROUPED_BY_COMMA = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_GROUPED_BY_POINT = re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d*)?")
# A number, alone or with something behind it that may be a unit; not a date, not 1,2-dichloroethane.
_BEGINS = re.compile(r"[+-]?[.,]?\d[\d.,]*([eE][+-]?\d+)?(\s*[^\W\d_].{0,12}|\s*[%°].{0,12})?", re.DOTALL)
_AMOUNT = re.compile(r"[+-]?[.,]?\d[\d.,]*([eE][+-]?\d+)?(\s+[^\d\s]\S*|\s*%)?")
_UNIT = re.compile(r"(?<=[\d.,])\s*([^\W\d]|[%°])[^\d]{0,12}$")
_MONTH = r"(jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z]*\.?"
_DATE = re.compile(
    rf"(\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}([ T]\d.*)?|\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2,4}}"
    rf"|\d{{1,2}}[-./ ] ?{_MONTH}([-./ ] ?\d{{2,4}})?|{_MONTH}[-./ ] ?\d{{1,4}}|\d{{1,2}}:\d{{2}}(:\d{{2}})?)",
    re.IGNORECASE,
)
_NOT_MEASURED = {"na", "n/a", "n.a.", "nan", "null", "none", "-", "--", "nd", "n.d.", "?", "missing", "fail", "failed"}


def looks_like_date(text: str) -> bool:
    """Whether a text is a date or a time of day: what spreadsheets make of 1-3 or 3/4."""
    return _DATE.fullmatch(text.strip()) is not None


def numeric_share(texts: Sequence[str]) -> float:
    """Return how many of some texts begin with a number, whatever its marks mean; 0 to 1."""
    return sum(_BEGINS.match(text.strip()) is not None for text in texts) / len(texts)


def is_amount(text: str) -> bool:
    """Whether a text is one number and perhaps a unit behind it: ``7,5`` and ``7.5 kPa``, but no date and no lot."""
    return _AMOUNT.fullmatch(text.strip()) is not None and not looks_like_date(text)


def decimal_of(texts: Iterable[str]) -> Decimal:
    """Find out from all cells of a table how it marks decimals.

    Raises
    ------
    InvalidInput
        If some cells only make sense with a decimal comma and others only with a decimal point.
    """
    comma = point = unclear = ""
    for text in texts:
        clean = _UNIT.sub("", text.strip())
        if not clean:
            continue
        if _COMMA.fullmatch(clean):
            if _GROUPED_BY_COMMA.fullmatch(clean) and not clean.lstrip("+-").startswith("0,"):
                unclear = unclear or clean
            else:
                comma = comma or clean
        elif _GROUPED_BY_COMMA.fullmatch(clean):
            point, unclear = (point or clean, unclear) if "." in clean else (point, unclear or clean)
        elif _GROUPED_BY_POINT.fullmatch(clean) and "," in clean:
            comma = comma or clean
        elif "." in clean and _PLAIN.fullmatch(clean):
            point = point or clean
    if comma and point:
        raise InvalidInput(
            f"decimal commas ({comma!r}) and decimal points ({point!r}) in one table",
            hint="use one of them throughout",
        )
    if comma:
        return ","
    return "?" if unclear and not point else "."


def parse_number(text: str, *, decimal: Decimal = ".") -> float:
    """Read one number.

    Raises
    ------
    InvalidInput
        If the text is not a finite number of at most 1e150 in size, or could be two different ones.
    """
    clean = text.strip().replace("\u2212", "-").replace("\u00a0", "")
    shown = repr(text.strip()) if len(text) <= 60 else repr(text.strip()[:57] + "...")
    plain = _as_plain(clean, decimal, shown)
    if plain is None:
        raise InvalidInput(f"{shown} is not a number", hint=_why_not(clean))
    value = float(plain)
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise InvalidInput(f"{shown} is too large for a measurement", hint="check the value and its unit")
    return value


def _as_plain(clean: str, decimal: Decimal, shown: str) -> str | None:
    if _PLAIN.fullmatch(clean):
        # Not even 1.234 among decimal commas: it may be a thousand, or a number from elsewhere.
        return clean if decimal != "," or "." not in clean else None
    if decimal == ",":
        if _COMMA.fullmatch(clean):
            return clean.replace(",", ".")
        if _GROUPED_BY_POINT.fullmatch(clean):
            return clean.replace(".", "").replace(",", ".")
        return None
    if _GROUPED_BY_COMMA.fullmatch(clean):
        if decimal == "?" or (clean.count(",") == 1 and "." not in clean):
            raise InvalidInput(
                f"{shown} could be {clean.replace(',', '.', 1)} or {clean.replace(',', '')}",
                hint="write it without a separator of thousands, with a decimal point",
            )
        return clean.replace(",", "")
    return None


def _why_not(clean: str) -> str:
    if clean.casefold() in _NOT_MEASURED:
        return "leave the cell blank if it was not measured; if the experiment failed, say so in the failure column"
    if clean.casefold().lstrip("+-") in ("inf", "infinity"):
        return "leave the cell blank, and say in the note what happened"
    if looks_like_date(clean):
        return "a spreadsheet made a date of it: format the column as text and type it again"
    if clean.startswith("#"):
        return "it is a spreadsheet's error: repair the formula, or type the value"
    if clean[:1] in "<>~":
        return "leave the cell blank and put it into the note, or write the limit of detection as a number"
    if _COMMA.fullmatch(clean):
        return "write it with a decimal point"
    if clean[:1].isdigit():
        return "write the number alone: the unit stands in the heading"
    return "expected a number; leave the cell blank if it was not measured"
