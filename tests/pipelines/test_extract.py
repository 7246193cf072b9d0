"""The stage extract: articles in Parquet, accounting, quality on real articles, bad input."""

from __future__ import annotations

import importlib.util
import random
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from berth.errors import BerthError
from berth.recipe import ExtractOptions
from berth.stage import Directory
from berth.stage.inputs import Inputs
from pipelines.extract import extract
from pipelines.wikitext.dump import parts as dump_module
from pipelines.wikitext.shard import PartTask
from support.dump_samples import page
from support.extraction_quality import measure

GENSIM = Path(next(iter(importlib.util.find_spec("gensim").submodule_search_locations))) / "test/test_data"  # type: ignore
ENGLISH = GENSIM / "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
BULGARIAN = GENSIM / "bgwiki-latest-pages-articles-shortened.xml.bz2"


def run(path: str | Path, output: Path, **options):
    return extract(dumps=Inputs.of(str(path)), options=ExtractOptions(**options), destination=Directory(str(output)))


def articles(result) -> list[dict]:
    return [row for uri in result.files("*.parquet").uris for row in pq.read_table(uri).to_pylist()]


@pytest.fixture(scope="module")
def english(tmp_path_factory):
    return run(ENGLISH, tmp_path_factory.mktemp("english") / "out")


def test_quality_on_english_wikipedia(english):
    """Shared measures: prose found verbatim, lines with residue of mark-up, articles missing or too many."""
    quality = measure(ENGLISH, {row["id"]: row["text"] for row in articles(english)})
    assert quality.articles == 106
    assert quality.joined >= 99.8
    assert quality.dirty <= 0.5
    assert quality.leaked <= quality.leaked_by_chance
    assert not quality.missing
    assert not quality.extra


def test_every_page_is_accounted_for(english):
    counters = english.manifest.counters
    assert counters["pages"] == 206
    assert counters["articles"] == 106
    assert counters["redirects"] == 99
    assert counters["other_namespaces"] == 1
    rejected = sum(count for name, count in counters.items() if name.startswith("rejected_"))
    assert counters["pages"] == counters["articles"] + counters["redirects"] + counters["other_namespaces"] + rejected


def test_columns(english):
    first = articles(english)[0]
    assert list(first) == ["id", "title", "url", "revision", "timestamp", "text"]
    assert first["id"] == 12
    assert first["title"] == "Anarchism"
    assert first["url"] == "https://en.wikipedia.org/wiki/Anarchism"
    assert first["timestamp"].isoformat().startswith("2016-")
    assert first["text"].startswith("Anarchism is a political philosophy that advocates self-governed societies")


def test_utf16_and_another_alphabet(tmp_path):
    result = run(BULGARIAN, tmp_path / "out")
    quality = measure(BULGARIAN, {row["id"]: row["text"] for row in articles(result)})
    assert (quality.articles, quality.missing, quality.extra) == (1, 0, 0)
    assert quality.joined >= 99.8
    assert quality.dirty <= 0.5


@pytest.mark.parametrize("flags", [["--workers=1"], ["--workers=2"]])
def test_beam_counts_what_the_manifest_counts(flags, write_dump, metrics, monkeypatch, tmp_path):
    monkeypatch.setattr(dump_module, "PART_BYTES", 1000)
    pages = [page(number, f"Text {number} of a page. " * 20, namespace=number % 3) for number in range(1, 20)]
    result = extract(
        dumps=Inputs.of(write_dump(pages, "multistream")),
        options=ExtractOptions(),
        destination=Directory(str(tmp_path / "out")),
        beam_arguments=flags,
    )
    (found,) = metrics
    assert +found - Counter(records=found["records"]) == +Counter(result.manifest.counters)
    assert found["records"] == sum(file.records or 0 for file in result.manifest.files) == 6


@pytest.mark.reproducibility
def test_files_do_not_depend_on_workers(write_dump, monkeypatch, tmp_path):
    monkeypatch.setattr(dump_module, "PART_BYTES", 1000)
    shuffled = random.Random(1)
    texts = [" ".join(shuffled.choices(["alpha", "beta", "gamma", "[[delta]]"], k=200)) for _ in range(30)]
    path = write_dump([page(number, text) for number, text in enumerate(texts, 1)], "multistream")
    results = [
        extract(
            dumps=Inputs.of(path),
            options=ExtractOptions(),
            destination=Directory(str(tmp_path / name)),
            beam_arguments=arguments,
        )
        for name, arguments in [
            ("one", []),
            ("three", ["--workers=3"]),
            ("four", ["--direct_num_workers=4", "--direct_running_mode=multi_threading"]),
        ]
    ]
    assert len(results[0].manifest.files) > 2
    assert results[0].manifest.files == results[1].manifest.files == results[2].manifest.files
    assert results[0].manifest.counters == results[1].manifest.counters == results[2].manifest.counters
    assert [row["id"] for row in articles(results[0])] == list(range(1, 31))


