"""Pages of a part put by, lightly compressed: a dump is decompressed once, though all its templates are read first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import astuple

import pyarrow as pa

from berth import storage
from berth.stage.output import Output, ShardWriter
from pipelines.wikitext.dump.reading import Reading
from pipelines.wikitext.dump.streams import Damage

# Where the pages wait; each part's are removed when its articles are written.
PIECES = ".pages"
BATCH_BYTES = 4 << 20
_SCHEMA = pa.schema([("position", pa.int64()), ("xml", pa.large_binary())])
_IS_PLAIN = b"is_plain"
# The position of what is not a page but the account of the reading, at the end.
_ACCOUNT = -1


def spool_name(shard: str) -> str:
    """The file with the pages that become the articles of a shard."""
    return f"{PIECES}/{shard}.arrow"


def write_spool(shard: ShardWriter, pages: Iterator[bytes], reading: Reading) -> None:
    """Put pages by as they are read.

    Args:
        shard: Where they go, as a stream of Arrow batches.
        pages: The pages, or as much of each as will be needed.
        reading: The reading that gives them, for their places and what was lost.
    """
    first = next(pages, None)
    schema = _SCHEMA.with_metadata({_IS_PLAIN: b"1" if reading.is_plain else b""})
    options = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=1), use_threads=False)
    with pa.ipc.new_stream(pa.PythonFile(shard, mode="w"), schema, options=options) as writer:
        positions: list[int] = []
        batch: list[bytes] = []
        size = 0

        def flush() -> None:
            columns = [pa.array(positions, pa.int64()), pa.array(batch, pa.large_binary())]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            positions.clear()
            batch.clear()

        while first is not None:
            positions.append(reading.position)
            batch.append(first)
            size += len(first)
            if size >= BATCH_BYTES:
                flush()
                size = 0
            first = next(pages, None)
        account = {"cut_pages": reading.cut_pages, "damages": [astuple(damage) for damage in reading.damages]}
        positions.append(_ACCOUNT)
        batch.append(json.dumps(account).encode())
        flush()


def read_spool(output: Output, name: str, start: int, reading: Reading) -> Iterator[bytes]:
    """The pages put by, as if they were read from the dump.

    Args:
        output: Where they are.
        name: The file.
        start: First byte of the part in the dump.
        reading: Is told what happened when the dump was read.
    """
    reading.bytes_read = lambda: reading.position - start
    with storage.open_read(output.path(name)) as file, pa.ipc.open_stream(file) as batches:
        reading.is_plain = bool(batches.schema.metadata[_IS_PLAIN])
        for batch in batches:
            for position, xml in zip(batch.column(0).to_pylist(), batch.column(1), strict=True):
                if position == _ACCOUNT:
                    account = json.loads(xml.as_py())
                    reading.cut_pages = account["cut_pages"]
                    reading.damages = [Damage(*damage) for damage in account["damages"]]
                    return
                reading.pages += 1
                reading.position = position
                yield xml.as_py()
