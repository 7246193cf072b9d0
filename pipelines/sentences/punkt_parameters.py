"""Punkt's parameters: as JSON (``punkt.json``), and from installed models of NLTK. It downloads nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from berth import storage
from berth.errors import BerthError, UsageError

FORMAT = 1
_JSON: dict[str, Any] = {"ensure_ascii": False, "sort_keys": True}
TAB_FILES = ("abbrev_types.txt", "collocations.tab", "ortho_context.tab", "sent_starters.txt")


@dataclass(frozen=True)
class PunktModel:
    """Punkt's parameters, and the characters that may end a sentence.

    Attributes:
        abbreviations: Word types without their final period.
        collocations: Pairs of word types between which a period ends no sentence.
        sentence_starters: Word types that often begin a sentence.
        orthographic_contexts: Word type → bit set of the contexts it was seen in (NLTK's _ORTHO_* flags).
        end_characters: Characters that may end a sentence.
    """

    abbreviations: frozenset[str]
    collocations: frozenset[tuple[str, str]]
    sentence_starters: frozenset[str]
    orthographic_contexts: dict[str, int]
    end_characters: tuple[str, ...]

    def to_json(self) -> bytes:
        """The model as JSON, sorted: equal models give equal bytes."""
        content = {
            "format": FORMAT,
            "abbreviations": sorted(self.abbreviations),
            "collocations": sorted(self.collocations),
            "sentence_starters": sorted(self.sentence_starters),
            "orthographic_contexts": {word: flags for word, flags in self.orthographic_contexts.items() if flags},
            "end_characters": list(self.end_characters),
        }
        # json's indenting encoder is slow; one line a key is readable too.
        lines = (f"{json.dumps(key)}: {json.dumps(content[key], **_JSON)}" for key in sorted(content))
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode()

    @classmethod
    def from_json(cls, content: bytes, uri: str) -> PunktModel:
        """Read what :meth:`to_json` wrote.

        Raises:
            BerthError: If it is something else.
        """
        try:
            fields = json.loads(content)
            if fields["format"] != FORMAT:
                raise ValueError(f"format {fields['format']}")
            return cls(
                frozenset(fields["abbreviations"]),
                frozenset((first, second) for first, second in fields["collocations"]),
                frozenset(fields["sentence_starters"]),
                {str(word): int(flags) for word, flags in fields["orthographic_contexts"].items()},
                tuple(fields["end_characters"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BerthError(
                "the Punkt parameters cannot be read",
                where=uri,
                found=str(error),
                expected="a punkt.json that `berth segment` wrote",
            ) from error

    def with_end_characters(self, end_characters: tuple[str, ...]) -> PunktModel:
        """A copy with other sentence-end characters."""
        return replace(self, end_characters=end_characters)

    def nltk_parameters(self) -> Any:
        """The model as an ``nltk.tokenize.punkt.PunktParameters``."""
        from pipelines.sentences.nltk_punkt import punkt

        parameters = punkt.PunktParameters()
        parameters.abbrev_types = set(self.abbreviations)
        parameters.collocations = set(self.collocations)
        parameters.sent_starters = set(self.sentence_starters)
        parameters.ortho_context.update(self.orthographic_contexts)
        return parameters

    @classmethod
    def from_nltk(cls, parameters: Any, end_characters: tuple[str, ...]) -> PunktModel:
        """The model of an ``nltk.tokenize.punkt.PunktParameters``."""
        return cls(
            frozenset(parameters.abbrev_types),
            frozenset(parameters.collocations),
            frozenset(parameters.sent_starters),
            {word: flags for word, flags in parameters.ortho_context.items() if flags},
            end_characters,
        )


def find_model(name: str) -> list[str]:
    """The files of an installed Punkt model.

    Args:
        name: A path to a directory with NLTK's punkt_tab files or to a punkt.json; or the name of a model
            (``english``) installed in one of NLTK's data directories. NLTK's old pickles are not read: unpickling
            can run any code.

    Raises:
        UsageError: If there is none; nothing is downloaded.
    """
    candidates = list(_candidates(name))
    for uri in candidates:
        if uri.endswith(".json"):
            if storage.exists(uri):
                return [uri]
        elif storage.exists(storage.join(uri, TAB_FILES[0])):
            return [storage.join(uri, file) for file in TAB_FILES]
    raise UsageError(
        "there is no such Punkt model on this machine",
        where=f"punkt: {name}",
        found=f"nothing at {', '.join(candidates)}",
        fix="Give the path of a directory that holds NLTK's punkt_tab files, or `corpus` to train on the corpus "
        "itself. Berth downloads nothing.",
    )


def load_model(files: list[str], end_characters: tuple[str, ...]) -> PunktModel:
    """Load the files that :func:`find_model` found.

    Raises:
        BerthError: If one is missing or malformed.
    """
    first = files[0]
    if first.endswith(".json"):
        return PunktModel.from_json(storage.read_bytes(first), first)
    lines = {storage.basename(file): (file, storage.read_text(file).splitlines()) for file in files}
    return PunktModel(
        frozenset(lines["abbrev_types.txt"][1]),
        frozenset(_pairs(*lines["collocations.tab"])),
        frozenset(lines["sent_starters.txt"][1]),
        {word: int(flags) for word, flags in _pairs(*lines["ortho_context.tab"], numbers=True)},
        end_characters,
    )


def _candidates(name: str) -> Iterator[str]:
    """Paths where a model of this name could be, in order."""
    yield name
    if "/" in name or name.endswith(".json"):
        return
    from nltk.data import path as data_directories

    for directory in data_directories:
        yield storage.join(str(directory), "tokenizers", "punkt_tab", name)


def _pairs(uri: str, lines: list[str], numbers: bool = False) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines, 1):
        first, tab, second = line.partition("\t")
        if not tab or (numbers and not second.isdigit()):
            raise BerthError(
                "the Punkt model is malformed",
                where=f"{uri}, line {number}",
                found=repr(line[:60]),
                expected="a word, a tab and a number" if numbers else "two words with a tab between them",
            )
        yield first, second
