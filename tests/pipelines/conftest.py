"""Small dumps and articles that tests of the pipelines make for themselves."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.dump_samples import dump_bytes


@pytest.fixture(autouse=True)
def _no_dask_cluster_left() -> Iterator[None]:
    """Close the cluster that Beam's Dask runner leaves open: when the process ends, it would log to closed streams."""
    yield
    if distributed := sys.modules.get("distributed"):
        with contextlib.suppress(ValueError):  # there is none
            distributed.default_client().close()


@pytest.fixture
def write_dump(tmp_path: Path) -> Callable[..., str]:
    """Writes a dump of the given pages; returns its path."""

    def write(
        pages: Iterable[str],
        form: str = "xml",
        language: str = "en",
        name: str = "dump",
        namespaces: Mapping[int, str] | None = None,
    ) -> str:
        path = tmp_path / f"{name}.{form}"
        path.write_bytes(dump_bytes(pages, form, language, namespaces))
        return str(path)

    return write


@pytest.fixture
def write_articles(tmp_path: Path) -> Callable[..., str]:
    """Writes a Parquet file of articles (id → text) with small row groups; returns its path."""

    def write(articles: dict[int, str], name: str = "articles-00000-of-00001.parquet", row_group_size: int = 7) -> str:
        path = tmp_path / name
        rows = [
            {"id": number, "url": f"https://en.wikipedia.org/wiki/P{number}", "text": text}
            for number, text in articles.items()
        ]
        schema = pa.schema([("id", pa.int64()), ("url", pa.string()), ("text", pa.string())])
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, row_group_size=row_group_size)
        return str(path)

    return write


@pytest.fixture
def metrics(monkeypatch):
    """The committed counters of each job that was run, over all its steps."""
    from pipelines.engine.beam import beam
    from pipelines.engine.work import NAMESPACE

    run, found = beam.Pipeline.run, []

    def run_and_keep(job, *arguments, **others):
        result = run(job, *arguments, **others)
        total = Counter()
        for each in result.metrics().query()["counters"]:
            if each.key.metric.namespace == NAMESPACE:
                total[each.key.metric.name] += each.committed
        found.append(total)
        return result

    monkeypatch.setattr(beam.Pipeline, "run", run_and_keep)
    return found
