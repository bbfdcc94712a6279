"""Reads campaign.yaml; every mistake is answered with line, path, value, what was expected and the fix."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import ScalarNode

from labloop.errors import InvalidSpec, NotFound, Problem, shown_path
from labloop.spec.check import SpecProblems
from labloop.spec.explain import explain
from labloop.spec.models import SCHEMA, Spec
from labloop.spec.tables import read_candidates, read_descriptors

__all__ = ["located", "parse_spec", "read_spec", "read_yaml"]

# A campaign file is a page or two. Anything near these limits is not one, and is refused before it is parsed.
_MAX_BYTES = 1_000_000
_MAX_NODES = 100_000
_MAX_DEPTH = 20
# What YAML does not allow: it would answer with a position instead of a line.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_spec(path: str | Path) -> Spec:
    """Read and check a campaign file.

    Raises
    ------
    NotFound
        If there is no such file.
    InvalidSpec
        If anything is wrong with it; all problems found are listed.
    """
    path = Path(path)
    source = shown_path(path)
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            problem = Problem(
                f"{size:,} bytes, expected at most {_MAX_BYTES:,}", hint="put tables into CSV files beside it"
            )
            raise InvalidSpec(source, [problem])
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"no file {source}", hint="check the path, or make one with: labloop init") from error
    except OSError as error:
        raise InvalidSpec(source, [Problem(f"cannot be read: {error.strerror}", hint="name a file")]) from error
    return parse_spec(_decode(raw, source), source=source, folder=path.parent)


def parse_spec(content: str | Mapping[str, Any], *, source: str = "spec", folder: Path | None = None) -> Spec:
    """Check a campaign given as YAML text or as a plain mapping.

    ``folder`` is where the CSV tables that it names are looked for; without it they are not read.

    Raises
    ------
    InvalidSpec
        If anything is wrong with it; all problems found are listed.
    """
    document = _load(content, source) if isinstance(content, str) else content
    if not isinstance(document, Mapping) or not document:
        shown = "nothing" if document is None or document == {} else repr(_plain(document))[:60]
        raise InvalidSpec(
            source, [Problem(f"expected keys and values, got {shown}", hint=f"start with:  schema: {SCHEMA}")]
        )
    version = document.get("schema")
    if version is None:
        raise InvalidSpec(source, [Problem("no schema", "schema", f"write as the first line:  schema: {SCHEMA}")])
    if version != SCHEMA:
        raise InvalidSpec(
            source,
            [
                Problem(
                    f"schema {version!r} is not known to this labloop, expected {SCHEMA!r}",
                    "schema",
                    f"write  schema: {SCHEMA}  or install the labloop that wrote the file",
                    _line(document, ("schema",)),
                )
            ],
        )
    plain, problems = _with_tables(_plain(document), document, folder)
    if problems:
        raise InvalidSpec(source, problems)
    try:
        return Spec.model_validate(plain)
    except ValidationError as error:
        found = [_located(problem, document) for problem in _problems(error, plain)]
        raise InvalidSpec(source, found) from None


def read_yaml(path: Path) -> Any:
    """Read any YAML file as plain values, with the same defences as a campaign file.

    Raises
    ------
    InvalidSpec
        If it cannot be read, or is not YAML.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InvalidSpec(str(path), [Problem(f"cannot be read: {error.strerror}", hint="name a file")]) from error
    return _plain(_load(_decode(raw, str(path)), str(path)))


def located(error: InvalidSpec, path: Path) -> InvalidSpec:
    """Return an error about a spec that was read from a file, with the file's name and lines."""
    try:
        document = _load(_decode(path.read_bytes(), str(path)), str(path))
    except (OSError, InvalidSpec):  # it changed since, and is somebody else's question
        return error
    return InvalidSpec(shown_path(path), [_located(problem, document) for problem in error.problems])


def _decode(raw: bytes, source: str) -> str:
    encoding = "UTF-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "UTF-8"
    try:
        text = raw.decode("utf-8-sig" if encoding == "UTF-8" else encoding)
    except UnicodeDecodeError as error:
        # The position counts in error.object, which has lost the byte order mark.
        line = error.object[: error.start].count(b"\n") + 1
        problem = Problem(
            f"byte 0x{error.object[error.start]:02x} is not {encoding} text", "", "save the file as UTF-8", line
        )
        raise InvalidSpec(source, [problem]) from error
    return unicodedata.normalize("NFC", text)


def _refuse_control(text: str, source: str) -> None:
    found = _UNPRINTABLE.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        named = f"the control character U+{ord(found[0]):04X}"
        raise InvalidSpec(source, [Problem(f"{named} in a text file", "", "delete that character", line)])


