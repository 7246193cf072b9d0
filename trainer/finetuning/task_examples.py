"""The examples of a task: texts with the ids of their labels, or their scores, checked row by row."""

from __future__ import annotations

import logging
import math
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from berth import storage
from berth.errors import BerthError
from berth.stage.inputs import Inputs
from trainer.finetuning import rows
from trainer.finetuning.tasks import Task

log = logging.getLogger("berth.finetune")

LABELS_SHOWN = 10  # in an error
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True)
class Examples:
    """The examples of one file.

    Args:
        name: The file's name without its ending.
        lines: Number of the line that each begins in, int64 [n].
        first: The texts.
        second: The second text of each pair; None without pairs.
        labels: Ids int32 [n], or scores float32 [n].
        skipped: How many rows were left out, by why.
    """

    name: str
    lines: np.ndarray
    first: list[str]
    second: list[str] | None
    labels: np.ndarray
    skipped: dict[str, int]

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True)
class Dataset:
    """The examples of a task.

    Args:
        labels: The labels by id; empty where they are scores.
        train: What the model learns from.
        held_out: What it is measured on.
    """

    labels: tuple[str, ...]
    train: Examples
    held_out: list[Examples]


def read(task: Task, files: Inputs) -> Dataset:
    """Read a task's files.

    Raises:
        BerthError: naming file and line, for wrong columns, a missing or unknown label, or a file without examples.
    """
    order = next(names for names in task.files if set(names) == {file.name for file in files.files})
    uris = {file.name: file.uri for file in files.files}
    labels = task.labels if task.labels is not None else _labels_of(task, uris[order[0]])
    known = _Labels(task, {label: number for number, label in enumerate(labels)}, order[0])
    train, *held_out = (_examples(task, known, uris[name]) for name in order)
    return Dataset(labels, train, held_out)


def _examples(task: Task, known: _Labels, uri: str) -> Examples:
    lines, texts, labels, skipped = [], [], [], Counter[str]()
    for line, values in _whole_rows(task, uri, skipped):
        if values[-1] == task.no_label:
            skipped["no_gold_label"] += 1
            continue
        labels.append(known.number(values[-1], f"{uri}, line {line}"))
        lines.append(line)
        texts.append(values[:-1])
    if not lines:
        raise BerthError("there are no examples in the file", where=uri, found=_in_words(skipped))
    if skipped:
        log.warning("%s: left out %s", uri, _in_words(skipped))
    first, *others = map(list, zip(*texts, strict=True))
    return Examples(
        name=os.path.splitext(storage.basename(uri))[0],
        lines=np.array(lines, dtype=np.int64),
        first=first,
        second=others[0] if others else None,
        labels=np.array(labels, dtype=np.float32 if task.scores else np.int32),
        skipped=dict(sorted(skipped.items())),
    )


def _in_words(skipped: Counter[str]) -> str:
    return ", ".join(f"{count} rows ({why.replace('_', ' ')})" for why, count in sorted(skipped.items()))


def _whole_rows(task: Task, uri: str, skipped: Counter[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Lines and values of the rows, the label last."""
    table = rows.read(uri, (*task.texts, task.label), task.header)
    for row in table.rows:
        if row.values is not None:
            yield row.line, row.values
        elif task.has_broken_rows and row.columns < table.columns:
            skipped["too_few_columns"] += 1
        else:
            raise BerthError(
                f"a row has too {'few' if row.columns < table.columns else 'many'} columns",
                where=f"{uri}, line {row.line}",
                found=str(row.columns),
                expected=str(table.columns),
            )


def _labels_of(task: Task, uri: str) -> tuple[str, ...]:
    """The labels in a training file: whole numbers by their size, others by their letters."""
    found: set[str] = set()
    for line, values in _whole_rows(task, uri, Counter()):
        label = values[-1]
        if not label:
            raise _without_label(f"{uri}, line {line}")
        if not label.isprintable():
            raise BerthError(
                "a label has a character that cannot be shown", where=f"{uri}, line {line}", found=repr(label)
            )
        found.add(label)
    if len(found) < 2:
        raise BerthError("a classification needs two labels at least", where=uri, found=", ".join(map(repr, found)))
    are_numbers = all(WHOLE_NUMBER.fullmatch(label) for label in found)
    return tuple(sorted(found, key=lambda label: (int(label) if are_numbers else 0, label)))


def _without_label(where: str) -> BerthError:
    return BerthError("the row has no label", where=where, fix="Give it one, or take the row out.")


@dataclass(frozen=True)
class _Labels:
    """What a label of the task may be: ids by label, and the file that these are of."""

    task: Task
    ids: dict[str, int]
    source: str

    def number(self, label: str, where: str) -> float:
        """The id of a label, or its score. Raises BerthError for one that is none of the task's."""
        if not label:
            raise _without_label(where)
        if self.task.scores is not None:
            return _score(label, *self.task.scores, where=where)
        if label in self.ids:
            return self.ids[label]
        shown = ", ".join(map(repr, list(self.ids)[:LABELS_SHOWN])) + (" …" if len(self.ids) > LABELS_SHOWN else "")
        of_file = "" if self.task.labels is not None else f", those of {self.source}"
        raise BerthError("the label is not known", where=where, found=repr(label), expected=f"one of {shown}{of_file}")


def _score(text: str, low: float, high: float, where: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not low <= score <= high:
        raise BerthError(
            "the score is impossible", where=where, found=repr(text), expected=f"a number from {low:g} to {high:g}"
        )
    return score
