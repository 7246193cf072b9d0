"""The public transforms: the same results as the stages, and types that are checked when a pipeline is built."""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam
import pyarrow.parquet as pq
import pytest
from apache_beam.testing import test_pipeline
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.typehints.decorators import TypeCheckError

from berth.errors import BerthError, UsageError
from berth.formats.articles import document_id
from berth.formats.tfrecord import read_records
from berth.recipe import ExtractOptions, RecordSet, Segmentation
from berth.stage import Directory
from berth.stage.inputs import Inputs
from pipelines.extract import extract
from pipelines.records import create_records
from pipelines.segment import segment
from pipelines.sentences.punkt_parameters import PunktModel
from pipelines.transforms import Document, MakeMaskedRecords, ReadWikipedia, SplitDocument, SplitSentences
from pipelines.wikitext.dump import parts as dump_parts
from support.dump_samples import page

SEED = 3
WORDS = ["the", "cat", "dog", "sat", "ran", "on", "a", "mat", ".", "!", "he", "she", "it", "saw", "no"]


@pytest.fixture
def vocabulary(tmp_path: Path) -> str:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]) + "\n")
    return str(path)


def texts(count: int) -> dict[str, str]:
    return {
        f"d{number}": "\n".join(
            f"The {word} sat on a mat. It saw no {WORDS[number % 9]}! He ran." for word in WORDS[1:5]
        )
        for number in range(count)
    }


@pytest.mark.parametrize("language", ["en", "de"])
def test_read_wikipedia_gives_the_articles_of_the_stage(language, tmp_path, write_dump, monkeypatch):
    monkeypatch.setattr(dump_parts, "PART_BYTES", 700)
    prefix = {"en": "Template", "de": "Vorlage"}[language]
    pages = [
        page(1, "<b>{{{1}}}</b> m", f"{prefix}:Zahl", namespace=10),
        page(2, "'''First''' is {{Zahl|3}} long. " * 9, "First"),
        page(3, "Text of the second. " * 20, "Second"),
        page(2, "A page with an id that was there before. " * 9, "First again"),
        page(4, "#REDIRECT [[First]]", "Away"),
    ]
    dump = write_dump(pages, language=language, namespaces={10: prefix})
    result = extract(dumps=Inputs.of(dump), options=ExtractOptions(), destination=Directory(str(tmp_path / "out")))
    files = Inputs.of_stage(result.uri, "*.parquet").uris
    assert len(files) > 1
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    expected = [
        Document(
            document_id(row["url"], row["id"]),
            row["text"],
            row["title"],
            row["url"],
            row["revision"],
            row["timestamp"].strftime("%Y-%m-%dT%H:%M:%SZ") if row["timestamp"] else "",
        )
        for row in rows
    ]
    assert [row["title"] for row in rows] == ["First", "Second"]
    assert ("3 m long" in rows[0]["text"]) == (language == "de")
    with test_pipeline.TestPipeline() as pipeline:
        assert_that(pipeline | ReadWikipedia(dump), equal_to(expected))


