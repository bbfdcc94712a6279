"""The JSON Schema of campaign files, as editors want it: what may be written, files of tables included."""

from __future__ import annotations

from typing import Any

from labloop.spec.models import SCHEMA, Spec

__all__ = ["json_schema"]


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a campaign file."""
    schema = Spec.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["required"] = ["schema", *(each for each in schema["required"] if each != "schema")]
    schema["properties"]["schema"]["const"] = SCHEMA
    # What only a file may hold: the path of a CSV table in place of its content, a limit as one line.
    table = {"type": "string", "description": "the path of a CSV table beside the campaign file"}
    schema["$defs"]["Choice"]["properties"]["choices"]["anyOf"].append(table)
    schema["properties"]["candidates"]["anyOf"].append(table)
    limits = schema["properties"]["limits"]["items"]
    schema["properties"]["limits"]["items"] = {"anyOf": [{"type": "string", "examples": ["purity >= 95"]}, limits]}
    return schema
