"""Every seed, and every input that once did what none may do, is taken or refused with one clear message."""

from __future__ import annotations

from pathlib import Path

import pytest

from berth.storage import cloud
from fuzz import target

LIBRARIES_TAKE_LONG = ("tensorflow_checkpoints",)  # to load
INPUTS = [
    pytest.param(
        name,
        path,
        id=f"{name}-{path.name}",
        marks=[pytest.mark.slow] if name in LIBRARIES_TAKE_LONG else [],
    )
    for name in target.names()
    for kind in ("seeds", "regressions")
    for path in sorted((target.FOLDER / kind / name).glob("*"))
]


@pytest.mark.parametrize(("name", "path"), INPUTS)
def test_an_input_is_taken_or_refused(name: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud, "client", target.no_network)
    target.load(name).run(path.read_bytes())


def test_every_target_has_seeds() -> None:
    assert all(any((target.FOLDER / "seeds" / name).iterdir()) for name in target.names())
