"""What optimizers share: clipping by the global norm, and which variables are decayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keras import ops

from berth.recipe import Optimizer as Options
from trainer.optimizers.interface import Tensor


def is_decayed(options: Options, name: str) -> bool:
    """Whether weight decay (and LAMB's trust ratio) applies to the variable of this name."""
    return not any(text in name for text in options.exclude_from_weight_decay)


def norm(values: Tensor) -> Tensor:
    """The Euclidean norm of an array."""
    return ops.sqrt(ops.sum(ops.square(values)))


def global_norm(gradients: Mapping[str, Tensor] | Sequence[Tensor]) -> Tensor:
    """The norm of all gradients taken as one vector."""
    tensors = gradients.values() if isinstance(gradients, Mapping) else gradients
    return ops.sqrt(sum(ops.sum(ops.square(gradient)) for gradient in tensors))


def clip_scale(options: Options, norm: Tensor) -> Tensor:
    """The factor of every gradient that limits the global norm to the recipe's `clip_global_norm`."""
    if options.clip_global_norm is None:
        return ops.ones_like(norm)
    return options.clip_global_norm / ops.maximum(norm, options.clip_global_norm)
