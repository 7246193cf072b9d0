"""Engines that tests share: a process traces and compiles the steps of a model once, not in every test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trainer.engines import Engine, Settings


def shared(create: Callable[[str, Settings], Engine]) -> Callable[[str, Settings], Engine]:
    """``trainer.engines.create``, but equal settings give one engine.

    Its optimizer begins as a new one does. Its variables stay as they were used last: whoever forgets to assign one
    gets other results, as from a new engine, whose variables are random.
    """
    engines: dict[tuple[str, str], tuple[Engine, dict[str, np.ndarray]]] = {}

    def find_or_create(name: str, settings: Settings) -> Engine:
        key = name, repr(settings)
        if key not in engines:
            engine = create(name, settings)
            optimizer = {name: array for name, array in engine.arrays().items() if name not in engine.shapes}
            engines[key] = engine, optimizer
        engine, optimizer = engines[key]
        engine.assign(optimizer)
        return engine

    return find_or_create
