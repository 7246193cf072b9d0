"""Files of rows that are read by key, with two short reads: the rows of each key 0 … n - 1 follow each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from berth import storage
from berth.stage.output import ShardWriter


def write_rows(shard: ShardWriter, rows: npt.NDArray[Any], keys: npt.NDArray[Any], count: int) -> None:
    """Write rows in the order of their keys: first where the rows of each key begin, and the end of the last.

    Args:
        shard: The file.
        rows: Of a structured dtype, shape [rows].
        keys: The key of each, shape [rows].
        count: Number of keys.
    """
    order = np.argsort(keys, kind="stable")
    bounds = np.searchsorted(keys[order], np.arange(count + 1).astype(keys.dtype))
    shard.write(bounds.astype("<i8").tobytes())
    shard.write(rows[order].tobytes())


def read_rows(uri: str, key: int, count: int, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    """The rows of one key of ``count``."""
    with storage.open_read(uri) as file:
        file.seek(8 * key)
        start, stop = np.frombuffer(file.read(16), "<i8").tolist()
        file.seek(8 * (count + 1) + start * kind.itemsize)
        return np.frombuffer(file.read((stop - start) * kind.itemsize), kind)
