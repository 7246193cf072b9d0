"""What became of what was read: pages of dumps, documents of other sources, or both."""

import pytest

from berth.manifest import Manifest
from berth.report import sections
from berth.report.run import Finished


def extracted(**counters: int) -> Finished:
    manifest = Manifest(
        stage="extract",
        version=1,
        digest="0" * 64,
        parameters={},
        inputs={},
        files=(),
        counters=counters,
        tools={},
        seconds=1.0,
    )
    return Finished("extract", "/nowhere", manifest)


@pytest.mark.parametrize(
    ("counters", "unit"),
    [
        ({"pages": 5, "articles": 3, "redirects": 2, "text_bytes": 9}, "pages"),
        ({"documents_read": 5, "articles": 4, "rejected_invalid_json": 1, "text_bytes": 9}, "documents"),
        ({"pages": 3, "documents_read": 2, "articles": 4, "redirects": 1, "text_bytes": 9}, "pages and documents"),
    ],
)
def test_the_parts_add_up_to_what_was_read(counters, unit):
    stage = extracted(**counters)
    assert (sections.number_read(stage), sections.unit_read(stage)) == (5, unit)
    assert sum(part.number for part in sections.pages(stage)) == 5
    assert sum(part.share for part in sections.pages(stage)) == pytest.approx(1.0)
    assert [number for _, number in sections.other_counters(stage)] == [9]


def test_a_stage_that_reads_neither_has_other_counters_only():
    stage = extracted(sentences=7)
    assert sections.pages(stage) == []
    assert [number for _, number in sections.other_counters(stage)] == [7]
