"""Dynamic loss scaling for float16, whose smallest numbers are about 6e-8: the loss is multiplied before gradients.

After https://arxiv.org/abs/1710.03740, section 3.2: an update whose gradients overflow is skipped and the scale halved;
after many good updates it is doubled. Checkpoints hold the state under the names below.
"""

from __future__ import annotations

from keras import ops

from trainer.optimizers.interface import Tensor

SCALE = "loss_scale/scale"
GOOD_UPDATES = "loss_scale/good_updates"
INITIAL = {SCALE: 2.0**15, GOOD_UPDATES: 0.0}
GROWTH_UPDATES = 2000
FACTOR = 2.0


def is_needed(precision: str) -> bool:
    """Whether training with this Keras dtype policy needs it."""
    return precision == "mixed_float16"


def following(scale: Tensor, good_updates: Tensor, finite: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and count of good updates after an update.

    Args:
        scale: float32 scalar.
        good_updates: float32 scalar, good updates since the scale was last changed.
        finite: Whether this update's gradients were finite.
    """
    good = good_updates + 1.0
    grows = good >= GROWTH_UPDATES
    scale_if_good = ops.where(grows, scale * FACTOR, scale)
    good_if_good = ops.where(grows, 0.0, good)
    return ops.where(finite, scale_if_good, scale / FACTOR), ops.where(finite, good_if_good, 0.0)
