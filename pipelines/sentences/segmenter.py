"""Sentence splitting by Punkt or sentencex: lines of paragraphs → lines of sentences."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from berth import storage
from berth.errors import BerthError
from pipelines.sentences.languages import CLOSING_QUOTES, ENDS_WITHOUT_SPACE
from pipelines.sentences.lines import Lines
from pipelines.sentences.punkt_parameters import PunktModel
from pipelines.sentences.punkt_splitter import PunktSplitter

# Documents as paragraphs → documents as sentences, one a line, and the number of sentences of each document.
Split = Callable[[Lines], tuple[Lines, npt.NDArray[np.int64]]]


@dataclass(frozen=True)
class Segmenter:
    """Which segmenter to use. Small enough to send to workers.

    Attributes:
        kind: ``"punkt"`` or ``"sentencex"``.
        language: Language code.
        punkt: URI of a punkt.json, for ``"punkt"``.
    """

    kind: str
    language: str
    punkt: str = ""

    def check(self) -> None:
        """Raise BerthError if the segmenter is not installed."""
        if self.kind == "sentencex":
            _sentencex(self.language)

    def load(self) -> Split:
        """The function that splits documents into sentences.

        A process makes it once, so that Punkt's decisions on one article group serve the next.

        Raises:
            BerthError: If the segmenter is not installed, or punkt.json cannot be read.
        """
        if self.kind == "sentencex":
            return _sentencex(self.language)
        return punkt_split(storage.read_bytes(self.punkt), self.punkt)


def keep(lines: Lines) -> tuple[Lines, npt.NDArray[np.int64]]:
    """The segmenter of a corpus whose lines are sentences."""
    return lines, lines.lines_of_documents()


@functools.lru_cache(maxsize=1)
def punkt_split(content: bytes, uri: str = "punkt.json") -> Split:
    """The function that splits documents with Punkt.

    Args:
        content: A ``punkt.json``, as :meth:`PunktModel.to_json` gives it.
        uri: Its name in errors.

    Raises:
        BerthError: If the content is something else.
    """
    model = PunktModel.from_json(content, uri)
    split = PunktSplitter(model).split
    boundaries = _boundaries_without_space("".join(sign for sign in model.end_characters if sign in ENDS_WITHOUT_SPACE))
    if boundaries is None:
        return split
    return lambda lines: split(Lines.of_texts(boundaries.sub("\n", text) for text in lines.texts()))


def _boundaries_without_space(ends: str) -> re.Pattern[str] | None:
    """Where a sentence ends although no space follows: after such an end and the quote that it closes."""
    if not ends:
        return None
    closing = re.escape(CLOSING_QUOTES)
    return re.compile(f"(?<=[{ends}])(?![{ends}{closing}])|(?<=[{ends}][{closing}])(?![{ends}{closing}])")


def _sentencex(language: str) -> Split:
    try:
        from sentencex import segment
    except ImportError as error:
        raise BerthError(
            "the segmenter sentencex is not installed",
            where="segmenter: sentencex",
            fix="Install it (pip install sentencex), or choose the segmenter punkt.",
        ) from error

    def split(lines: Lines) -> tuple[Lines, npt.NDArray[np.int64]]:
        texts = (text.split("\n") for text in lines.texts())
        return keep(
            Lines.of_texts("\n".join(one for line in text for one in segment(language, line)) for text in texts)
        )

    return split
