"""Kubeflow components, one thin file per stage. Each reads its part of the recipe and calls the stage's function."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

NOT_COMPONENTS = {"image"}


def load() -> dict[str, Any]:
    """All components, by the names of their files; each file holds one."""
    from kfp.dsl.base_component import BaseComponent

    found = {}
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        if name not in NOT_COMPONENTS:
            module = importlib.import_module(f"{__name__}.{name}")
            [found[name]] = [value for value in vars(module).values() if isinstance(value, BaseComponent)]
    return found
