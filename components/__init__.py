"""Kubeflow components: one thin file a stage. Each reads its part of the recipe and calls the stage's function."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

NOT_COMPONENTS = {"image"}


def load() -> dict[str, Any]:
    """All components by name: each file holds one that is called as the file is."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {
        name: getattr(importlib.import_module(f"{__name__}.{name}"), name)
        for name in names
        if name not in NOT_COMPONENTS
    }
