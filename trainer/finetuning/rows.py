"""Tables of text: GLUE's TSV, CSV or JSONL, read row by row with line numbers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from berth import storage
from berth.errors import BerthError

SHOWN = 80  # characters of what was found, in an error


class Row(NamedTuple):
    """A row.

    Args:
        line: Number of the line that it begins in, from 1.
        values: Values of the wanted columns, in their order; None for a row with too few or too many columns.
        columns: Its number of columns.
    """

    line: int
    values: tuple[str, ...] | None
    columns: int


class Table(NamedTuple):
    """The rows of a table, read lazily, and the number of columns that each should have."""

    columns: int
    rows: Iterator[Row]


def read(uri: str, wanted: Sequence[str], header: Sequence[str] | None = None) -> Table:
    """Open a table.

    In .csv files, values may be quoted (RFC 4180). In .jsonl files, each line is an object whose values are texts,
    whole numbers, true or false. In all other files, tabs separate the values and quotes are text, as in GLUE's.

    Args:
        uri: The file.
        wanted: Names of the wanted columns.
        header: The names of all columns, if the file's first line does not give them.

    Raises:
        BerthError: if the file is empty, is not UTF-8 or lacks a column. While reading rows: if one is not CSV or JSON.
    """
    text = _text(uri)
    if not text.strip():
        raise BerthError("the file is empty", where=uri)
    if uri.endswith(".jsonl"):
        return Table(len(wanted), _objects(uri, text, wanted))
    rows = _csv(uri, text) if uri.endswith(".csv") else _tsv(text)
    names = list(header) if header is not None else next(rows)[1]
    if missing := [name for name in wanted if name not in names]:
        raise BerthError(
            f"the file has no column {missing[0]!r}",
            where=f"{uri}, line 1",
            found=_shortened(", ".join(map(repr, names))),
            expected=", ".join(map(repr, wanted)),
        )
    columns = [names.index(name) for name in wanted]

    def chosen(line: int, values: list[str]) -> Row:
        is_whole = len(values) == len(names)
        return Row(line, tuple(values[column] for column in columns) if is_whole else None, len(values))

    return Table(len(names), (chosen(line, values) for line, values in rows))


def _text(uri: str) -> str:
    content = storage.read_bytes(uri)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BerthError(
            "the file is not valid UTF-8",
            where=f"{uri}, line {content.count(10, 0, error.start) + 1}",
            found=f"the byte 0x{content[error.start]:02x}",
            fix="Convert the file to UTF-8 (for instance with iconv).",
        ) from error


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are not empty, with their numbers. Only a line feed ends one: texts may hold other separators."""
    for number, line in enumerate(text.split("\n"), 1):
        if content := line.removesuffix("\r"):
            yield number, content


def _tsv(text: str) -> Iterator[tuple[int, list[str]]]:
    return ((number, line.split("\t")) for number, line in _lines(text))


def _csv(uri: str, text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BerthError("this is not valid CSV", where=f"{uri}, line {line}", found=str(error)) from error
        if values:
            yield line, values


def _objects(uri: str, text: str, wanted: Sequence[str]) -> Iterator[Row]:
    for number, line in _lines(text):
        where = f"{uri}, line {number}"
        try:
            content = json.loads(line)
        except (ValueError, RecursionError) as error:  # also for a number of thousands of digits
            found = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise BerthError("the line is not valid JSON", where=where, found=found) from error
        values = [content.get(name) for name in wanted] if isinstance(content, dict) else [None]
        for name, value in zip(wanted, values, strict=False):
            if not _is_value(value):
                raise BerthError(
                    f"the line has no usable value for {name!r}",
                    where=where,
                    found=_shortened(line),
                    expected=f"an object with {', '.join(map(repr, wanted))}: texts, whole numbers, true or false",
                )
        yield Row(number, tuple(map(_as_text, values)), len(wanted))


def _is_value(value: object) -> bool:
    """Whether a value of JSON is a text, a whole number or a truth value."""
    if not isinstance(value, str):
        return isinstance(value, int)  # so are True and False
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _as_text(value: object) -> str:
    """A value as JSON writes it."""
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
