"""Tasks whose texts and labels are columns of tables: TSV, CSV or JSONL, checked row by row."""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from berth import storage
from berth.errors import BerthError, UsageError
from berth.stage.inputs import Inputs
from trainer.finetuning import rows
from trainer.finetuning.labels import ClassLabels, Labels
from trainer.finetuning.task import Task
from trainer.finetuning.task_examples import Dataset, Examples

log = logging.getLogger("berth.finetune")

TSV = (("train.tsv", "dev.tsv"),)
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, kw_only=True)
class TableTask(Task):
    """A task in tables.

    Args:
        texts: The column of the text, or the two columns of a pair of texts.
        label: The column of the label.
        labels: What that column may hold; None for the labels that the training file has.
        files: The sets of files that its directory may hold, each a training file and those that the model is measured
            on. The first complete set is used.
        header: The columns of files whose first line does not name them.
        no_label: What the label column holds where the annotators did not agree; such rows are dropped.
        has_broken_rows: Whether the published file has rows with too few columns; they are dropped.
    """

    texts: tuple[str, ...]
    label: str
    labels: Labels | None
    files: tuple[tuple[str, ...], ...] = TSV
    header: tuple[str, ...] | None = None
    no_label: str | None = None
    has_broken_rows: bool = False

    @property
    def is_pair(self) -> bool:
        """Whether there are two columns of texts."""
        return len(self.texts) == 2

    def complete_sets(self, directory: str) -> list[tuple[str, ...]]:
        """The sets of files that are complete in a directory."""
        return [names for names in self.files if all(storage.exists(storage.join(directory, name)) for name in names)]

    def find_files(self, directory: str) -> Inputs:
        """The first complete set of files. Raises UsageError if there is none."""
        if complete := self.complete_sets(directory):
            return Inputs.at(*(storage.join(directory, name) for name in complete[0]))
        raise UsageError(
            f"the directory lacks files of the task {self.name}",
            where=directory,
            expected=" or ".join(", ".join(names) for names in self.files),
        )

    def read(self, files: Inputs) -> Dataset:
        """The examples in the tables, as :meth:`Task.read` describes."""
        names = next(names for names in self.files if set(names) == {file.name for file in files.files})
        uris = {file.name: file.uri for file in files.files}
        labels = self.labels if self.labels is not None else self._labels_in(uris[names[0]])
        train, *held_out = (self._examples(labels, uris[name]) for name in names)
        return Dataset(labels.head(), train, held_out)

    def _examples(self, labels: Labels, uri: str) -> Examples:
        lines, texts, parsed, skipped = [], [], [], Counter[str]()
        for line, values in self._rows(uri, skipped):
            if values[-1] == self.no_label:
                skipped["no_gold_label"] += 1
                continue
            parsed.append(labels.parse(values[-1], f"{uri}, line {line}"))
            lines.append(line)
            texts.append(values[:-1])
        if not lines:
            raise BerthError("there are no examples in the file", where=uri, found=_as_text(skipped))
        if skipped:
            log.warning("%s: dropped %s", uri, _as_text(skipped))
        first, *others = map(list, zip(*texts, strict=True))
        return Examples(
            name=os.path.splitext(storage.basename(uri))[0],
            lines=np.array(lines, dtype=np.int64),
            first=first,
            second=others[0] if others else None,
            labels=np.array(parsed, dtype=labels.dtype),
            skipped=dict(sorted(skipped.items())),
        )

    def _rows(self, uri: str, skipped: Counter[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Line and values of each whole row; the label is the last value and not empty."""
        table = rows.read(uri, (*self.texts, self.label), self.header)
        for row in table.rows:
            where = f"{uri}, line {row.line}"
            if row.values is not None:
                if not row.values[-1]:
                    raise BerthError("the row has no label", where=where, fix="Add the label, or delete the row.")
                yield row.line, row.values
            elif self.has_broken_rows and row.columns < table.columns:
                skipped["too_few_columns"] += 1
            else:
                raise BerthError(
                    f"a row has too {'few' if row.columns < table.columns else 'many'} columns",
                    where=where,
                    found=str(row.columns),
                    expected=str(table.columns),
                )

    def _labels_in(self, uri: str) -> ClassLabels:
        """The labels in a training file, sorted: whole numbers by value, others as text."""
        found: set[str] = set()
        for line, values in self._rows(uri, Counter()):
            if not values[-1].isprintable():
                raise BerthError(
                    "a label has a character that is not printable",
                    where=f"{uri}, line {line}",
                    found=repr(values[-1]),
                )
            found.add(values[-1])
        if len(found) < 2:
            raise BerthError(
                "a classification needs at least two labels",
                where=uri,
                found=", ".join(map(repr, found)) or "no rows",
            )
        stripped = Counter(label.strip() for label in found)
        if twice := [label for label in sorted(found) if stripped[label.strip()] > 1]:
            raise BerthError(
                "two labels differ by spaces only",
                where=uri,
                found=" and ".join(map(repr, twice[:2])),
                fix="Remove the spaces, or name the labels differently.",
            )
        are_numbers = all(WHOLE_NUMBER.fullmatch(label) for label in found)
        names = sorted(found, key=lambda label: (int(label) if are_numbers else 0, label))
        return ClassLabels(tuple(names), source=storage.basename(uri))


def _as_text(skipped: Counter[str]) -> str:
    return ", ".join(f"{count} rows ({reason.replace('_', ' ')})" for reason, count in sorted(skipped.items()))
