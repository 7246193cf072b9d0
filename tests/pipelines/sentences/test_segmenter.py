"""The segmenters as workers load them."""

from __future__ import annotations

import pytest

from pipelines.sentences.languages import sentence_end_characters
from pipelines.sentences.lines import Lines
from pipelines.sentences.punkt_training import Statistics, train
from pipelines.sentences.segmenter import Segmenter


def in_sentences(segmenter: Segmenter):
    split = segmenter.load()

    def sentences(paragraph: str) -> list[str]:
        lines, counts = split(Lines.of_texts([paragraph]))
        found = lines.texts()[0].split("\n")[:-1]
        assert counts.tolist() == [len(found)]
        return found

    return sentences


@pytest.fixture
def load(tmp_path):
    def load_for(language: str):
        path = tmp_path / "punkt.json"
        path.write_bytes(train(Statistics(), sentence_end_characters(language)).to_json())
        return in_sentences(Segmenter("punkt", language, str(path)))

    return load_for


@pytest.mark.parametrize(
    ("language", "paragraph", "sentences"),
    [
        ("en", "One here. Two there!  Three?", ["One here.", "Two there!", "Three?"]),
        ("ar", "هل هذا؟ نعم هذا.", ["هل هذا؟", "نعم هذا."]),
        ("hi", "यह है। वह है।", ["यह है।", "वह है।"]),
        ("zh", "这是一。这是二！“三。”四", ["这是一。", "这是二！", "“三。”", "四"]),
        ("el", "Τι είναι; Δεν ξέρω.", ["Τι είναι;", "Δεν ξέρω."]),
        ("en", "  ", []),
    ],
)
def test_sentences(load, language, paragraph, sentences):
    assert load(language)(paragraph) == sentences


def test_sentencex():
    split = in_sentences(Segmenter("sentencex", "en"))
    assert split("Mr. Smith came. He left.") == ["Mr. Smith came.", "He left."]
