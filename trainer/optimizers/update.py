"""LAMB and AdamW as pure functions of arrays, numerically equal to the reference implementations.

LAMB: https://arxiv.org/abs/1904.00962 as in MLPerf's `lamb_optimizer`: weight decay inside the trust ratio. AdamW:
Google's `AdamWeightDecayOptimizer`, with or without bias correction. Both engines call these in their compiled step.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from berth.recipe import Optimizer

Tensor = Any  # float32, of whichever engine runs

# Names of the optimizer's slots in checkpoints: VARIABLE/adam_m and VARIABLE/adam_v, as in Google's.
SLOTS = ("adam_m", "adam_v")


class Rates(NamedTuple):
    """The scalars of one update.

    Args:
        learning_rate: From the schedule.
        m_correction, v_correction: The moments are divided by these: 1 - beta**updates, or 1 without bias correction.
    """

    learning_rate: Any
    m_correction: Any
    v_correction: Any


def rates(optimizer: Optimizer, learning_rate: float, update: int) -> Rates:
    """The scalars of the ``update``-th update (from 1) since the optimizer's state was last reset."""
    if not optimizer.bias_correction:
        return Rates(learning_rate, 1.0, 1.0)
    m_correction, v_correction = (1.0 - _power(beta, update) for beta in (optimizer.beta_1, optimizer.beta_2))
    return Rates(learning_rate, float(m_correction), float(v_correction))


def _power(beta: float, exponent: int) -> np.float32:
    """beta**exponent as the reference has it: multiplied up in single precision, update by update.

    The rounding shows: for beta_2 = 0.999 an exact power would change the first updates by some 1e-5 of their size.
    """
    return np.float32(_powers(beta, 1 << exponent.bit_length())[exponent - 1])


@functools.lru_cache
def _powers(beta: float, count: int) -> np.ndarray:
    return np.multiply.accumulate(np.full(count, beta, dtype=np.float32))


def _complement(optimizer: Optimizer, beta: float) -> float:
    """1 - beta, rounded as in the respective reference: consistently with the correction, where there is one."""
    return float(np.float32(1.0) - np.float32(beta)) if optimizer.bias_correction else 1.0 - beta


@dataclass(frozen=True)
class Updated:
    """A variable and its two moments after an update."""

    value: Tensor
    m: Tensor
    v: Tensor


def is_decayed(optimizer: Optimizer, name: str) -> bool:
    """Whether weight decay (and LAMB's trust ratio) applies to the variable of this name."""
    return not any(text in name for text in optimizer.exclude_from_weight_decay)


def update(
    optimizer: Optimizer, name: str, value: Tensor, gradient: Tensor, m: Tensor, v: Tensor, scalars: Rates
) -> Updated:
    """One update of one variable.

    Args:
        optimizer: The recipe's settings.
        name: The variable's path; decides about weight decay.
        value: The variable, float32.
        gradient: Its clipped gradient, of the same shape.
        m: First moment.
        v: Second moment.
        scalars: From :func:`rates`.
    """
    m = optimizer.beta_1 * m + _complement(optimizer, optimizer.beta_1) * gradient
    v = optimizer.beta_2 * v + _complement(optimizer, optimizer.beta_2) * ops.square(gradient)
    change = (m / scalars.m_correction) / (ops.sqrt(v / scalars.v_correction) + optimizer.epsilon)
    if is_decayed(optimizer, name):
        change = change + optimizer.weight_decay * value
        if optimizer.kind == "lamb":
            change = _trust_ratio(value, change) * change
    return Updated(value - scalars.learning_rate * change, m, v)


def _trust_ratio(value: Tensor, change: Tensor) -> Tensor:
    """Norm of the variable over norm of its change; 1 where either is zero."""
    value_norm, change_norm = _norm(value), _norm(change)
    defined = ops.logical_and(value_norm > 0.0, change_norm > 0.0)
    return ops.where(defined, value_norm / ops.where(defined, change_norm, 1.0), 1.0)


def _norm(values: Tensor) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(values)))


def global_norm(gradients: Mapping[str, Tensor] | Sequence[Tensor]) -> Tensor:
    """The norm of all gradients taken as one vector."""
    tensors = gradients.values() if isinstance(gradients, Mapping) else gradients
    return ops.sqrt(sum(ops.sum(ops.square(gradient)) for gradient in tensors))


def clip_scale(optimizer: Optimizer, norm: Tensor) -> Tensor:
    """What every gradient is multiplied by so that the global norm is at most the recipe's."""
    if optimizer.clip_global_norm is None:
        return ops.ones_like(norm)
    return optimizer.clip_global_norm / ops.maximum(norm, optimizer.clip_global_norm)
