"""Files of one JSON object a line, each line about one step of a training run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from berth import storage

Line = dict[str, Any]


def read(uri: str) -> list[Line]:
    """The lines of a file; empty if there is no file."""
    if not storage.exists(uri):
        return []
    return [json.loads(line) for line in storage.read_text(uri).splitlines()]


def read_until(uri: str, step: int) -> list[Line]:
    """The lines up to a step, that of the checkpoint an interrupted run resumes from; empty for step 0."""
    return [line for line in read(uri) if line["step"] <= step] if step else []


def write(uri: str, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write all lines atomically."""
    with storage.atomic_write(uri) as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines).encode())
