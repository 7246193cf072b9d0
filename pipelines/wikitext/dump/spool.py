"""Spool files: pages of a part, lightly compressed, kept while templates are read, so that a dump is read once."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa

from berth import storage
from berth.stage.output import Output, ShardWriter
from pipelines.wikitext.dump.reading import RangeStatus

# Directory of the spool files; each is removed when the articles of its part are written.
DIRECTORY = ".pages"
BATCH_BYTES = 4 << 20
_SCHEMA = pa.schema([("position", pa.int64()), ("xml", pa.large_binary())])
_IS_PLAIN = b"is_plain"
# Position of the last row, which is not a page but the status of the status.
_STATUS = -1


def spool_name(shard: str) -> str:
    """The spool file of the pages whose articles go into a shard."""
    return f"{DIRECTORY}/{shard}.arrow"


def write_spool(shard: ShardWriter, pages: Iterator[bytes], status: RangeStatus) -> None:
    """Spool pages as they are read.

    Args:
        shard: The file to write, a stream of Arrow batches.
        pages: The pages, or the part of each that will be needed.
        status: The status of their reading: positions and damage.
    """
    first = next(pages, None)
    schema = _SCHEMA.with_metadata({_IS_PLAIN: b"1" if status.is_plain else b""})
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
            positions.append(status.position)
            batch.append(first)
            size += len(first)
            if size >= BATCH_BYTES:
                flush()
                size = 0
            first = next(pages, None)
        content = {
            "cut_pages": status.cut_pages,
            "long_pages": status.long_pages,
            "damages": status.damages,
        }
        positions.append(_STATUS)
        batch.append(json.dumps(content).encode())
        flush()


def read_spool(output: Output, name: str, start: int, status: RangeStatus) -> Iterator[bytes]:
    """The spooled pages, as if they were read from the dump.

    Args:
        output: The stage's output.
        name: The spool file.
        start: First byte of the part in the dump.
        status: Gets the status of the reading of the dump.
    """
    status.bytes_read = lambda: status.position - start
    with storage.open_read(output.path(name)) as file, pa.ipc.open_stream(file) as batches:
        status.is_plain = bool(batches.schema.metadata[_IS_PLAIN])
        for batch in batches:
            for position, xml in zip(batch.column(0).to_pylist(), batch.column(1), strict=True):
                if position == _STATUS:
                    content = json.loads(xml.as_py())
                    status.cut_pages = content["cut_pages"]
                    status.long_pages = content["long_pages"]
                    status.pages += status.long_pages
                    status.damages = content["damages"]
                    return
                status.pages += 1
                status.position = position
                yield xml.as_py()
