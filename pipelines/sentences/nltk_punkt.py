"""NLTK's Punkt, imported without what only other parts of NLTK use: ``from …nltk_punkt import punkt``.

NLTK imports scikit-learn, SciPy and matplotlib if they are installed: two seconds for each process.
"""

from __future__ import annotations

from berth.optional_imports import without

__all__ = ["punkt"]

with without("sklearn", "scipy.stats", "matplotlib", "pandas"):
    from nltk.tokenize import punkt
