"""One masked record as a person reads it: segments, masks, label, padding and, where it can be found, its source."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from berth import storage
from berth.errors import BerthError, UsageError
from berth.stage.lineage import origin_uri
from berth.stage.manifest import NAME, Manifest

if TYPE_CHECKING:
    from pipelines.mlm.vocabulary import Vocabulary

EXAMPLES = 2  # records shown of each record set in the report
WIDTH = 100
CONTINUATION = "##"
FEATURES = (
    "input_ids",
    "input_mask",
    "segment_ids",
    "masked_lm_positions",
    "masked_lm_ids",
    "masked_lm_weights",
    "next_sentence_labels",
)


@dataclass(frozen=True)
class Mask:
    """A masked position: the token that stood there and the one the record shows."""

    position: int
    original: str
    shown: str

    @property
    def kind(self) -> str:
        """What was done, in a word."""
        if self.shown == "[MASK]":
            return "masked"
        return "kept" if self.shown == self.original else "replaced"


@dataclass(frozen=True)
class Record:
    """A record in words: its tokens as shown, masks, where segment B begins (None without B), and what follows."""

    tokens: tuple[str, ...]
    segments: tuple[int, ...]
    masks: tuple[Mask, ...]
    is_random_next: bool
    padding: int

    @property
    def has_pair(self) -> bool:
        """Whether there is a segment B."""
        return 1 in self.segments

    @property
    def originals(self) -> tuple[str, ...]:
        """The tokens as they were before masking."""
        tokens = list(self.tokens)
        for mask in self.masks:
            tokens[mask.position] = mask.original
        return tuple(tokens)


def explain(records: str, index: int, vocabulary: str) -> str:
    """Describe record ``index`` of a TFRecord file, in lines of text.

    Args:
        records: URI of the file.
        index: Which record, from 0.
        vocabulary: URI of the vocab.txt it was made with.

    Raises:
        UsageError: if there is no such record.
        BerthError: if the files are not what they should be.
    """
    from pipelines.mlm.tfrecord import read_records
    from pipelines.mlm.vocabulary import Vocabulary

    words = Vocabulary.read(vocabulary)
    count = -1
    for count, data in enumerate(read_records(records)):
        if count == index:
            record = read_record(data, words, f"{records}, record {index}")
            break
    else:
        raise UsageError(
            "there is no such record",
            where=records,
            found=f"{count + 1:,} records",
            expected=f"more than {index:,}",
            fix="Count from 0.",
        )
    lines = [f"record {index} of {records}", *_described(record)]
    if (source := _source(records, record, words)) is not None:
        lines += ["", *source]
    return "\n".join(lines)


def examples(directories: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """A few records of each record set, for the report.

    Args:
        directories: Directories of finished stages by title; those of other stages than records are passed over.

    Returns:
        By title: mappings with ``tokens`` (mappings with ``text``, ``segment``, ``masked``, ``original``,
        ``replacement``), ``next_sentence`` ("actual", "random" or None) and ``padding`` (number of tokens).
    """
    from pipelines.mlm.tfrecord import read_records
    from pipelines.mlm.vocabulary import Vocabulary

    found = {}
    for title, directory in directories.items():
        manifest = Manifest.read(directory)
        if manifest.stage != "records":
            continue
        words = Vocabulary.read(_vocabulary_of(directory, manifest))
        filled = [storage.join(directory, file.path) for file in manifest.files if file.records]
        found[title] = [
            _as_mapping(read_record(data, words, uri))
            for uri in filled[:1]
            for data in islice(read_records(uri), EXAMPLES)
        ]
    return found


def read_record(data: bytes, vocabulary: Vocabulary, origin: str) -> Record:
    """A serialized record in words.

    Raises:
        BerthError: if it is no masked record, or was made with a larger vocabulary.
    """
    from pipelines.mlm.parsing import parse_example

    features = parse_example(data, origin)
    try:
        columns = [[int(value) for value in features[name]] for name in FEATURES]
        ids, mask, segments, positions, labels, weights, (label,) = columns
        length = sum(mask)
        tokens = [vocabulary.tokens[token] for token in ids[:length]]
        masks = [
            Mask(position, vocabulary.tokens[original], tokens[position])
            for position, original, weight in zip(positions, labels, weights, strict=True)
            if weight
        ]
    except (KeyError, IndexError, ValueError) as error:
        raise BerthError(
            "this record cannot be read with this vocabulary",
            where=origin,
            found=f"{type(error).__name__} {error}",
            expected=f"a masked record with ids below {len(vocabulary)}",
            fix="Name the vocab.txt that the records were made with.",
        ) from error
    return Record(tuple(tokens), tuple(segments[:length]), tuple(masks), bool(label), len(ids) - length)


def _as_mapping(record: Record) -> dict[str, Any]:
    masks = {mask.position: mask for mask in record.masks}
    tokens = []
    for position, (token, segment) in enumerate(zip(record.tokens, record.segments, strict=True)):
        mask = masks.get(position)
        tokens.append(
            {
                "text": token,
                "segment": segment,
                "masked": mask is not None,
                "original": mask.original if mask else token,
                "replacement": mask.shown if mask else token,
            }
        )
    next_sentence = ("random" if record.is_random_next else "actual") if record.has_pair else None
    return {"tokens": tokens, "next_sentence": next_sentence, "padding": record.padding}


def _described(record: Record) -> list[str]:
    """The record in lines: figures, segments with masks in «», and each mask."""
    kinds = [mask.kind for mask in record.masks]
    figures = ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("masked", "replaced", "kept"))
    label = ("random (1)" if record.is_random_next else "actual (0)") if record.has_pair else "none: one segment"
    lines = [
        f"  length         {len(record.tokens)} tokens, {record.padding} of padding",
        f"  predictions    {len(record.masks)}: {figures}",
        f"  next sentence  {label}",
    ]
    by_position = {mask.position: mask for mask in record.masks}
    for segment, name in ((0, "A"), (1, "B")):
        pieces = [
            _piece(token, by_position.get(position))
            for position, token in enumerate(record.tokens)
            if record.segments[position] == segment
        ]
        if pieces:
            text = " ".join(pieces).replace(f" {CONTINUATION}", "")
            indent = " " * 5
            lines += ["", *textwrap.wrap(text, WIDTH, initial_indent=f"  {name}  ", subsequent_indent=indent)]
    lines += ["", "  position  original → shown"]
    lines += [f"  {mask.position:8}  {mask.original} → {mask.shown} ({mask.kind})" for mask in record.masks]
    return lines


def _piece(token: str, mask: Mask | None) -> str:
    return token if mask is None else f"«{mask.original} → {mask.shown}»"


def _source(records: str, record: Record, vocabulary: Vocabulary) -> list[str] | None:
    """Where the segments come from, if the stage that made the records still has its text."""
    directory = storage.parent(records)
    if not storage.exists(storage.join(directory, NAME)):
        return None
    manifest = Manifest.read(directory)
    if manifest.stage != "records":
        return None
    stem = storage.basename(records).removesuffix(".gz").removesuffix(".tfrecord")
    texts = _input_directory(directory, manifest, "text")
    # MLPerf's prepared shards have no extension.
    names = [name for name in (f"{stem}.txt", stem) if storage.exists(storage.join(texts, name))]
    if not names:
        return None
    text = storage.join(texts, names[0])
    from pipelines.mlm.provenance import Text

    source = Text.read(text, vocabulary, lower_case=manifest.parameters["lower_case"])
    lines = [f"  from {text}"]
    boundary = record.segments.index(1) if record.has_pair else len(record.tokens)
    segments = {"A": record.originals[1 : boundary - 1], "B": record.originals[boundary:-1]}
    for name, tokens in segments.items():
        if tokens and (place := source.find([vocabulary.ids[token] for token in tokens])) is not None:
            lines.append(f"  {name}  {place}")
    return lines


def _vocabulary_of(directory: str, manifest: Manifest) -> str:
    """URI of the vocabulary that the records of a finished stage were made with."""
    recorded = manifest.inputs["vocabulary"]
    place = origin_uri(recorded, directory)
    return storage.join(place, "vocab.txt") if recorded.stage else place


def _input_directory(directory: str, manifest: Manifest, name: str) -> str:
    """The directory of one of a stage's inputs."""
    recorded = manifest.inputs[name]
    place = origin_uri(recorded, directory)
    return place if recorded.stage else storage.parent(place)
