"""Punkt trained in pieces equals NLTK's training of the whole text in one call."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.tokenize.punkt import PunktTrainer

from pipelines.sentences.languages import LATIN_ENDS, seed_abbreviations, sentence_end_characters
from pipelines.sentences.lines import Lines
from pipelines.sentences.punkt_parameters import PunktModel
from pipelines.sentences.punkt_training import Reader, Statistics, language_variables, train

TEXT = (
    ". . . . Mr. Dr. e.g. etc. J. 5. 1990. vs a.b. Smith smith The the It it cat, dog; ... -- (x) said! what? 12 ؟ "
    'U.S. no. No ?! a.?b "It." x-- ×.'
)
WORDS = TEXT.split()
paragraphs = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join), max_size=25)


def in_pieces(pieces: list[list[str]], ends=LATIN_ENDS, abbreviations=()) -> PunktModel:
    reader, total = Reader(ends), Statistics()
    for number, piece in reversed(list(enumerate(pieces))):  # the order in which pieces arrive does not matter
        total.add(reader.read(number, Lines.of_texts(["\n".join(piece)])))
    return train(total, ends, abbreviations)


def normal(paragraph: str) -> str:
    return " ".join(paragraph.split())


def in_one_call(pieces: list[list[str]], ends=LATIN_ENDS, abbreviations=()) -> PunktModel:
    class Trainer(PunktTrainer):
        """Takes abbreviations as known, after those it found itself."""

        def _reclassify_abbrev_types(self, types):
            yield from super()._reclassify_abbrev_types(types)
            self._params.abbrev_types.update(abbreviations)

    trainer = Trainer(lang_vars=language_variables(ends))
    text = "".join(f"\n\n{paragraph}" for piece in pieces for paragraph in map(normal, piece) if paragraph)
    if not text:
        return PunktModel(frozenset(abbreviations), frozenset(), frozenset(), {}, ends)
    trainer.train(text)
    return PunktModel.from_nltk(trainer.get_params(), ends)


@settings(max_examples=60, deadline=None)
@given(st.lists(paragraphs, max_size=5), st.sampled_from(["en", "ar", "xx"]))
def test_any_text_in_any_pieces(pieces, language):
    ends, abbreviations = sentence_end_characters(language), seed_abbreviations(language)
    assert in_pieces(pieces, ends, abbreviations) == in_one_call(pieces, ends, abbreviations)


def test_real_text_in_1_7_and_40_pieces(article_paragraphs):
    sample = article_paragraphs[:1200]
    expected = in_one_call([sample])
    assert len(expected.abbreviations) > 20
    assert len(expected.sentence_starters) > 5
    for count in (1, 7, 40):
        assert (
            in_pieces([sample[len(sample) * i // count : len(sample) * (i + 1) // count] for i in range(count)])
            == expected
        )


def test_the_model_survives_json(article_paragraphs):
    model = in_pieces([article_paragraphs[:300]], sentence_end_characters("ur"), seed_abbreviations("en"))
    assert PunktModel.from_json(model.to_json(), "test") == model
    assert model.to_json() == PunktModel.from_json(model.to_json(), "test").to_json()
