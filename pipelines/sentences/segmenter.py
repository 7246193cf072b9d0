"""The segmenters: paragraph → sentences."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from berth import storage
from berth.errors import BerthError
from pipelines.sentences.languages import CLOSING_QUOTES, ENDS_WITHOUT_SPACE, OTHER_SPACE

Split = Callable[[str], list[str]]

# Behind an end that needs no space (and the quotes it closes), unless another one follows.
_BEHIND_END = re.compile(
    rf"(?<=[{ENDS_WITHOUT_SPACE}])(?![{ENDS_WITHOUT_SPACE}{re.escape(CLOSING_QUOTES)}])"
    rf"|(?<=[{ENDS_WITHOUT_SPACE}][{re.escape(CLOSING_QUOTES)}])(?![{ENDS_WITHOUT_SPACE}{re.escape(CLOSING_QUOTES)}])"
)
_HAS_SUCH_END = re.compile(f"[{ENDS_WITHOUT_SPACE}]")


@dataclass(frozen=True)
class Segmenter:
    """Which segmenter to use: small enough to travel to a worker.

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
        """The function that splits a paragraph into sentences: not empty, trimmed, without line feeds.

        Raises:
            BerthError: if the segmenter is not installed.
        """
        if self.kind == "sentencex":
            split = _sentencex(self.language)
        else:
            from pipelines.sentences.punkt_parameters import PunktModel
            from pipelines.sentences.punkt_splitter import PunktSplitter

            punkt = PunktSplitter(PunktModel.from_json(storage.read_bytes(self.punkt), self.punkt)).split_spaced

            def split(paragraph: str) -> list[str]:
                if not _HAS_SUCH_END.search(paragraph):
                    return punkt(paragraph)
                return [sentence for piece in _BEHIND_END.split(paragraph) for sentence in punkt(piece)]

        def sentences(paragraph: str) -> list[str]:
            if "  " in paragraph or OTHER_SPACE.search(paragraph):
                paragraph = " ".join(paragraph.split())
            found = map(str.strip, split(paragraph))
            return [sentence for sentence in found if sentence]

        return sentences


def _sentencex(language: str) -> Split:
    try:
        from sentencex import segment
    except ImportError as error:
        raise BerthError(
            "the segmenter sentencex is not installed",
            where="segmenter: sentencex",
            fix="Install it (pip install sentencex), or choose the segmenter punkt.",
        ) from error
    return lambda paragraph: list(segment(language, paragraph))
