"""The head of the ledger on a page: in a ``meta`` tag, where `labloop verify --against` finds it, and in words.

A stamp is ``hydrogel 15:dcff2a68...``: the campaign, the number of the last entry, its hash.
"""

from __future__ import annotations

from html import escape

from labloop.loop.heads import PROPERTY

__all__ = ["stamp_meta", "stamp_words"]


def stamp_meta(stamp: str) -> str:
    """Return the tag that carries a stamp; nothing where there is none."""
    return f'<meta name="{PROPERTY}" content="{escape(stamp)}">' if stamp else ""


def stamp_words(stamp: str) -> str:
    """Return the sentence for the footer; nothing where there is no stamp."""
    name, _, head = stamp.partition(" ")
    return f" The ledger of {escape(name)} stood at <code>{escape(head)}</code>." if stamp else ""
