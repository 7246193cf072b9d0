"""The registry of corpus formats. Each is one module of this package, which defines ``FORMAT``.

To add a format, write such a module, add a line to ``MODULES`` and its name to the recipe's ``Source.format``
(docs/extending.md has a complete example). Wikipedia dumps are not here: they are read in several passes over all dumps
of a corpus (:mod:`pipelines.wikitext.extraction`), while a file of these formats is read by itself, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from berth.recipe import Source
from berth.stage.inputs import Inputs

if TYPE_CHECKING:
    from pipelines.corpora.reading import Part

# Recipe's name → module. A module is imported when a source has its format.
MODULES = {
    "sentences": "pipelines.corpora.sentences",
    "documents": "pipelines.corpora.documents",
    "jsonl": "pipelines.corpora.jsonl",
    "parquet": "pipelines.corpora.tables",
}
FIELDS = ("text_field", "id_field", "title_field", "language_field")


@dataclass(frozen=True)
class CorpusFormat:
    """How files of a format are found and read.

    Attributes:
        parts: The parts of a source's files, in order. They may depend on the files and the source, not on the machine.
        options: Options of ``Source`` that apply to this format, besides ``path`` and ``expected``.
        files: The files that a source's ``path`` names.
    """

    parts: Callable[[Inputs, Source], Sequence[Part]]
    options: tuple[str, ...] = ()
    files: Callable[[str], Inputs] = Inputs.of


def corpus_format(name: str) -> CorpusFormat:
    """The format of a name. Raises KeyError if there is none."""
    found: CorpusFormat = import_module(MODULES[name]).FORMAT
    return found


def names_with(option: str) -> list[str]:
    """The formats that an option of a source applies to."""
    return [name for name in MODULES if option in corpus_format(name).options]
