"""Bytes to text: byte order marks, then strict UTF-8, then the two legacy families that laboratories meet.

A file that is not Unicode carries no word on its encoding. Western (cp1252, of which ISO 8859-1 is a part) and
Japanese (cp932, Shift-JIS) are each accepted when the bytes make sense in one of them and none in the other;
everything else is refused with the way out, because a misread name or unit is worse than one more save.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

from labloop.errors import InvalidInput

__all__ = ["decode"]

_HINT = 'save it as UTF-8 (in Excel: Save as, "CSV UTF-8 (Comma delimited)") and try again'

# Control characters have no place in a table; their presence says that the reading is wrong, or the file no text.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_FOREIGN_BYTES = re.compile(rb"[\x80-\xff]")
_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_WESTERN = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ")
_SYMBOLS = frozenset("\u00a0°µ²³¹±×·÷§®©½¼¾«»£")
# These come from bytes that begin Japanese characters: accepted only where no Japanese reading exists.
_TYPOGRAPHIC = frozenset("€\u2018\u2019“”\u2013—…•™ŠšŽžŒœŸ‰†")
_KANA_KANJI = re.compile("[\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_JAPANESE = re.compile(
    "[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff5e℃Å°\u2032\u2033±\u00d7÷\u0391-\u03c9→←↑↓①-⑳\u2212∞≦≧△▲○●◎□■★☆※]+"
)
_HALF_WIDTH = re.compile("[\uff61-\uff9f]")


def decode(raw: bytes, source: str) -> str:
    """Return the text of a file in Unicode's NFC form.

    Raises
    ------
    InvalidInput
        If it is no text, or its encoding cannot be told for certain.
    """
    text = unicodedata.normalize("NFC", _text(raw, source)).lstrip("\ufeff")
    control = _CONTROL.search(text)
    if control is not None:
        line = text.count("\n", 0, control.start()) + 1
        raise InvalidInput(
            f"{source} holds the control character U+{ord(control[0]):04X} in line {line}, so it is no plain text",
            hint="name a CSV, XLSX or JSON file",
        )
    return text


def _text(raw: bytes, source: str) -> str:
    if raw.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise InvalidInput(f"{source} is UTF-32 text, which is not read", hint=_HINT)
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if raw.startswith(mark):
            text = _strictly(raw, encoding)
            if text is None:
                raise InvalidInput(f"{source} begins as {encoding} text but goes on otherwise", hint=_HINT)
            return text
    if b"\0" in raw:
        return _utf16(raw, source)
    text = _strictly(raw, "utf-8")
    if text is not None:
        return text
    _refuse_damaged(raw, source)
    return _legacy(raw, source)


def _refuse_damaged(raw: bytes, source: str) -> None:
    """Refuse UTF-8 with a few wrong bytes: as another encoding it would read as nonsense such as ``Â°C``."""
    whole = len(_UTF8.findall(raw))
    foreign = len(_FOREIGN_BYTES.findall(_UTF8.sub(b"", raw)))
    if whole and whole >= foreign:
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise InvalidInput(
                f"{source} is UTF-8 text, but not in line {line}: byte 0x{raw[error.start]:02x} is out of place",
                hint="two files of different encodings were joined, or it was cut short; " + _HINT,
            ) from error


def _strictly(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _utf16(raw: bytes, source: str) -> str:
    """Read UTF-16 without a byte order mark: zeros then stand in every other byte of what is ASCII."""
    texts = [_strictly(raw, encoding) for encoding in ("utf-16-le", "utf-16-be")]
    fits = [text for text in texts if text is not None and _is_tabular(text)]
    if len(fits) != 1:
        raise InvalidInput(
            f"{source} holds zero bytes, so it is no text (tried UTF-8 and UTF-16)",
            hint="name a CSV, XLSX or JSON file",
        )
    return fits[0]


def _is_tabular(text: str) -> bool:
    ascii_share = sum(character < "\x7f" for character in text) / max(len(text), 1)
    assigned = all(unicodedata.category(character) not in ("Cn", "Co", "Cs") for character in set(text))
    return _CONTROL.search(text) is None and assigned and "\n" in text.replace("\r", "\n") and ascii_share > 0.5


def _legacy(raw: bytes, source: str) -> str:
    western = _strictly(raw, "cp1252")
    japanese = _strictly(raw, "cp932")
    as_japanese = japanese is not None and _reads_as_japanese(japanese)
    possible = japanese is not None and _JAPANESE.sub("", japanese).isascii()
    as_western = western is not None and _reads_as_western(western, certain=not possible)
    if as_western and not as_japanese and western is not None:
        return western
    if as_japanese and not as_western and japanese is not None:
        return japanese
    raise InvalidInput(
        f"the encoding of {source} cannot be told for certain (tried UTF-8, UTF-16, Shift-JIS, Windows-1252)",
        hint=_HINT,
    )


def _reads_as_western(text: str, *, certain: bool) -> bool:
    allowed = _WESTERN | _SYMBOLS | (_TYPOGRAPHIC if certain else frozenset())
    runs = _FOREIGN.findall(text)
    return all(len(run) <= 2 and allowed.issuperset(run) for run in runs)


def _reads_as_japanese(text: str) -> bool:
    """Japanese comes in runs: a lone kanji between Latin letters is a misread umlaut."""
    if _HALF_WIDTH.search(text):
        # One byte each: any Western or Chinese text can be read as half-width kana.
        return False
    runs = _FOREIGN.findall(text)
    return all(_JAPANESE.fullmatch(run) for run in runs) and any(len(_KANA_KANJI.findall(run)) > 1 for run in runs)
