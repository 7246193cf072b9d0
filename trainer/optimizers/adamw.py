"""AdamW, numerically equal to Google's `AdamWeightDecayOptimizer`, with or without bias correction."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.optimizers.adam import Adam
from trainer.optimizers.common import is_decayed
from trainer.optimizers.interface import Tensor, Update


class AdamW(Adam):
    """Adam with decoupled weight decay: https://arxiv.org/abs/1711.05101."""

    def update(
        self, name: str, value: Tensor, gradient: Tensor, slots: Sequence[Tensor], scalars: Sequence[Tensor]
    ) -> Update:
        """One update of one variable; see `Optimizer.update`."""
        change, moments = self.change(gradient, slots, scalars)
        if is_decayed(self.options, name):
            change = change + self.options.weight_decay * value
        return Update(value - scalars[0] * change, moments)


OPTIMIZER = AdamW
