"""Outcomes of the pages and documents that a stage read."""

import pytest

from berth.report import sections
from berth.report.run import FinishedStage
from berth.stage.manifest import Manifest


def finished(kind: str, **counters: int) -> FinishedStage:
    manifest = Manifest(
        stage=kind,
        version=1,
        digest="0" * 64,
        parameters={},
        inputs={},
        files=(),
        counters=counters,
        tools={},
        seconds=1.0,
    )
    return FinishedStage(kind, "/nowhere", manifest)


@pytest.mark.parametrize(
    ("counters", "unit"),
    [
        ({"pages": 5, "articles": 3, "redirects": 2, "text_bytes": 9}, "pages"),
        ({"documents_read": 5, "articles": 4, "rejected_invalid_json": 1, "text_bytes": 9}, "documents"),
        ({"pages": 3, "documents_read": 2, "articles": 4, "redirects": 1, "text_bytes": 9}, "pages and documents"),
    ],
)
def test_the_parts_add_up_to_what_was_read(counters, unit):
    stage = finished("extract", **counters)
    assert (sections.number_read(stage), sections.unit_read(stage)) == (5, unit)
    assert sum(part.number for part in sections.pages(stage)) == 5
    assert sum(part.share for part in sections.pages(stage)) == pytest.approx(1.0)
    assert [number for _, number in sections.other_counters(stage)] == [9]


def test_a_stage_that_reads_neither_has_other_counters_only():
    stage = finished("extract", sentences=7)
    assert sections.pages(stage) == []
    assert [number for _, number in sections.other_counters(stage)] == [7]


def test_how_well_a_vocabulary_covers_the_text():
    learned = finished("vocab", words=2000, unknown_words=2, tokens=2469)
    assert sections.vocabulary_fit(learned) == [("words known", "99.9%"), ("tokens per word", "1.234")]
    assert sections.vocabulary_fit(finished("vocab")) == []
    assert sections.vocabulary_fit(finished("segment", words=1, unknown_words=0, tokens=1)) == []
