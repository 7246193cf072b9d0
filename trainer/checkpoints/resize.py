"""Embeddings for another vocabulary than the checkpoint's: rows that are kept, and those of new tokens."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from berth.errors import BerthError

log = logging.getLogger("berth.train")


def rows_by_position(before: int, after: int) -> np.ndarray:
    """The checkpoint's row for each id of the new vocabulary: the same id; -1 beyond the checkpoint's last.

    Args:
        before: Entries of the checkpoint's vocabulary.
        after: Entries of the new one.

    Returns:
        int64 [after].
    """
    ids = np.arange(after)
    return np.where(ids < before, ids, -1)


def rows_by_token(before: Sequence[str], after: Sequence[str], where: str) -> np.ndarray:
    """The checkpoint's row for each id of the new vocabulary: that of the same token; -1 for tokens it has not.

    Args:
        before: The checkpoint's tokens by id. Of a repeated token, the first row counts.
        after: The new tokens by id.
        where: URI of the checkpoint's vocabulary, for messages.

    Returns:
        int64 [after].

    Raises:
        BerthError: if no token is in both.
    """
    rows = {token: row for row, token in reversed(list(enumerate(before)))}
    found = np.array([rows.get(token, -1) for token in after], dtype=np.int64)
    if (found < 0).all():
        raise BerthError(
            "the vocabulary and the checkpoint's have no token in common",
            where=where,
            found=f"{len(before)} tokens such as {before[0]!r}",
            expected=f"some of {len(after)} tokens such as {after[0]!r}",
        )
    return found


def resize(
    arrays: dict[str, np.ndarray], fresh: dict[str, np.ndarray], rows: np.ndarray, new_tokens: str
) -> dict[str, np.ndarray]:
    """The checkpoint's arrays, with those that depend on the vocabulary fitted to the new one.

    Args:
        arrays: The checkpoint's, by name.
        fresh: Initial values of each variable with a row for each entry of the vocabulary.
        rows: int64 [new vocabulary], from :func:`rows_by_position` or :func:`rows_by_token`.
        new_tokens: Initial rows of new tokens: ``random``, their row of ``fresh``; ``mean``, the mean of all the
            checkpoint's.
    """
    carried = rows >= 0
    resized = dict(arrays)
    for name in fresh:
        if name not in arrays:
            continue
        before, table = arrays[name], fresh[name].copy()
        if before.shape[1:] != table.shape[1:]:  # a checkpoint of another model, which the caller reports
            continue
        if new_tokens == "mean":
            table[~carried] = before.mean(axis=0, dtype=np.float64).astype(np.float32)
        table[carried] = before[rows[carried]]
        resized[name] = table
    log.info("%d of %d tokens begin with the checkpoint's embeddings", carried.sum(), len(rows))
    return resized
