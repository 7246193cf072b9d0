"""The names that the scanner's kernel looks up, in one table for each wiki."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from berth.kernels.name_table import name_table
from pipelines.wikitext.names import (
    BLOCK_TAGS,
    FORMULA_TAGS,
    FUNCTIONS,
    MEDIA_EXTENSIONS,
    OPAQUE_TAGS,
    SCHEMES,
    SPACE_TAGS,
)
from pipelines.wikitext.siteinfo import CATEGORY_NAMESPACE, FILE_NAMESPACE, MEDIA_NAMESPACE, TEMPLATE_NAMESPACE, Wiki

# Kinds of names.
TAG, NAMESPACE, TEMPLATE, FUNCTION, SCHEME, EXTENSION, LANGUAGE = range(7)
# Numbers of tags; those of formulas begin at FORMULAS, those of other opaque tags at OPAQUE.
SPACE, BLOCK, SUPERSCRIPT, NOWIKI, REF, FORMULAS = range(6)
OPAQUE = FORMULAS + len(FORMULA_TAGS)
# Numbers of namespaces.
SHOWN, HIDDEN, OF_FILES, OF_TEMPLATES = range(4)

_NAMESPACES = {
    FILE_NAMESPACE: OF_FILES,
    MEDIA_NAMESPACE: OF_FILES,
    CATEGORY_NAMESPACE: HIDDEN,
    TEMPLATE_NAMESPACE: OF_TEMPLATES,
}

_TAGS = {SPACE: SPACE_TAGS, BLOCK: BLOCK_TAGS, SUPERSCRIPT: {"sup"}, NOWIKI: {"nowiki"}, REF: {"ref"}}

# Codes of languages other than two or three letters, optionally with more parts after hyphens.
OTHER_LANGUAGES = ("simple", "tokipona")


def scanner_names(wiki: Wiki, templates: Iterable[str]) -> npt.NDArray[np.uint64]:
    """The names that matter in the pages of one wiki, as a table (see :mod:`berth.kernels.name_table`).

    Args:
        wiki: The wiki: names of its namespaces.
        templates: Names of the templates that show something there.
    """
    entries: dict[tuple[int, bytes], int] = {}
    for number, name in enumerate(sorted(OPAQUE_TAGS - {"ref"}), OPAQUE):
        entries[TAG, name.encode()] = number
    entries.update({(TAG, name.encode()): number for number, name in enumerate(FORMULA_TAGS, FORMULAS)})
    for number, names in _TAGS.items():
        entries.update({(TAG, name.encode()): number for name in names})
    for prefix, key in wiki.prefixes().items():
        entries[NAMESPACE, prefix] = _NAMESPACES.get(key, SHOWN)
    for kind, known in (
        (TEMPLATE, templates),
        (FUNCTION, FUNCTIONS),
        (SCHEME, SCHEMES),
        (EXTENSION, MEDIA_EXTENSIONS),
        (LANGUAGE, OTHER_LANGUAGES),
    ):
        entries.update({(kind, name.encode()): 1 for name in known})
    return name_table(entries)
