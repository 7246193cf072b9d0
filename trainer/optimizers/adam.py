"""Adam's two moments and their bias correction, which AdamW and LAMB share.

Rounding follows the reference implementations: 1 - beta and the powers of beta are computed as each of them does.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from keras import ops

from berth.recipe import Optimizer as Options
from trainer.optimizers.interface import Tensor


class Adam:
    """The moments as optimizer slots, and the change that they give.

    Args:
        options: The recipe's settings.
    """

    # As in Google's checkpoints.
    slots = ("adam_m", "adam_v")

    def __init__(self, options: Options) -> None:
        self.options = options

    def scalars(self, learning_rate: float, update: int) -> tuple[float, ...]:
        """The learning rate, and the divisors of the two moments: 1 - beta**update, or 1 without bias correction."""
        if not self.options.bias_correction:
            return learning_rate, 1.0, 1.0
        m, v = (1.0 - _power(beta, update) for beta in (self.options.beta_1, self.options.beta_2))
        return learning_rate, float(m), float(v)

    def change(
        self, gradient: Tensor, slots: Sequence[Tensor], scalars: Sequence[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The corrected first moment over the root of the corrected second one, and the new moments."""
        options, (m, v) = self.options, slots
        m = options.beta_1 * m + self._complement(options.beta_1) * gradient
        v = options.beta_2 * v + self._complement(options.beta_2) * ops.square(gradient)
        return (m / scalars[1]) / (ops.sqrt(v / scalars[2]) + options.epsilon), (m, v)

    def _complement(self, beta: float) -> float:
        """1 - beta, rounded as in the respective reference: consistently with the correction, if there is one."""
        return float(np.float32(1.0) - np.float32(beta)) if self.options.bias_correction else 1.0 - beta


def _power(beta: float, exponent: int) -> np.float32:
    """beta**exponent as the reference computes it: multiplied up in single precision, update by update.

    The rounding matters: for beta_2 = 0.999 an exact power would change the first updates by some 1e-5 of their size.
    """
    return np.float32(_powers(beta, 1 << exponent.bit_length())[exponent - 1])


@functools.lru_cache
def _powers(beta: float, count: int) -> np.ndarray:
    return np.multiply.accumulate(np.full(count, beta, dtype=np.float32))
