"""Optimizers: a registry, one file each, as pure functions of arrays."""

from __future__ import annotations

from importlib import import_module

from berth.errors import UsageError
from berth.recipe import Optimizer as Options
from trainer.optimizers.interface import Optimizer, Update

__all__ = ["OPTIMIZERS", "Optimizer", "Update", "create"]

# The module of each optimizer, which holds its class as OPTIMIZER.
OPTIMIZERS = {
    "lamb": "trainer.optimizers.lamb",
    "adamw": "trainer.optimizers.adamw",
}


def create(options: Options) -> Optimizer:
    """The optimizer of a recipe.

    Raises:
        UsageError: if there is no optimizer of that kind.
    """
    if options.kind not in OPTIMIZERS:
        raise UsageError(
            "there is no such optimizer", where="optimizer.kind", found=options.kind, expected=" or ".join(OPTIMIZERS)
        )
    optimizer: Optimizer = import_module(OPTIMIZERS[options.kind]).OPTIMIZER(options)
    return optimizer
