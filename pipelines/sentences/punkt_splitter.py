"""Sentence splitting with Punkt: NLTK's decisions, each made once for each context."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from pipelines.sentences.lines import Lines
from pipelines.sentences.punkt_decision import MAX_REMEMBERED, Decision
from pipelines.sentences.punkt_kernels import (
    NONE,
    Characters,
    empty_contexts,
    find_contexts,
    look_up,
    remember,
    write_sentences,
)
from pipelines.sentences.punkt_parameters import PunktModel
from pipelines.sentences.punkt_training import language_variables

UNKNOWN = 2


class PunktSplitter:
    """Splits lines into sentences exactly as ``nltk.tokenize.punkt.PunktSentenceTokenizer.tokenize`` does.

    NLTK's decision on a possible sentence end depends only on the word before and the word after it, so it is cached by
    their text.
    """

    def __init__(self, model: PunktModel) -> None:
        self._characters = Characters(model.end_characters)
        self._decision = Decision(model, language_variables(model.end_characters))
        self._decisions = _Decisions()
        self._lock = threading.Lock()  # worker threads of one process share a splitter

    def split(self, lines: Lines) -> tuple[Lines, npt.NDArray[np.int64]]:
        """The documents with one sentence a line, and the number of sentences of each document."""
        text, characters = lines.text, self._characters
        contexts = empty_contexts(len(text) // 64 + 16)
        count = find_contexts(text, characters.leads, characters.classes, contexts)
        if count > len(contexts):
            contexts = empty_contexts(count)
            find_contexts(text, characters.leads, characters.classes, contexts)
        contexts = contexts[:count]
        with self._lock:
            decisions = self._decide(text, contexts)
        out = np.empty(len(text) + count + 1, np.uint8)
        offsets = np.zeros(len(lines.offsets), np.int64)
        sentences = np.zeros(lines.documents, np.int64)
        write_sentences(
            text,
            lines.offsets,
            characters.leads,
            characters.classes,
            contexts,
            decisions,
            out,
            offsets,
            sentences,
        )
        return Lines(out[: offsets[-1]], offsets), sentences

    def _decide(self, text: npt.NDArray[np.uint8], contexts: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Whether a sentence ends in each context."""
        decisions = self._decisions.of(text, contexts)
        new: dict[bytes, bool] = {}
        for index in np.flatnonzero(decisions == UNKNOWN).tolist():
            key = text[contexts[index, 0] : contexts[index, 2]].tobytes()
            if (is_end := new.get(key)) is None:
                is_end = new[key] = self._decision.is_end(key.decode())
            decisions[index] = is_end
        self._decisions.add(new)
        return decisions


class _Decisions:
    """A hash table from contexts to decisions for the kernels: open addressing, at most half full."""

    def __init__(self) -> None:
        self._count = 0
        self._slots = np.full(1 << 16, NONE, np.int32)
        self._hashes = np.empty(1 << 15, np.uint64)
        self._values = np.empty(1 << 15, np.uint8)
        self._bounds = np.zeros((1 << 15) + 1, np.int64)
        self._keys = np.empty(1 << 19, np.uint8)

    def of(self, text: npt.NDArray[np.uint8], contexts: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """The decision on each context; UNKNOWN if it is not cached."""
        decisions = np.empty(len(contexts), np.uint8)
        table = (self._slots, self._hashes, self._bounds, self._keys, self._values)
        look_up(text, contexts, *table, decisions)
        return decisions

    def add(self, new: dict[bytes, bool]) -> None:
        """Cache decisions, while there is room."""
        keys = list(new)[: MAX_REMEMBERED - self._count]
        if not keys:
            return
        first, self._count = self._count, self._count + len(keys)
        while self._count > len(self._values):
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
            self._hashes = np.concatenate([self._hashes, np.empty_like(self._hashes)])
            self._bounds = np.concatenate([self._bounds, np.empty(len(self._bounds) - 1, np.int64)])
        ends = self._bounds[first] + np.cumsum([len(key) for key in keys])
        while ends[-1] > len(self._keys):
            self._keys = np.concatenate([self._keys, np.empty_like(self._keys)])
        self._keys[self._bounds[first] : ends[-1]] = np.frombuffer(b"".join(keys), np.uint8)
        self._bounds[first + 1 : self._count + 1] = ends
        self._values[first : self._count] = [new[key] for key in keys]
        if 2 * len(self._values) > len(self._slots):
            self._slots = np.full(2 * len(self._values), NONE, np.int32)
            first = 0
        remember(self._slots, self._hashes, self._bounds, self._keys, first, self._count)
