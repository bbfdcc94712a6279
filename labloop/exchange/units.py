"""Units as they stand in headings: recognised, compared, never converted."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

__all__ = ["looks_like_unit", "same_unit", "split_heading", "split_value", "unit_spelling"]

_KNOWN = frozenset([
    "kPa", "MPa", "Pa", "GPa", "bar", "mbar", "atm", "psi", "N", "kN", "mN", "degC", "°C", "C", "K", "F",
    "°F", "h", "hr", "hrs", "hour", "hours", "min", "mins", "s", "sec", "ms", "d", "day", "days", "mol",
    "mmol", "umol", "nmol", "mol/L", "mmol/L", "umol/L", "mol/l", "mmol/l", "M", "mM", "uM", "nM", "pM",
    "mol/mol", "mg/mL", "mg/ml", "ug/mL", "ug/ml", "ng/mL", "g/L", "g/l", "mg/L", "mg/l", "g/mol", "kDa",
    "Da", "g", "mg", "ug", "kg", "ng", "L", "l", "mL", "ml", "uL", "ul", "nL", "%", "wt%", "vol%", "mol%",
    "w/w", "v/v", "ppm", "ppb", "rpm", "xg", "g/h", "mL/min", "ml/min", "uL/min", "L/h", "nm", "um", "mm",
    "cm", "m", "V", "mV", "A", "mA", "W", "Hz", "kHz", "eq", "equiv", "equivalents", "U", "U/mL", "U/ml",
    "mS/cm", "uS/cm", "lux", "AU", "a.u.", "RFU", "OD", "1/h", "EUR", "USD", "kJ/mol", "J", "kJ", "pH",
])  # fmt: skip
_ALIASES = {
    "°c": "degc", "c": "degc", "celsius": "degc", "deg c": "degc", "°f": "degf", "f": "degf",
    "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "mins": "min", "minutes": "min", "sec": "s", "seconds": "s",
    "percent": "%", "pct": "%", "equiv": "eq", "equivalents": "eq", "equiv.": "eq", "eq.": "eq",
    "day": "d", "days": "d",
}  # fmt: skip
_CASED = {"m", "mm", "um", "nm", "pm", "pa", "mpa", "mw", "mv"}
_BRACKETS = re.compile(r"^(?P<name>.*?)\s*[\[(]\s*(?P<unit>[^\])]*?)\s*[\])](?P<rest>.*)$")
_TAIL = re.compile(r"^(?P<name>.+?)(?:_|\s*/\s*|,\s*|\s+in\s+|\s+)(?P<unit>[^_\s,]+)$")

_VALUE = re.compile(r"(?P<number>[+\-\u2212]?[\d.,]*\d[\d.,]*(?:[eE][+-]?\d+)?)\s*(?P<unit>[^\d\s].*)", re.DOTALL)


def _normal(unit: str) -> str:
    clean = unicodedata.normalize("NFKC", unit).strip().replace("μ", "u").replace("µ", "u").replace("·", "*")
    folded = clean.casefold()
    if folded in _CASED:  # mM is not MM, Mpa is not mPa: case tells them apart
        return clean
    return _ALIASES.get(folded, folded)


def same_unit(a: str | None, b: str | None) -> bool:
    """Whether two texts mean the same unit: ``°C`` and ``degC``, ``µM`` and ``uM``."""
    if not a or not b:
        return not a and not b
    return _normal(a) == _normal(b)


def looks_like_unit(text: str) -> bool:
    """Whether a text is a unit that laboratories use."""
    clean = unicodedata.normalize("NFKC", text).strip().replace("μ", "u").replace("µ", "u")
    if len(clean) > 1 and clean.casefold() in _ALIASES:
        return True
    return clean in _KNOWN or _normal(clean) in _long_ones()


@cache
def _long_ones() -> frozenset[str]:
    return frozenset(_normal(each) for each in _KNOWN if len(each) > 2)


def split_heading(heading: str) -> tuple[str, str | None]:
    """Split a heading into what it names and its unit, if it carries one.

    ``Temp (°C)``, ``yield [%]``, ``Temp_C``, ``time / h`` and ``Glass (kPa)_max`` carry one; of the last,
    ``Glass_max`` is left as the name. Text in brackets that is no unit is part of the name.
    """
    match = _BRACKETS.match(heading)
    if match and looks_like_unit(match["unit"]):
        return (match["name"] + match["rest"]).strip(" _-"), match["unit"]
    match = _TAIL.match(heading)
    if match and looks_like_unit(match["unit"]):
        return match["name"].strip(" _-/"), match["unit"]
    return heading.strip(), None


def unit_spelling(unit: str) -> str:
    """Return a unit as campaign files write it: ``C`` and ``°C`` are ``degC``, ``hrs`` is ``h``, ``µM`` is ``uM``."""
    clean = unicodedata.normalize("NFKC", unit).strip().replace("μ", "u")
    short = _ALIASES.get(clean.casefold())
    return {"degc": "degC", "degf": "degF"}.get(short, short) if short else clean


def split_value(text: str) -> tuple[str, str | None]:
    """Split a cell into its number and the unit behind it: ``83.2 %`` is ``83.2`` and ``%``."""
    match = _VALUE.fullmatch(text.strip())
    if match and looks_like_unit(match["unit"]):
        return match["number"], match["unit"]
    return text, None
