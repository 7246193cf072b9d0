"""The recipe: one typed file that holds everything a run depends on.

Each file holds a group of sections; recipe.py is the whole, file.py loads it, scale.py makes it small, keys.py and
help.py describe its keys.
"""

from berth.recipe.cluster import IMAGE_REFERENCE, SHARED_DIRECTORY, Cluster, TaskResources, Toleration
from berth.recipe.corpus import (
    Corpus,
    ExtractOptions,
    Filter,
    Prepared,
    RecordSet,
    Segmentation,
    Source,
    Statistics,
    Vocabulary,
)
from berth.recipe.model import ModelConfig
from berth.recipe.recipe import Recipe
from berth.recipe.section import Expected, Name, Section
from berth.recipe.training import (
    Evaluation,
    Export,
    FineTuning,
    Initialization,
    Optimizer,
    Phase,
    Target,
    Training,
)

__all__ = [
    "IMAGE_REFERENCE",
    "SHARED_DIRECTORY",
    "Cluster",
    "Corpus",
    "Evaluation",
    "Expected",
    "Export",
    "ExtractOptions",
    "Filter",
    "FineTuning",
    "Initialization",
    "ModelConfig",
    "Name",
    "Optimizer",
    "Phase",
    "Prepared",
    "Recipe",
    "RecordSet",
    "Section",
    "Segmentation",
    "Source",
    "Statistics",
    "Target",
    "TaskResources",
    "Toleration",
    "Training",
    "Vocabulary",
]
