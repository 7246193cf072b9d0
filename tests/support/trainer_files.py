"""Golden files, and changes to recipes."""

from pathlib import Path
from typing import Any

from berth.recipe import Recipe

GOLDEN = Path(__file__).parents[1] / "golden"
RECORDS = GOLDEN / "records" / "qarib-64-cased.tfrecord.gz"
VOCABULARY = GOLDEN / "records" / "vocab.txt"


def changed(recipe: Recipe, **changes: Any) -> Recipe:
    """The recipe with other values: ``changed(recipe, training={"keep_checkpoints": 1})``."""
    content = recipe.model_dump()
    for section, values in changes.items():
        content[section] = {**content[section], **values} if isinstance(values, dict) else values
    return Recipe.model_validate(content)
