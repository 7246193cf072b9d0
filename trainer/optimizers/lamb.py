"""LAMB: https://arxiv.org/abs/1904.00962, numerically equal to MLPerf's `lamb_optimizer`.

Weight decay is inside the trust ratio.
"""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from trainer.optimizers.adam import Adam
from trainer.optimizers.common import is_decayed, norm
from trainer.optimizers.interface import Tensor, Update


class Lamb(Adam):
    """Adam whose change of each variable is scaled to the variable's own norm."""

    def update(
        self, name: str, value: Tensor, gradient: Tensor, slots: Sequence[Tensor], scalars: Sequence[Tensor]
    ) -> Update:
        """One update of one variable; see `Optimizer.update`."""
        change, moments = self.change(gradient, slots, scalars)
        if is_decayed(self.options, name):
            change = change + self.options.weight_decay * value
            change = _trust_ratio(value, change) * change
        return Update(value - scalars[0] * change, moments)


def _trust_ratio(value: Tensor, change: Tensor) -> Tensor:
    """Norm of the variable over norm of its change; 1 where either is zero."""
    value_norm, change_norm = norm(value), norm(change)
    defined = ops.logical_and(value_norm > 0.0, change_norm > 0.0)
    return ops.where(defined, value_norm / ops.where(defined, change_norm, 1.0), 1.0)


OPTIMIZER = Lamb
