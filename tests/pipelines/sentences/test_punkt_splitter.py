"""Splitting takes NLTK's decisions exactly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.tokenize.punkt import PunktSentenceTokenizer

from pipelines.sentences import punkt_splitter
from pipelines.sentences.languages import seed_abbreviations, sentence_end_characters
from pipelines.sentences.lines import Lines
from pipelines.sentences.punkt_parameters import PunktModel
from pipelines.sentences.punkt_splitter import PunktSplitter
from pipelines.sentences.punkt_training import Reader, language_variables, train

PIECES = [
    *".?!\"')]}»”—-–,;: *@",
    "...",
    ". . .",
    "Mr.",
    "J.",
    "12.",
    "e.g.",
    "The",
    "the",
    "word",
    "؟",
    "--",
    "?!",
    "։",
]


def trained(paragraphs: list[str], language: str) -> PunktModel:
    ends = sentence_end_characters(language)
    return train(Reader(ends).read(0, Lines.of_texts(paragraphs)), ends, seed_abbreviations(language))


def split(splitter: PunktSplitter, paragraphs: list[str]) -> list[list[str]]:
    """The sentences of each paragraph."""
    lines, sentences = splitter.split(Lines.of_texts(paragraphs))
    found = [text.split("\n")[:-1] for text in lines.texts()]
    assert sentences.tolist() == [len(one) for one in found]
    return found


def by_nltk(model: PunktModel, paragraphs: list[str]) -> list[list[str]]:
    tokenizer = PunktSentenceTokenizer(model.nltk_parameters(), lang_vars=language_variables(model.end_characters))
    return [[sentence for sentence in tokenizer.tokenize(" ".join(one.split())) if sentence] for one in paragraphs]


@pytest.fixture(scope="module")
def model(article_paragraphs):
    return trained(article_paragraphs[:3000], "en")


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(PIECES) | st.just(" "), max_size=25).map("".join), max_size=3),
    st.sampled_from(["en", "ar", "hy", "zh", "el"]),
)
def test_any_paragraphs(model, paragraphs, language):
    variant = model.with_end_characters(sentence_end_characters(language))
    assert split(PunktSplitter(variant), paragraphs) == by_nltk(variant, paragraphs)


@settings(max_examples=100, deadline=None)
@given(st.text().map(lambda text: text.replace("\n", " ")))
def test_any_text(model, paragraph):
    assert split(PunktSplitter(model), [paragraph]) == by_nltk(model, [paragraph])


def test_real_paragraphs(model, article_paragraphs):
    sample = article_paragraphs[::9]
    assert split(PunktSplitter(model), sample) == by_nltk(model, sample)


@pytest.mark.slow
def test_a_hundred_thousand_paragraphs(model, article_paragraphs):
    splitter, seen = PunktSplitter(model), 0
    for shift in range(12):  # other words meet at other paragraphs' borders
        pairs = zip(article_paragraphs, article_paragraphs[shift:], strict=False)
        paragraphs = [first[-300:] + " " + second[:300] for first, second in pairs]
        assert split(splitter, paragraphs) == by_nltk(model, paragraphs)
        seen += len(paragraphs)
    assert seen >= 100_000


def test_more_contexts_than_expected_and_more_decisions_than_first_fit(model):
    paragraphs = ["? " * 5000 + "Yes.", " ".join(f"w{number}. W{number}" for number in range(40_000))]
    splitter = PunktSplitter(model)
    first = split(splitter, paragraphs)
    assert first == by_nltk(model, paragraphs)
    assert split(splitter, paragraphs) == first  # from what is remembered


def test_beyond_what_is_remembered_decisions_are_the_same(model, article_paragraphs, monkeypatch):
    monkeypatch.setattr(punkt_splitter, "MAX_REMEMBERED", 50)
    splitter, sample = PunktSplitter(model), article_paragraphs[:200]
    expected = by_nltk(model, sample)
    assert split(splitter, sample) == expected
    assert split(splitter, sample) == expected


def test_threads_share_a_splitter(model, article_paragraphs):
    splitter = PunktSplitter(model)
    samples = [article_paragraphs[start : start + 300] for start in range(0, 2400, 300)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda sample: split(splitter, sample), samples))
    assert found == [split(PunktSplitter(model), sample) for sample in samples]


def test_known_abbreviations_do_not_end_sentences():
    splitter = PunktSplitter(trained(["Nothing is learned here."], "en"))
    assert split(splitter, ["Mr. Smith met Dr. Jones. They spoke."]) == [["Mr. Smith met Dr. Jones.", "They spoke."]]