def test_several_dumps_are_one_corpus(write_dump, tmp_path):
    for number, name in enumerate("ab"):
        write_dump([page(number, f"text {name}")], name=name)
    result = run(tmp_path / "*.xml", tmp_path / "out")
    assert [row["text"] for row in articles(result)] == ["text a", "text b"]
    assert [file.path for file in result.manifest.files] == [
        "articles-00000-of-00002.parquet",
        "articles-00001-of-00002.parquet",
        "losses.json",
    ]


def test_complete_parts_are_not_extracted_again(write_dump, monkeypatch, tmp_path):
    monkeypatch.setattr(dump_module, "PART_BYTES", 2000)
    path = write_dump([page(number, "text " * 50) for number in range(1, 9)])
    whole, done = PartTask.run, []

    def stops_after_two(task):
        if len(done) == 2:
            raise BerthError("stopped")
        done.append(tmp_path / "out" / whole(task))

    with monkeypatch.context() as patch, pytest.raises(BerthError, match="stopped"):
        patch.setattr(PartTask, "run", stops_after_two)
        run(path, tmp_path / "out")
    times = [file.stat().st_mtime_ns for file in done]
    result = run(path, tmp_path / "out")
    assert [file.stat().st_mtime_ns for file in done] == times
    assert [row["id"] for row in articles(result)] == list(range(1, 9))


def test_a_dump_without_articles_is_an_error(write_dump, tmp_path):
    path = write_dump([page(1, "#REDIRECT [[x]]"), page(2, "x", namespace=10)])
    with pytest.raises(BerthError, match=r"holds no article.*2 pages"):
        run(path, tmp_path / "out")
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("manifest.json"))


def test_invalid_utf8_is_an_error_or_a_rejected_page(tmp_path, write_dump):
    path = Path(write_dump([page(1, "good"), page(2, "caf\u00e9"), page(3, "good too")]))
    content = path.read_bytes().replace(b"\xc3\xa9", b"\xe9")
    path.write_bytes(content)
    with pytest.raises(BerthError, match=rf"byte {content.index(0xE9)}: the dump is not valid UTF-8.*0xe9"):
        run(path, tmp_path / "strict", strict=True)
    result = run(path, tmp_path / "lenient")
    assert [row["id"] for row in articles(result)] == [1, 3]
    assert result.manifest.counters["rejected_invalid_utf8"] == 1


def test_a_damaged_dump_gives_what_can_be_read_if_not_strict(tmp_path, write_dump, caplog):
    path = Path(write_dump([page(1, "one"), page(2, "two")]))
    path.write_bytes(path.read_bytes()[:-120])
    with pytest.raises(BerthError, match=f"{path}, byte {path.stat().st_size}: the dump ends in the middle of a page"):
        run(path, tmp_path / "strict", strict=True)
    result = run(path, tmp_path / "out")
    assert f"{path}, byte {path.stat().st_size}: the dump ends in the middle of a page" in caplog.text
    assert [row["id"] for row in articles(result)] == [1]
    assert result.manifest.counters["lost_places"] == 1
    assert result.manifest.counters["lost_pages_cut"] == 1


def test_duplicate_ids_are_rejected(tmp_path, write_dump):
    result = run(write_dump([page(1, "one"), page(1, "again"), page(2, "two")]), tmp_path / "out")
    assert [row["text"] for row in articles(result)] == ["one", "two"]
    assert result.manifest.counters["rejected_duplicate_id"] == 1


def test_a_very_long_page(tmp_path, write_dump):
    result = run(write_dump([page(1, "word " * 4_000_000), page(2, "two")]), tmp_path / "out")
    assert [len(row["text"]) for row in articles(result)] == [19_999_999, 3]


def test_articles_without_text_stay_and_are_counted(tmp_path, write_dump):
    result = run(write_dump([page(1, "{{stub}}"), page(2, "two")]), tmp_path / "out")
    assert [row["text"] for row in articles(result)] == ["", "two"]
    assert result.manifest.counters["articles_without_text"] == 1


def test_headings(tmp_path, write_dump):
    result = run(write_dump([page(1, "One\n== Two ==\nThree")]), tmp_path / "out", keep_headings=True)
    assert [row["text"] for row in articles(result)] == ["One\nTwo\nThree"]
