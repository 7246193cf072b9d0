"""Check that a checkpoint was loaded as its authors meant it, by its accuracy before the first update."""

from __future__ import annotations

from collections.abc import Mapping

from berth.errors import BerthError
from berth.recipe import Recipe


def check(recipe: Recipe, figures: Mapping[str, float]) -> None:
    """Compare the evaluation before the first update with `initialization.accuracy`, if the recipe gives it.

    Args:
        recipe: The recipe.
        figures: Figures of the evaluation, with `masked_lm_accuracy`.

    Raises:
        BerthError: if the accuracy differs by more than the tolerance.
    """
    expected, found = recipe.initialization.accuracy, figures["masked_lm_accuracy"]
    if expected is None or abs(found - expected.value) <= expected.tolerance:
        return
    raise BerthError(
        "the checkpoint does not have the accuracy that the recipe expects before the first update",
        where=str(recipe.initial_checkpoint),
        found=f"masked_lm_accuracy {found:.5f}",
        expected=f"{expected.value:.5f} ± {expected.tolerance:g} (initialization.accuracy)",
        fix="Probable causes: another checkpoint, vocabulary or case of the text (vocabulary.lower_case); records of "
        "another length or masking; another activation (model.hidden_act: gelu_new is that of Google's scripts); heads "
        "that the checkpoint lacks. An evaluation set of other documents than the authors' needs a wider tolerance.",
    )
