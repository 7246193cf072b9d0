"""The stage segment: format, shards, held-out documents, independence of workers, bad input."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from berth.errors import BerthError, UsageError
from berth.recipe import Segmentation
from berth.stage import Directory
from berth.stage.inputs import Inputs
from pipelines.segment import segment
from pipelines.sentences.line_count import LineCount
from pipelines.sentences.sharding import Sharding
from pipelines.sentences.split_documents import SplitDocuments

ARTICLES = {
    number: f"Article {number} begins. It goes on with Mr. Smith. Said it was, begins it so.\nA second paragraph! "
    + "So it was said. " * (number % 4)
    for number in range(1, 41)
}


def run(articles: str, output: Path, arguments=(), seed: int = 1, **options):
    options = {"shards": 3, "eval_documents": 5, **options}
    return segment(
        articles=Inputs.of(articles),
        options=Segmentation(**options),
        seed=seed,
        destination=Directory(str(output)),
        beam_arguments=arguments,
    )


def documents(path: str | Path) -> list[list[str]]:
    return [document.split("\n") for document in Path(path).read_text().removesuffix("\n\n").split("\n\n") if document]


@pytest.fixture
def result(write_articles, tmp_path):
    return run(write_articles(ARTICLES), tmp_path / "out")


def test_one_sentence_a_line_and_an_empty_line_behind_each_document(result):
    text = Path(result.files("part-00000*").one().uri).read_text()
    assert text.endswith(".\n\n")
    assert "\n\n\n" not in text
    number = int(text.split()[1])
    expected = [f"Article {number} begins.", "It goes on with Mr. Smith."]
    expected += ["Said it was, begins it so.", "A second paragraph!"] + ["So it was said."] * (number % 4)
    assert documents(result.files("part-00000*").one().uri)[0] == expected


def test_each_document_is_in_one_shard_or_held_out(result):
    parts = [documents(uri) for uri in result.files("part-*.txt").uris]
    held_out = documents(result.files("eval.txt").one().uri)
    assert [file.name for file in result.files("part-*.txt").files] == [f"part-{i:05d}-of-00003.txt" for i in range(3)]
    assert len(held_out) == 5
    numbers = [int(document[0].split()[1]) for part in [*parts, held_out] for document in part]
    assert sorted(numbers) == list(range(1, 41))
    assert numbers != sorted(numbers)
    counters = result.manifest.counters
    assert (counters["documents"], counters["evaluation_documents"]) == (35, 5)
    assert counters["sentences"] == sum(len(document) for part in parts for document in part)
    assert counters["words"] == sum(len(line.split()) for part in parts for document in part for line in document)
    assert sum(file.records for file in result.manifest.files if file.path.startswith("part-")) == 35


def test_hashes_of_the_held_out_documents(result):
    text = Path(result.files("eval.txt").one().uri).read_text()
    contents = [f"{document}\n" for document in text.removesuffix("\n\n").split("\n\n")]
    hashes = Path(result.files("eval.md5").one().uri).read_text().split()
    assert hashes == [hashlib.md5(content.encode()).hexdigest() for content in contents]


def test_punkt_parameters_are_json(result):
    model = json.loads(Path(result.files("punkt.json").one().uri).read_text())
    assert "mr" in model["abbreviations"]
    assert model["end_characters"] == [".", "?", "!"]


@pytest.mark.reproducibility
@pytest.mark.parametrize(
    "arguments",
    [
        ["--workers=3"],
        ["--direct_num_workers=3", "--direct_running_mode=multi_threading"],
        pytest.param(["--direct_num_workers=2", "--direct_running_mode=multi_processing"], marks=pytest.mark.slow),
    ],
)
def test_bytes_do_not_depend_on_workers_or_on_how_articles_are_filed(result, write_articles, tmp_path, arguments):
    for index in range(4):
        chosen = {number: text for number, text in ARTICLES.items() if number % 4 == index}
        write_articles(dict(reversed(chosen.items())), f"spread-{index}.parquet", row_group_size=2)
    again = run(str(tmp_path / "spread-*.parquet"), tmp_path / "again", arguments)
    # Punkt's statistics are those of a text in order: the parts are compared, not the order of learning.
    assert [f for f in again.manifest.files if f.path != "punkt.json"] == [
        f for f in result.manifest.files if f.path != "punkt.json"
    ]


@pytest.mark.reproducibility
@pytest.mark.parametrize(
    "arguments",
    [
        ["--workers=3"],
        ["--direct_num_workers=2", "--direct_running_mode=multi_threading"],
        pytest.param(["--direct_num_workers=2", "--direct_running_mode=multi_processing"], marks=pytest.mark.slow),
    ],
)
def test_all_bytes_are_the_same_for_any_number_of_workers(write_articles, tmp_path, arguments):
    articles = write_articles(ARTICLES, row_group_size=3)
    one, many = (run(articles, tmp_path / name, flags) for name, flags in (("one", []), ("many", arguments)))
    assert one.manifest.files == many.manifest.files
    assert one.manifest.counters == many.manifest.counters


def test_given_sentences_are_kept(tmp_path):
    text = "One. Two?\nthree  words\u00a0here"
    schema = pa.schema([("id", pa.int64()), ("url", pa.string()), ("text", pa.large_string())])
    for name, metadata in (("given", {b"sentences": b"lines"}), ("found", None)):
        rows = [{"id": number, "url": f"{name}.txt/{number}", "text": f"{text} {number}"} for number in range(5)]
        table = pa.Table.from_pylist(rows, schema=schema.with_metadata(metadata))
        pq.write_table(table, tmp_path / f"{name}.parquet")
    given = run(str(tmp_path / "given.parquet"), tmp_path / "one", shards=1, eval_documents=0)
    assert sorted(documents(given.files("part-*").one().uri)) == [
        ["One. Two?", f"three words here {number}"] for number in range(5)
    ]
    assert [file.path for file in given.manifest.files] == ["part-00000-of-00001.txt"]
    mixed = run(str(tmp_path / "*.parquet"), tmp_path / "two", shards=1, eval_documents=0, segmenter="sentencex")
    assert mixed.manifest.counters["sentences"] == 5 * 2 + 5 * 3


def test_sentence_end_characters_can_be_chosen(write_articles, tmp_path):
    articles = write_articles({number: f"One~ Two. Three~ Four {number}" for number in range(4)})
    result = run(articles, tmp_path / "out", shards=1, eval_documents=0, sentence_end_characters=["~"])
    found = documents(result.files("part-*").one().uri)
    assert [document[:2] for document in found] == [["One~", "Two. Three~"]] * 4
    again = run(articles, tmp_path / "again", shards=1, eval_documents=0, punkt=result.files("punkt.json").one().uri)
    assert again.files("part-*").digest == result.files("part-*").digest


def test_the_seed_decides_shards_and_held_out_documents(result, write_articles, tmp_path):
    other = run(write_articles(ARTICLES), tmp_path / "other", seed=2)
    assert documents(other.files("eval.txt").one().uri) != documents(result.files("eval.txt").one().uri)


def test_a_new_document_moves_no_other(result, write_articles, tmp_path):
    more = run(write_articles({**ARTICLES, 99: "New one. Yes."}), tmp_path / "more", eval_documents=0)
    before = run(write_articles(ARTICLES), tmp_path / "before", eval_documents=0)
    for first, second in zip(before.files("part-*").uris, more.files("part-*").uris, strict=True):
        assert documents(first) == [document for document in documents(second) if document[0] != "New one."]
    assert not [file for file in more.manifest.files if file.path.startswith("eval")]


def test_articles_without_text_are_no_documents(write_articles, tmp_path):
    result = run(write_articles({**ARTICLES, 50: "", 51: " \n "}), tmp_path / "out")
    assert result.manifest.counters["documents"] == 35


def test_the_same_page_twice_counts_once(write_articles, tmp_path):
    write_articles(ARTICLES, "a.parquet")
    write_articles({3: "Another text."}, "b.parquet")
    result = run(str(tmp_path / "?.parquet"), tmp_path / "out")
    assert result.manifest.counters["documents"] == 35
    assert result.manifest.counters["rejected_duplicate_id"] == 1
    assert "Another text." not in "".join(Path(uri).read_text() for uri in result.files("*.txt").uris)


@pytest.mark.reproducibility
def test_complete_shards_are_kept_when_work_is_resumed(result, write_articles, monkeypatch, tmp_path):
    whole, killed = Sharding.write_shard, tmp_path / "killed"

    def stops_after_one(spread, destination):
        if list(killed.glob("part-*")):
            raise BerthError("stopped")
        whole(spread, destination)

    with monkeypatch.context() as patch, pytest.raises(BerthError, match="stopped"):
        patch.setattr(Sharding, "write_shard", stops_after_one)
        run(write_articles(ARTICLES), killed)
    (done,) = killed.glob("part-*")
    time = done.stat().st_mtime_ns
    resumed = run(write_articles(ARTICLES), killed)
    assert done.stat().st_mtime_ns == time
    assert resumed.manifest.files == result.manifest.files
    assert resumed.manifest.counters == result.manifest.counters
    assert not [path for path in killed.iterdir() if re.match(r"\.(?!revisions)", path.name)]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--workers=3"],
        ["--direct_num_workers=2", "--direct_running_mode=multi_threading"],
        pytest.param(["--direct_num_workers=2", "--direct_running_mode=multi_processing"], marks=pytest.mark.slow),
    ],
)
def test_lines_a_shard_decide_how_many_shards_there_are(write_articles, tmp_path, arguments):
    articles = write_articles(ARTICLES)
    by_number = run(articles, tmp_path / "by number", shards=4)
    parts = by_number.files("part-*")
    lines = sum(Path(uri).read_text().count("\n") for uri in parts.uris)
    for name, flags in (("one", []), ("many", arguments)):
        by_lines = run(articles, tmp_path / name, flags, shard_lines=-(-lines // 4))
        assert by_lines.files("part-*").digest == parts.digest
        assert by_lines.manifest.counters == by_number.manifest.counters
        assert not [path for path in Path(by_lines.uri).iterdir() if re.match(r"\.(?!revisions)", path.name)]
    fewer_lines = run(articles, tmp_path / "fewer", shard_lines=-(-lines // 4) - 1)
    assert len(fewer_lines.files("part-*").files) == 5
    (only,) = run(articles, tmp_path / "all", shard_lines=10**9).files("part-*").files
    assert only.name == "part-00000-of-00001.txt"


@pytest.mark.reproducibility
@pytest.mark.parametrize("killed", [(LineCount, "split_group"), (Sharding, "split_group"), (Sharding, "write_shard")])
def test_work_on_shards_of_so_many_lines_is_resumed(write_articles, monkeypatch, tmp_path, killed):
    whole, done = getattr(*killed), []

    def stops_after_two(self, work):
        if len(done) == 2:
            raise BerthError("stopped")
        done.append(work)
        return whole(self, work)

    articles = write_articles(ARTICLES)
    with monkeypatch.context() as patch, pytest.raises(BerthError, match="stopped"):
        patch.setattr(*killed, stops_after_two)
        run(articles, tmp_path / "killed", shard_lines=30)
    segmented = []
    with monkeypatch.context() as patch:
        patch.setattr(SplitDocuments, "of_group", count_calls(SplitDocuments.of_group, segmented))
        resumed = run(articles, tmp_path / "killed", shard_lines=30)
    assert len(segmented) == (len(ARTICLES) + 6) // 7 - 2 if killed[0] is LineCount else not segmented
    undisturbed = run(articles, tmp_path / "undisturbed", shard_lines=30)
    assert resumed.manifest.files == undisturbed.manifest.files
    assert resumed.manifest.counters == undisturbed.manifest.counters


def count_calls(function, calls):
    def counted(*arguments):
        calls.append(arguments)
        return function(*arguments)

    return counted


def test_a_given_punkt_model_is_used(result, write_articles, tmp_path):
    model = result.files("punkt.json").one().uri
    again = run(write_articles(ARTICLES), tmp_path / "again", punkt=model)
    assert again.files("punkt.json").digest == result.files("punkt.json").digest


def test_sentencex(write_articles, tmp_path):
    result = run(write_articles(ARTICLES), tmp_path / "out", segmenter="sentencex")
    assert result.manifest.counters["documents"] == 35
    assert not [file for file in result.manifest.files if file.path == "punkt.json"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shards": 36}, r"more shards than documents.*36 shards for 35 documents"),
        ({"shard_lines": 2}, r"shard_lines: there are more shards.*of 2 lines for 35 documents.*Raise shard_lines"),
        ({"eval_documents": 40}, r"held out.*40 of 40 documents.*at most 39"),
        ({"punkt": "volapuek"}, r"no such Punkt model"),
    ],
)
def test_impossible_wishes(write_articles, tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        run(write_articles(ARTICLES), tmp_path / "out", **options)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_an_empty_corpus_is_an_error(write_articles, tmp_path):
    with pytest.raises(BerthError, match="the corpus is empty"):
        run(write_articles({1: "", 2: " "}), tmp_path / "out")


def test_files_without_rows_are_an_empty_corpus(write_articles, tmp_path):
    with pytest.raises(BerthError, match="the corpus is empty"):
        run(write_articles({}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_no_file_of_articles_is_an_error(tmp_path):
    (tmp_path / "x.parquet").write_text("no Parquet")
    with pytest.raises(BerthError, match=r"not a file of articles.*x\.parquet|x\.parquet.*not a file of articles"):
        run(str(tmp_path / "x.parquet"), tmp_path / "out")
    pq.write_table(pa.table({"id": [1], "body": ["x"]}), tmp_path / "y.parquet")
    with pytest.raises(BerthError, match="also url, text"):
        run(str(tmp_path / "y.parquet"), tmp_path / "out")
    pq.write_table(pa.table({"id": [1], "url": ["x"], "text": [5]}), tmp_path / "z.parquet")
    with pytest.raises(BerthError, match=r"column text.*the type int64.*a string"):
        run(str(tmp_path / "z.parquet"), tmp_path / "out")


def test_text_that_is_not_utf8_is_an_error(tmp_path):
    text = pa.array([b"caf\xe9. Yes."]).cast(pa.large_binary())
    broken = pa.LargeStringArray.from_buffers(1, *text.buffers()[1:])
    pq.write_table(pa.table({"id": [1], "url": ["x"], "text": broken}), tmp_path / "x.parquet")
    with pytest.raises(BerthError, match=r"x\.parquet, row group 0: the articles cannot be read.*UTF8"):
        run(str(tmp_path / "x.parquet"), tmp_path / "out")
