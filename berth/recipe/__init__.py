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
    Vocabulary,
)
from berth.recipe.execution import Execution
from berth.recipe.model import ModelConfig
from berth.recipe.published import Published, PublishedFigure, PublishedLine
from berth.recipe.recipe import Recipe
from berth.recipe.section import Expected, Name, Section
from berth.recipe.statistics import FileStatistics, LengthShare, Statistics
from berth.recipe.training import (
    Evaluation,
    Export,
    FineTuning,
    Initialization,
    Optimizer,
    Phase,
    Schedule,
    Target,
    Training,
)

__all__ = [
    "IMAGE_REFERENCE",
    "SHARED_DIRECTORY",
    "Cluster",
    "Corpus",
    "Evaluation",
    "Execution",
    "Expected",
    "Export",
    "ExtractOptions",
    "FileStatistics",
    "Filter",
    "FineTuning",
    "Initialization",
    "LengthShare",
    "ModelConfig",
    "Name",
    "Optimizer",
    "Phase",
    "Prepared",
    "Published",
    "PublishedFigure",
    "PublishedLine",
    "Recipe",
    "RecordSet",
    "Schedule",
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
