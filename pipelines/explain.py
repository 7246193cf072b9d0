"""One masked record as text for people: segments, masks, label, padding and, where it can be found, its source."""

from __future__ import annotations

import textwrap

from berth import storage
from berth.errors import UsageError
from berth.formats.record_tokens import MaskedToken, Record, read_record
from berth.formats.records import text_names
from berth.formats.vocabulary import Vocabulary, joined
from berth.stage.lineage import origin_uri
from berth.stage.manifest import NAME, Manifest

WIDTH = 100


def explain(records: str, index: int, vocabulary: str) -> str:
    """Describe record ``index`` of a TFRecord file as text.

    Args:
        records: URI of the file.
        index: Index of the record, from 0.
        vocabulary: URI of the vocab.txt it was made with.

    Raises:
        UsageError: if there is no such record.
        BerthError: if a file is not of its format, or the records were made with another vocabulary.
    """
    from berth.formats.tfrecord import read_records

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


def _described(record: Record) -> list[str]:
    """The lines of a record: its figures, its segments with masks in «», and each mask."""
    kinds = [mask.kind for mask in record.masks]
    figures = ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("masked", "replaced", "kept"))
    label = {True: "random (1)", False: "actual (0)", None: "none: one segment"}[record.is_random_next]
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
            wrapped = textwrap.wrap(joined(pieces), WIDTH, initial_indent=f"  {name}  ", subsequent_indent=" " * 5)
            lines += ["", *wrapped]
    lines += ["", "  position  original → shown"]
    lines += [f"  {mask.position:8}  {mask.original} → {mask.shown} ({mask.kind})" for mask in record.masks]
    return lines


def _piece(token: str, mask: MaskedToken | None) -> str:
    return token if mask is None else f"«{mask.original} → {mask.shown}»"


def _source(records: str, record: Record, vocabulary: Vocabulary) -> list[str] | None:
    """The lines that name the source of the segments; None if the text that the records were made from is not there."""
    directory = storage.parent(records)
    if not storage.exists(storage.join(directory, NAME)):
        return None
    manifest = Manifest.read(directory)
    if manifest.stage != "records":
        return None
    texts = _input_directory(directory, manifest, "text")
    names = [name for name in text_names(storage.basename(records)) if storage.exists(storage.join(texts, name))]
    if not names:
        return None
    text = storage.join(texts, names[0])
    from pipelines.mlm.provenance import TokenizedText

    source = TokenizedText.read(text, vocabulary, lower_case=manifest.parameters["lower_case"])
    lines = [f"  from {text}"]
    boundary = record.segments.index(1) if record.has_pair else len(record.tokens)
    segments = {"A": record.originals[1 : boundary - 1], "B": record.originals[boundary:-1]}
    for name, tokens in segments.items():
        if tokens and (found := source.find([vocabulary.ids[token] for token in tokens])) is not None:
            lines.append(f"  {name}  {found}")
    return lines


def _input_directory(directory: str, manifest: Manifest, name: str) -> str:
    """The directory of one of a stage's inputs."""
    recorded = manifest.inputs[name]
    uri = origin_uri(recorded, directory)
    return uri if recorded.stage else storage.parent(uri)