def _load(text: str, source: str) -> Any:
    yaml = YAML(typ="rt", pure=True)
    _refuse_control(text, source)
    try:
        _refuse_bombs(yaml, text, source)
        return YAML(typ="rt", pure=True).load(StringIO(text))
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        key = str(error.problem).split('"')[1] if '"' in str(error.problem) else str(error.problem)
        raise InvalidSpec(source, [Problem(f"{key!r} is given twice", key, "remove or rename one", line)]) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        offending = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
        raise InvalidSpec(source, [_yaml_problem(str(error.problem), offending, line)]) from None
    except (YAMLError, ValueError, RecursionError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InvalidSpec(source, [Problem(f"not readable as YAML: {first}", hint="see docs/spec.md")]) from None


def _yaml_problem(reason: str, offending: str, line: int | None) -> Problem:
    if "\t" in offending:
        return Problem(
            f"a tab in {offending.strip()!r}", "", "YAML indents with spaces: replace each tab by two spaces", line
        )
    hint = "check the indentation, and that quotes and brackets are closed"
    if offending.count(": ") > 1 and "{" not in offending:
        hint = "put a text that holds a colon into quotes"
    return Problem(f"not readable as YAML near {offending.strip()!r}: {reason}", "", hint, line)


def _refuse_bombs(yaml: YAML, text: str, source: str) -> None:
    depth = 0
    for nodes, event in enumerate(yaml.parse(StringIO(text))):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        line = event.start_mark.line + 1 if event.start_mark else None
        if isinstance(event, AliasEvent):
            raise InvalidSpec(
                source, [Problem(f"the alias *{event.anchor} is not allowed", "", "write the value out", line)]
            )
        if depth > _MAX_DEPTH:
            problem = Problem(
                f"brackets or indentations more than {_MAX_DEPTH} deep",
                "",
                "close a bracket that was left open; nothing in a campaign file is nested deeper than 5",
                line,
            )
            raise InvalidSpec(source, [problem])
        if nodes > _MAX_NODES:
            raise InvalidSpec(
                source, [Problem(f"more than {_MAX_NODES:,} values", "", "put tables into CSV files beside it", line)]
            )


def _plain(node: Any) -> Any:
    """Turn ruamel's annotated containers and scalars into plain ones."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [_plain(item) for item in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    if node is None:
        return None
    return str(node.value) if isinstance(node, ScalarNode) else str(node)


def _with_tables(
    plain: dict[str, Any], document: Mapping[str, Any], folder: Path | None
) -> tuple[dict[str, Any], list[Problem]]:
    """Replace the paths of CSV tables by what is in them, so that the spec is whole in itself."""
    problems: list[Problem] = []
    if folder is None:
        return plain, problems
    parameters = plain.get("parameters")
    for name, fields in parameters.items() if isinstance(parameters, dict) else ():
        if isinstance(fields, dict) and isinstance(fields.get("choices"), str):
            try:
                fields["choices"] = read_descriptors(folder, fields["choices"])
            except InvalidSpec as error:
                path = ("parameters", name, "choices")
                problems += [_located(_under(problem, path), document) for problem in error.problems]
    if isinstance(plain.get("candidates"), str):
        try:
            plain["candidates"] = read_candidates(folder, plain["candidates"], parameters)
        except InvalidSpec as error:
            problems += [_located(_under(problem, ("candidates",)), document) for problem in error.problems]
    return plain, problems


def _under(problem: Problem, path: tuple[str, ...]) -> Problem:
    return Problem(problem.message, ".".join(path), problem.hint, None, problem.row)


def _problems(error: ValidationError, plain: Mapping[str, Any]) -> list[Problem]:
    found: list[Problem] = []
    for each in error.errors(include_url=False):
        cause = each.get("ctx", {}).get("error")
        if isinstance(cause, SpecProblems):
            found += cause.problems
        else:
            found.append(explain(each, plain))
    # Of a value that may be a list or a mapping, pydantic reports both readings: the deeper one was meant.
    return [p for p in found if not any(other.path.startswith(p.path + ".") for other in found)]


def _located(problem: Problem, document: Mapping[str, Any]) -> Problem:
    if problem.line is not None or not problem.path:
        return problem
    line = _line(document, tuple(problem.path.split(".")))
    return Problem(problem.message, problem.path, problem.hint, line, problem.row)


def _line(document: Any, path: tuple[str, ...]) -> int | None:
    """Find the line of the deepest part of a path that the document has."""
    line: int | None = None
    node = document
    for part in path:
        if isinstance(node, CommentedMap):
            key = next((key for key in node if part in (str(key), unicodedata.normalize("NFKC", str(key)))), None)
            if key is None or key not in node.lc.data:
                break
            line, node = node.lc.key(key)[0] + 1, node[key]
        elif isinstance(node, CommentedSeq) and part.isdigit() and int(part) < len(node):
            line, node = node.lc.item(int(part))[0] + 1, node[int(part)]
        else:
            break
    return line
