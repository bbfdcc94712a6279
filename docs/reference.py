"""Writes docs/cli.md and docs/spec.md from the code; `python docs/reference.py --write`, a test looks for drift."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labloop.cli.main import COMMANDS, load
from labloop.errors import LabloopError
from labloop.spec.schema import json_schema

DOCS = Path(__file__).parent


def pages() -> dict[Path, str]:
    """Return every generated page by its path."""
    return {DOCS / "cli.md": cli(), DOCS / "spec.md": spec()}


def cli() -> str:
    """Return the reference of the command line."""
    lines = [
        "# Commands",
        "",
        "Written from the code by `python docs/reference.py --write`.",
        "",
        "Every command takes the campaign's name first; in a workspace with one campaign it may be left out. An",
        "experiment is named by its number (`7`) or its id (`hydrogel#7`), several as `3-5`. With `--json` a command",
        "answers with one envelope on standard output and nothing else there:",
        "",
        "```json",
        '{"schema": "labloop.cli/1", "command": "...", "ok": true, "data": {}, "warnings": [], "error": null}',
        "```",
        "",
        "On an error `data` is null and `error` holds `code`, `message`, `hint`, `field`, `row` (and `problems`, where",
        "there are several). Notes for people go to standard error.",
        "",
        "## Exit codes",
        "",
        "| code | meaning |",
        "| --- | --- |",
        "| 0 | done |",
        "| 1 | a mistake in labloop itself |",
        *(f"| {code} | {meaning} |" for code, meaning in exit_codes()),
        "| 130 | stopped with Ctrl-C; everything recorded so far is kept |",
        "",
    ]
    panel = ""
    for name, (group, _) in COMMANDS.items():
        if group != panel:
            lines += [f"## {group}", ""]
            panel = group
        lines += _command(name)
    return "\n".join(lines).rstrip() + "\n"


def exit_codes() -> Iterator[tuple[int, str]]:
    """Yield (exit code, meaning) from the tree of errors."""
    found: dict[int, str] = {}
    for error in LabloopError.__subclasses__():
        meaning = (error.__doc__ or "").strip().splitlines()[0].rstrip(".")
        found[error.exit_code] = meaning[0].lower() + meaning[1:]
    yield from sorted(found.items())


def _command(name: str) -> list[str]:
    command: Any = load(name)
    text = "\n".join(line.strip() for line in (command.help or "").strip().splitlines())
    lines = [f"### labloop {name}", ""]
    example = False
    for line in text.splitlines():
        if line.startswith(f"labloop {name}") or (example and line):
            line = f"    {line}"
        example = example or line.startswith("For example")
        lines.append(line)
    options = [each for each in command.params if each.param_type_name == "option" and each.name != "help"]
    if options:
        lines += ["", "| option | meaning |", "| --- | --- |"]
        lines += [f"| {_option(each)} | {each.help or ''} |" for each in options]
    return [*lines, ""]


def _option(option: Any) -> str:
    words = ", ".join(f"`{each}`" for each in sorted(option.opts, key=len))
    if option.is_flag:
        return words
    return f"{words} {str(option.metavar or 'value').upper().strip('<>[]')}"


def spec() -> str:
    """Return the reference of the campaign file."""
    schema = json_schema()
    lines = [
        "# The campaign file",
        "",
        "Written from the code by `python docs/reference.py --write`; `labloop schema` prints the same as JSON Schema.",
        "A key that is not listed here is an error. Names of parameters and outcomes are letters, digits and `_`; the",
        "heading under which a table carries a column, where it differs, is its `label`.",
        "",
        "## Top level",
        "",
        *_table(schema, schema),
        "## Parameters",
        "",
        "The kind of a parameter shows in its fields.",
        "",
    ]
    for kind in ("Continuous", "Integer", "Levels", "Choice", "Component", "Covariate", "Constant"):
        lines += _section(schema, kind, level=3)
    for kind in ("Mixture", "Objective", "Limit", "PlannerSettings"):
        lines += _section(schema, kind, level=2)
    return "\n".join(lines).rstrip() + "\n"


def _section(schema: dict[str, Any], kind: str, *, level: int) -> list[str]:
    found = schema["$defs"][kind]
    return [f"{'#' * level} {kind}", "", _plain(found["description"]), "", *_table(found, schema)]


def _table(found: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    needed = set(found.get("required", ()))
    lines = ["| key | value | meaning |", "| --- | --- | --- |"]
    for name, field in found["properties"].items():
        default = field.get("default")
        value = _type(field, schema)
        if name in needed:
            value += ", **needed**"
        elif isinstance(default, str | int | float) and default != "":
            value += f", else `{str(default).lower() if isinstance(default, bool) else default}`"
        lines.append(f"| `{name}` | {value} | {_plain(field.get('description', ''))} |")
    return [*lines, ""]


def _type(field: dict[str, Any], schema: dict[str, Any]) -> str:
    if "const" in field:
        return f"`{str(field['const']).lower() if isinstance(field['const'], bool) else field['const']}`"
    if "enum" in field:
        return " or ".join(f"`{each}`" for each in field["enum"])
    if "anyOf" in field:
        return " or ".join(_type(each, schema) for each in field["anyOf"] if each.get("type") != "null")
    if "oneOf" in field or "additionalProperties" in field:
        return "names with fields"
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if field.get("type") == "array":
        if "prefixItems" in field:
            return "[low, high]"
        return "a list"
    return {"number": "a number", "integer": "a whole number", "string": "a text", "boolean": "true or false"}.get(
        field.get("type", ""), "keys and values"
    )


def _plain(text: str) -> str:
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")


if __name__ == "__main__":
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--write" in sys.argv:
        for path in stale:
            path.write_text(pages()[path], encoding="utf-8")
    elif stale:
        sys.exit(f"stale: {', '.join(map(str, stale))}; run: python docs/reference.py --write")
