"""Splitting takes NLTK's decisions exactly."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.tokenize.punkt import PunktSentenceTokenizer

from pipelines.sentences.languages import seed_abbreviations, sentence_end_characters
from pipelines.sentences.punkt_parameters import PunktModel
from pipelines.sentences.punkt_splitter import PunktSplitter
from pipelines.sentences.punkt_training import Reader, language_variables, train

PIECES = [*".?!\"')]}»”—-–,;: \n\t\u00a0", "...", ". . .", "Mr.", "J.", "12.", "e.g.", "The", "the", "word", "؟", "  "]


def trained(paragraphs: list[str], language: str) -> PunktModel:
    ends = sentence_end_characters(language)
    return train(Reader(ends).read(0, paragraphs), ends, seed_abbreviations(language))


def nltk_sentences(model: PunktModel, paragraph: str) -> list[str]:
    tokenizer = PunktSentenceTokenizer(model.nltk_parameters(), lang_vars=language_variables(model.end_characters))
    return [sentence for sentence in tokenizer.tokenize(paragraph) if sentence]


@pytest.fixture(scope="module")
def model(article_paragraphs):
    return trained(article_paragraphs[:3000], "en")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join), st.sampled_from(["en", "ar"]))
def test_any_paragraph(model, paragraph, language):
    variant = PunktModel(**{**vars(model), "end_characters": sentence_end_characters(language)})
    assert PunktSplitter(variant).split(paragraph) == nltk_sentences(variant, paragraph)


def test_real_paragraphs(model, article_paragraphs):
    splitter = PunktSplitter(model)
    tokenizer = PunktSentenceTokenizer(model.nltk_parameters())
    for paragraph in article_paragraphs[::9]:
        assert splitter.split(paragraph) == [one for one in tokenizer.tokenize(paragraph) if one]


@pytest.mark.slow
def test_a_hundred_thousand_paragraphs(model, article_paragraphs):
    splitter = PunktSplitter(model)
    tokenizer = PunktSentenceTokenizer(model.nltk_parameters())
    for shift in range(12):  # other words meet at other paragraphs' borders
        for first, second in zip(article_paragraphs, article_paragraphs[shift:], strict=False):
            paragraph = first[-300:] + " " + second[:300]
            assert splitter.split(paragraph) == [one for one in tokenizer.tokenize(paragraph) if one]


def test_known_abbreviations_do_not_end_sentences():
    splitter = PunktSplitter(trained(["Nothing is learned here."], "en"))
    assert splitter.split("Mr. Smith met Dr. Jones. They spoke.") == ["Mr. Smith met Dr. Jones.", "They spoke."]
