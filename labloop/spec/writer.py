"""Writes a spec as a campaign file that a person reads and edits."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from labloop.spec.models import Spec

__all__ = ["spec_to_yaml"]

_ORDER = (
    "schema", "name", "question", "parameters", "mixtures", "constraints", "candidates", "objectives", "limits",
    "planner",
)  # fmt: skip
_LINE = 120


def spec_to_yaml(spec: Spec | Mapping[str, Any], *, comments: Mapping[str, str] | None = None) -> str:
    """Write a spec as YAML; one line a parameter, defaults left out.

    ``comments`` maps a top-level key to the remark that is put above it. What is read back equals what
    was written.
    """
    plain = spec.to_dict() if isinstance(spec, Spec) else dict(spec)
    document = CommentedMap()
    for key in _ORDER:
        if key in plain:
            document[key] = _styled(plain[key], depth=1)
            if key != "schema" and key != "name":
                document.yaml_set_comment_before_after_key(key, before=_comment(comments, key))
    yaml = YAML(typ="rt", pure=True)
    # Nothing is folded: ruamel breaks lines inside keys, and cannot read them again.
    yaml.width = 2**31
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.allow_unicode = True
    stream = StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def _comment(comments: Mapping[str, str] | None, key: str) -> str:
    remark = (comments or {}).get(key, "")
    return f"\n{remark}" if remark else "\n"


def _styled(value: Any, depth: int) -> Any:
    """Blocks for the outer two levels, one flow line for each parameter below that fits on one."""
    if isinstance(value, Mapping):
        mapping = CommentedMap()
        for key, item in value.items():
            mapping[_text(key)] = _styled(item, depth + 1)
        if depth > 1 and 0 < len(str(value)) < _LINE:
            mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, list | tuple):
        sequence = CommentedSeq([_styled(item, depth + 1) for item in value])
        if len(str(value)) < _LINE and (depth > 1 or not any(isinstance(item, str | Mapping) for item in value)):
            sequence.fa.set_flow_style()
        return sequence
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> str:
    """Quote what a plain scalar cannot carry; ruamel leaves some of it plain, such as ``?3`` in a flow mapping."""
    plain = value[:1].isalnum() and "\n" not in value and value == value.strip()
    return value if plain else DoubleQuotedScalarString(value)