def test_no_dump_and_a_file_that_is_none_are_refused_at_construction(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(UsageError, match="no file matches"):
        ReadWikipedia(str(tmp_path / "*.bz2"))
    with pytest.raises(UsageError, match="no dump is given"):
        ReadWikipedia()
    with pytest.raises(BerthError, match="not a MediaWiki dump"):
        ReadWikipedia(str(tmp_path / "a.txt"))


def test_sentences_end_where_the_languages_defaults_say():
    given = [
        Document("en", "Dr. Smith came. He saw  it.\nA second paragraph"),
        Document("empty", " \n"),
    ]
    expected = [SplitDocument("en", ["Dr. Smith came.", "He saw it.", "A second paragraph"])]
    with test_pipeline.TestPipeline() as pipeline:
        assert_that(pipeline | beam.Create(given) | SplitSentences(language="en"), equal_to(expected))


def test_given_parameters_decide_where_sentences_end():
    model = PunktModel(frozenset({"came"}), frozenset(), frozenset(), {}, (".", "?", "!"))
    with test_pipeline.TestPipeline() as pipeline:
        split = pipeline | beam.Create([Document("a", "Dr. Smith came. He saw it.")]) | SplitSentences(punkt=model)
        assert_that(split, equal_to([SplitDocument("a", ["Dr.", "Smith came. He saw it."])]))


def test_an_unknown_punkt_model_is_refused_at_construction():
    with pytest.raises(UsageError, match="no such Punkt model"):
        SplitSentences(punkt="klingon")


@pytest.mark.parametrize("rng", ["keyed", "reference"])
def test_records_are_those_of_the_stages(rng, tmp_path, write_articles, vocabulary):
    articles = write_articles(dict(enumerate(texts(12).values())))
    split = segment(
        articles=Inputs.of(articles),
        options=Segmentation(shards=2, eval_documents=0),
        seed=SEED,
        destination=Directory(str(tmp_path / "sentences")),
    )
    options = RecordSet.model_validate({"rng": rng, "max_seq_length": 32, "max_predictions": 5, "dupe_factor": 3})
    made = create_records(
        text=Inputs.of_stage(split.uri, "part-*"),
        vocabulary=Inputs.of(vocabulary),
        options=options,
        lower_case=True,
        seed=SEED,
        destination=Directory(str(tmp_path / "records")),
    )
    expected = [record for uri in Inputs.of_stage(made.uri, "part-*").uris for record in read_records(uri)]
    assert len(expected) > 50
    documents = [
        Document(document_id(row["url"], row["id"]), row["text"]) for row in pq.read_table(articles).to_pylist()
    ]
    with test_pipeline.TestPipeline() as pipeline:
        records = (
            pipeline
            | beam.Create(documents)
            | SplitSentences(punkt=f"{split.uri}/punkt.json")
            | MakeMaskedRecords(vocabulary, shards=2, seed=SEED, options=options)
        )
        assert_that(records, equal_to(expected))


def test_records_do_not_depend_on_the_order_of_documents(vocabulary):
    documents = [SplitDocument(name, text.split("\n")) for name, text in texts(8).items()]
    options = RecordSet(rng="keyed", max_seq_length=32, max_predictions=5, dupe_factor=1)
    orders = (documents, documents[::-1], [*documents, documents[0]])
    with test_pipeline.TestPipeline() as pipeline:
        made = [
            pipeline
            | f"create {index}" >> beam.Create(order)
            | f"make {index}" >> MakeMaskedRecords(vocabulary, shards=1, seed=1, options=options)
            | f"list {index}" >> beam.combiners.ToList()
            | f"sort {index}" >> beam.Map(lambda records: tuple(sorted(records)))
            for index, order in enumerate(orders)
        ]
        distinct = made | beam.Flatten() | beam.Distinct()
        assert_that(distinct | beam.combiners.Count.Globally(), equal_to([1]), "all are equal")
        assert_that(distinct | beam.Map(lambda records: len(records) >= 8), equal_to([True]), "no document is lost")


def test_a_sentence_with_a_line_feed_is_refused(vocabulary):
    with pytest.raises(Exception, match="d: a sentence holds a line feed"), test_pipeline.TestPipeline() as pipeline:
        _ = pipeline | beam.Create([SplitDocument("d", ["a\nb"])]) | MakeMaskedRecords(vocabulary, shards=1, seed=1)


@pytest.mark.parametrize("transform", [SplitSentences, lambda: SplitSentences() | beam.Map(len)])
def test_wrong_elements_are_refused_when_the_pipeline_is_built(transform):
    with pytest.raises(TypeCheckError):
        _ = test_pipeline.TestPipeline() | beam.Create([1, 2]) | transform()


def test_documents_that_are_not_split_make_no_records(vocabulary):
    with pytest.raises(TypeCheckError):
        _ = (
            test_pipeline.TestPipeline()
            | beam.Create([Document("a", "b")])
            | MakeMaskedRecords(vocabulary, shards=1, seed=1)
        )


def test_bad_options_are_refused_at_construction(vocabulary, tmp_path):
    with pytest.raises(UsageError, match="shards is not positive"):
        MakeMaskedRecords(vocabulary, shards=0, seed=1)
    with pytest.raises(BerthError, match=r"none\.txt"):
        MakeMaskedRecords(str(tmp_path / "none.txt"), shards=1, seed=1)


def test_elements_have_deterministic_coders():
    for element in (Document("a", "b"), SplitDocument("a", ["b", "c"])):
        coder = beam.coders.registry.get_coder(type(element))
        assert isinstance(coder, beam.coders.RowCoder) and coder.is_deterministic()
        assert coder.decode(coder.encode(element)) == element
