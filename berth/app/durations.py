"""How long the stages of a recipe took on this machine: a small file in the user's cache directory."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from berth import kernel_cache, storage
from berth.errors import BerthError

NAME = "durations.json"
_CONTENT = TypeAdapter(dict[str, dict[str, float]])


def read(recipe: str) -> dict[str, float]:
    """Seconds that each stage of the last runs of a recipe took, by title; empty if none is known."""
    return _content().get(recipe, {})


def add(recipe: str, seconds: Mapping[str, float]) -> None:
    """Remember what stages took. A cache that cannot be written is no reason for a run to fail."""
    content = _content()
    content[recipe] = {**content.get(recipe, {}), **seconds}
    with contextlib.suppress(BerthError, OSError), storage.atomic_write(str(_path())) as file:
        file.write(_CONTENT.dump_json(content, indent=2))


def _path() -> Path:
    return kernel_cache.user_directory() / NAME


def _content() -> dict[str, dict[str, float]]:
    try:
        return _CONTENT.validate_json(_path().read_bytes())
    except (OSError, ValidationError):
        return {}
