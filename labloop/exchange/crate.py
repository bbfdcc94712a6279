"""What makes a folder of files an RO-Crate: the description that archives and other tools read.

RO-Crate 1.1 (Soiland-Reyes et al., Data Science 5, 2022; https://w3id.org/ro/crate/1.1). Nothing in it depends on
when or where it is written, so that the same campaign gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["METADATA", "Described", "crate_metadata"]

METADATA = "ro-crate-metadata.json"
_PROFILE = "https://w3id.org/ro/crate/1.1"
_FORMATS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".md": "text/markdown",
    ".txt": "text/plain",
    ".yaml": "application/yaml",
}


@dataclass(frozen=True)
class Described:
    """What the crate says about itself as a whole.

    ``began`` and ``ended`` are the times of the ledger's first and last entry; ``license`` is a URL or a sentence.
    """

    name: str
    description: str
    license: str
    began: str
    ended: str
    version: str


def crate_metadata(about: Described, files: Mapping[str, tuple[str, bytes]]) -> bytes:
    """Return the metadata file of a crate whose files are given as (what it is, content) by path."""
    parts = [{"@id": path} for path in files]
    root: dict[str, Any] = {
        "@id": "./",
        "@type": "Dataset",
        "name": about.name,
        "description": about.description,
        "datePublished": about.ended,
        "license": {"@id": about.license} if _is_url(about.license) else about.license,
        "hasPart": parts,
        "mentions": {"@id": "#campaign"},
    }
    graph: list[dict[str, Any]] = [
        {
            "@id": METADATA,
            "@type": "CreativeWork",
            "conformsTo": {"@id": _PROFILE},
            "about": {"@id": "./"},
        },
        root,
        *(_file(path, what, content) for path, (what, content) in files.items()),
        {
            "@id": "#campaign",
            "@type": "CreateAction",
            "name": f"the campaign {about.name}",
            "startTime": about.began,
            "endTime": about.ended,
            "instrument": {"@id": "#labloop"},
            "result": parts,
        },
        {"@id": "#labloop", "@type": "SoftwareApplication", "name": "labloop", "softwareVersion": about.version},
    ]
    if _is_url(about.license):
        graph.append({"@id": about.license, "@type": "CreativeWork", "name": "the licence of this campaign's data"})
    crate = {"@context": f"{_PROFILE}/context", "@graph": graph}
    return (json.dumps(crate, indent=2, ensure_ascii=False) + "\n").encode()


def _is_url(text: str) -> bool:
    return text.startswith(("https://", "http://"))


def _file(path: str, what: str, content: bytes) -> dict[str, Any]:
    return {
        "@id": path,
        "@type": "File",
        "name": path.rpartition("/")[2],
        "description": what,
        "encodingFormat": _FORMATS["." + path.rpartition(".")[2]],
        "contentSize": str(len(content)),
    }
