"""How figures and pages look: one palette, one set of marks, for light and dark, for every kind of eye.

Colours are those of Okabe and Ito, "Color Universal Design" (2008), which stay apart for the colour-blind; every
colour goes with a mark of its own, so that nothing is said by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from labloop.report.progress import Point

__all__ = ["DARK", "FAMILIES", "LIGHT", "MARKS", "family", "family_of"]

# Every role has a colour of its own, also where two could share one: the page finds roles by their colour.
LIGHT = {
    "ink": "#1f2328",
    "faint": "#636c76",
    "rule": "#d1d9e0",
    "band": "#f4f6f8",
    "paper": "#ffffff",
    "start": "#56b4e9",
    "improve": "#0072b2",
    "novelty": "#d55e00",
    "other": "#7f8890",
    "awaited": "#b35a8a",
    "broken": "#98a1a9",
    "none": "#ae2012",
    "best": "#009e73",
}
DARK = {
    "ink": "#e6edf3",
    "faint": "#9da7b1",
    "rule": "#30363d",
    "band": "#171c23",
    "paper": "#0d1117",
    "start": "#7cc8f2",
    "improve": "#4aa3df",
    "novelty": "#f08a4b",
    "other": "#9aa3ab",
    "awaited": "#d99abf",
    "broken": "#757d86",
    "none": "#ff7b72",
    "best": "#2fc79a",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A marker of matplotlib's with its area in points squared."""

    shape: str
    area: float


FAMILIES = {
    "start": "start",
    "design": "start",
    "improve": "improve",
    "climb": "improve",
    "novelty": "novelty",
    "follow": "novelty",
    "learn": "novelty",
}
"""Slots that look for gain are drawn alike, and so are those that look for knowledge; the rest is ``other``."""

MARKS = {
    "start": Mark("s", 20.0),
    "improve": Mark("o", 26.0),
    "novelty": Mark("D", 22.0),
    "other": Mark("o", 14.0),
    "broken": Mark("x", 18.0),
    "awaited": Mark("o", 22.0),
    "none": Mark("|", 30.0),
}


def family_of(kind: str) -> str:
    """Return how a slot or origin is drawn."""
    return FAMILIES.get(kind, "other")


def family(point: Point) -> str:
    """Return how a measured point is drawn: by who asked for it, unless it breaks a limit."""
    return "broken" if point.keeps is False else family_of(point.kind)
