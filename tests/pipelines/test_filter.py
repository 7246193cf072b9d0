"""The stage filter: what is left out and why, which copy stays, independence of workers, resuming, bad input."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from berth.errors import BerthError, UsageError
from berth.formats import articles as article_files
from berth.recipe import Filter
from berth.stage import Directory
from berth.stage.inputs import Inputs
from pipelines.documents import deduplication
from pipelines.documents.filtering import FilterTask
from pipelines.filter import filter_articles

TEXTS = {
    1: "The same text.\nIn two paragraphs.",
    2: "Short.",
    3: "",
    4: "The same text.\nIn two paragraphs.",
    5: "Another text by @somebody.\nIn two paragraphs.",
    6: "Another text by @nobody.\nIn two paragraphs.",
    7: " \n\t\n",
    8: "An own text of more words.",
}


def run(articles: str, output: Path, arguments=(), **options):
    return filter_articles(
        articles=Inputs.of(articles),
        options=Filter(**options),
        destination=Directory(str(output)),
        beam_arguments=arguments,
    )


def kept(result) -> dict[int, str]:
    tables = [pq.read_table(uri) for uri in result.files("articles-*.parquet").uris]
    return {row["id"]: row["text"] for table in tables for row in table.to_pylist()}


def accounted(result) -> dict[str, int]:
    """The counters without zeros, after checking that every document is accounted for."""
    counters = result.manifest.counters
    rejected = sum(count for name, count in counters.items() if name.startswith("rejected_"))
    assert counters["documents_read"] == counters["articles"] + rejected
    return counters


def test_documents_without_text_are_left_out(write_articles, tmp_path):
    result = run(write_articles(TEXTS), tmp_path / "out")
    assert sorted(kept(result)) == [1, 2, 4, 5, 6, 8]
    assert accounted(result) == {"documents_read": 8, "articles": 6, "rejected_empty": 2}
    assert result.manifest.files[0].records == 6


def test_short_documents_are_left_out(write_articles, tmp_path):
    path = write_articles(TEXTS)
    assert sorted(kept(run(path, tmp_path / "words", min_words=2))) == [1, 4, 5, 6, 8]
    result = run(path, tmp_path / "characters", min_characters=30)
    assert sorted(kept(result)) == [1, 4, 5, 6]
    assert accounted(result)["rejected_short"] == 2


def test_one_of_equal_documents_is_kept(write_articles, tmp_path):
    result = run(write_articles(TEXTS), tmp_path / "out", duplicates="documents", user_names="USER")
    assert len({1, 4} & kept(result).keys()) == 1
    assert len({5, 6} & kept(result).keys()) == 1
    counters = accounted(result)
    assert (counters["rejected_duplicate"], counters["replaced_user_names"]) == (2, 2)


def test_one_of_equal_paragraphs_is_kept(write_articles, tmp_path):
    result = run(write_articles(TEXTS), tmp_path / "out", duplicates="paragraphs", user_names="USER")
    lines = [line for text in kept(result).values() for line in text.split("\n")]
    assert sorted(lines) == sorted(
        ["The same text.", "In two paragraphs.", "Another text by USER.", "Short.", "An own text of more words."]
    )
    counters = accounted(result)
    assert counters["paragraphs_read"] == counters["paragraphs"] + counters["paragraphs_duplicate"] == 10
    assert counters["rejected_duplicate"] == 8 - 2 - len(kept(result))


def test_which_copy_is_kept_depends_on_ids_alone(write_articles, tmp_path):
    copies = {number: f"Text {number % 5}." for number in range(1, 101)}
    expected = kept(run(write_articles(copies), tmp_path / "a", duplicates="documents"))
    assert len(expected) == 5
    backwards = write_articles(dict(reversed(copies.items())), "backwards.parquet", row_group_size=3)
    assert kept(run(backwards, tmp_path / "b", duplicates="documents")) == expected


def test_copies_in_other_files_and_groups_are_found(write_articles, tmp_path):
    for part in range(4):
        write_articles({part * 10 + n: f"Text {n}." for n in range(10)}, f"part-{part}.parquet", row_group_size=3)
    result = run(str(tmp_path / "part-*.parquet"), tmp_path / "out", duplicates="documents")
    assert sorted(kept(result).values()) == [f"Text {number}." for number in range(10)]
    assert [file.path for file in result.manifest.files] == [f"articles-{i:05d}-of-00004.parquet" for i in range(4)]


@pytest.mark.reproducibility
@pytest.mark.parametrize(
    "arguments",
    [
        ["--workers=3"],
        ["--direct_num_workers=3", "--direct_running_mode=multi_threading"],
        pytest.param(["--direct_num_workers=2", "--direct_running_mode=multi_processing"], marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("choice", ["documents", "paragraphs"])
def test_bytes_do_not_depend_on_workers(write_articles, tmp_path, arguments, choice):
    for part in range(3):
        texts = {part * 40 + n: f"Text {n % 7}.\nParagraph {n % 11}.\nOwn {part} {n}." for n in range(40)}
        write_articles(texts, f"part-{part}.parquet", row_group_size=6)
    results = [
        run(str(tmp_path / "part-*.parquet"), tmp_path / f"out{index}", flags, duplicates=choice)
        for index, flags in enumerate([(), arguments])
    ]
    assert results[0].manifest.files == results[1].manifest.files
    assert accounted(results[0]) == accounted(results[1])


@pytest.mark.parametrize("choice", ["documents", "paragraphs"])
def test_the_number_of_hash_ranges_does_not_matter(write_articles, monkeypatch, tmp_path, choice):
    for part in range(3):
        texts = {part * 10 + n: f"Text {n % 4}.\nParagraph {(n + part) % 7}.\nOnly {part} {n}." for n in range(10)}
        write_articles(texts, f"part-{part}.parquet", row_group_size=4)
    one = run(str(tmp_path / "part-*.parquet"), tmp_path / "one", duplicates=choice)
    monkeypatch.setattr(deduplication, "BYTES_A_RANGE", 100)
    many = run(str(tmp_path / "part-*.parquet"), tmp_path / "many", duplicates=choice)
    assert deduplication.ranges_for(500) == 5
    assert one.manifest.files == many.manifest.files
    assert one.manifest.counters == many.manifest.counters


@pytest.mark.reproducibility
def test_complete_files_are_kept_when_work_is_resumed(write_articles, monkeypatch, tmp_path):
    for part in range(3):
        write_articles({part * 10 + n: f"Text {n}. {part % 2}" for n in range(10)}, f"part-{part}.parquet")
    pattern, options = str(tmp_path / "part-*.parquet"), {"duplicates": "documents"}
    expected = run(pattern, tmp_path / "whole", **options)
    whole, done = FilterTask.run, []

    def stops_after_one(task):
        if done:
            raise BerthError("stopped")
        done.append(tmp_path / "killed" / whole(task))

    with monkeypatch.context() as patch, pytest.raises(BerthError, match="stopped"):
        patch.setattr(FilterTask, "run", stops_after_one)
        run(pattern, tmp_path / "killed", **options)
    time = done[0].stat().st_mtime_ns
    with monkeypatch.context() as patch:
        patch.setattr(deduplication, "find_duplicates", None)  # not looked for again
        resumed = run(pattern, tmp_path / "killed", **options)
    assert done[0].stat().st_mtime_ns == time
    assert (resumed.manifest.files, resumed.manifest.counters) == (expected.manifest.files, expected.manifest.counters)
    assert not [path for path in (tmp_path / "killed").iterdir() if re.match(r"\.(?!revisions)", path.name)]


@pytest.fixture
def write_languages(tmp_path):
    def write(languages: dict[int, str | None]) -> str:
        schema = article_files.schema(has_language=True, has_sentences=True)
        rows = [
            {
                "id": number,
                "title": "T",
                "url": f"tweets.jsonl/{number}",
                "revision": 0,
                "timestamp": None,
                "text": f"Tweet {number}.",
                "language": language,
            }
            for number, language in languages.items()
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), tmp_path / "articles-00000-of-00001.parquet")
        return str(tmp_path / "articles-00000-of-00001.parquet")

    return write


def test_documents_of_other_languages_are_left_out(write_languages, tmp_path):
    result = run(write_languages({1: "ar", 2: "en", 3: None, 4: "ar", 5: "arz"}), tmp_path / "out", languages=["ar"])
    assert sorted(kept(result)) == [1, 4]
    assert accounted(result)["rejected_language"] == 3


def test_columns_and_metadata_stay(write_languages, tmp_path):
    path = write_languages({1: "ar", 2: "en"})
    schema = pq.read_schema(run(path, tmp_path / "out").files("articles-*").one().uri)
    assert schema.equals(pq.read_schema(path), check_metadata=True)
    assert article_files.has_sentences(schema)


def test_a_corpus_without_languages_is_an_error(write_articles, tmp_path):
    with pytest.raises(BerthError, match=r"have no language column.*also language"):
        run(write_articles(TEXTS), tmp_path / "out", languages=["ar"])


def test_nothing_left_is_an_error_and_leaves_no_trace(write_articles, tmp_path):
    with pytest.raises(UsageError, match=r"leaves no document.*8 documents; rejected: 2 empty, 6 short"):
        run(write_articles(TEXTS), tmp_path / "out", min_words=100)
    assert not (tmp_path / "out").exists()
