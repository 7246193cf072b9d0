"""The stage extract on other sources than dumps: one corpus, bytes, workers, resuming, segmentation."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from berth import storage
from berth.errors import BerthError, UsageError
from berth.formats import articles
from berth.recipe import ExtractOptions, Segmentation, Source
from berth.stage import Directory, Result
from berth.stage.inputs import Inputs
from berth.stage.verification import verify
from pipelines.corpora import reading
from pipelines.corpora.reading import CorpusTask
from pipelines.corpora.sources import find
from pipelines.error_policy import ErrorPolicy
from pipelines.extract import extract
from pipelines.segment import segment
from support.corpus_samples import source
from support.dump_samples import page

WORDS = "tide harbour ship crew rope anchor wind sail port quay crane cargo dock pilot buoy chart".split()  # noqa: SIM905
THREADS = ["--direct_num_workers=2", "--direct_running_mode=multi_threading"]


def run(sources: list[Source], output: Path | str, arguments: list[str] | None = None, **options: bool) -> Result:
    dumps, corpora = find(sources)
    return extract(
        dumps=dumps,
        corpora=corpora,
        options=ExtractOptions(**options),
        destination=Directory(str(output)),
        beam_arguments=arguments or [],
    )


def rows(result: Result) -> list[dict]:
    return [row for uri in result.files("*.parquet").uris for row in pq.read_table(uri).to_pylist()]


@pytest.fixture
def corpus(tmp_path):
    """Sources of every form but dumps, with seven documents each."""
    chance = random.Random(1)

    def sentences(form: str, number: int) -> list[str]:
        return [f"{form} {number}."] + [
            " ".join(chance.choices(WORDS, k=6)).capitalize() + "." for _ in range(chance.randrange(1, 6))
        ]

    made = {form: [sentences(form, number) for number in range(7)] for form in ("Sen", "Doc", "Json", "Table")}
    (tmp_path / "s.txt").write_text("\n".join("".join(f"{line}\n" for line in lines) for lines in made["Sen"]))
    for number, lines in enumerate(made["Doc"]):
        (tmp_path / "docs" / f"{number % 2}").mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs" / f"{number % 2}" / f"{number}.txt").write_text(" ".join(lines))
    objects = [{"text": " ".join(lines), "lang": "en"} for lines in made["Json"]]
    (tmp_path / "j.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in objects))
    table = pa.table({"body": [" ".join(lines) for lines in made["Table"]]})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=2)
    return [
        source("sentences", tmp_path / "s.txt"),
        source("documents", tmp_path / "docs" / "**" / "*.txt"),
        source("jsonl", tmp_path / "j.jsonl", language_field="lang"),
        source("parquet", tmp_path / "t.parquet", text_field="body"),
    ]


def test_several_sources_and_a_dump_are_one_corpus(corpus, write_dump, tmp_path):
    dump = Source(path=write_dump([page(1, "From a dump."), page(2, "#REDIRECT [[x]]")]))
    result = run([corpus[0], dump, *corpus[1:]], tmp_path / "out")
    found = rows(result)
    assert [row["text"].split(".")[0].split(" ")[0] for row in found] == [
        "From",
        *["Sen"] * 7,
        *["Doc"] * 7,
        *["Json"] * 7,
        *["Table"] * 7,
    ]
    counters = result.manifest.counters
    assert (counters["pages"], counters["redirects"], counters["documents_read"]) == (2, 1, 28)
    assert counters["articles"] == 29 == sum(file.records or 0 for file in result.manifest.files)
    assert sorted(result.manifest.inputs) == ["documents 2", "dumps", "jsonl 3", "parquet 4", "sentences 1"]
    assert verify(result.uri) == []


def test_all_files_have_one_schema_and_the_language_only_where_it_is_told(corpus, tmp_path):
    result = run(corpus, tmp_path / "out")
    schemas = [pq.read_schema(uri) for uri in result.files("*.parquet").uris]
    plain, with_language = articles.SCHEMA.names, [*articles.SCHEMA.names, "language"]
    assert [schema.names for schema in schemas] == [plain, plain, with_language, plain]
    assert [articles.has_sentences(schema) for schema in schemas] == [True, False, False, False]
    assert all(schema.field(name) == schemas[0].field(name) for schema in schemas for name in plain)
    assert [row["language"] for row in rows(result) if row.get("language")] == ["en"] * 7


@pytest.mark.reproducibility
def test_bytes_do_not_depend_on_workers(corpus, monkeypatch, tmp_path):
    monkeypatch.setattr(reading, "PART_BYTES", 150)
    one, two = run(corpus, tmp_path / "one"), run(corpus, tmp_path / "two", THREADS)
    assert len(one.manifest.files) > 10
    assert one.manifest.files == two.manifest.files
    assert one.manifest.counters == two.manifest.counters


def test_documents_do_not_depend_on_parts(corpus, monkeypatch, tmp_path):
    whole = run(corpus, tmp_path / "whole")
    monkeypatch.setattr(reading, "PART_BYTES", 100)
    parts = run(corpus, tmp_path / "parts")
    assert len(parts.manifest.files) > len(whole.manifest.files)
    assert rows(parts) == rows(whole)
    assert parts.manifest.counters == whole.manifest.counters


def test_complete_parts_are_not_read_again(corpus, monkeypatch, tmp_path):
    monkeypatch.setattr(reading, "PART_BYTES", 150)
    undisturbed = run(corpus, tmp_path / "undisturbed")
    whole, done = CorpusTask.run, []

    def stops_after_three(task):
        if len(done) == 3:
            raise BerthError("stopped")
        done.append(tmp_path / "out" / whole(task))

    with monkeypatch.context() as patch, pytest.raises(BerthError, match="stopped"):
        patch.setattr(CorpusTask, "run", stops_after_three)
        run(corpus, tmp_path / "out")
    times = [file.stat().st_mtime_ns for file in done]
    resumed = run(corpus, tmp_path / "out")
    assert [file.stat().st_mtime_ns for file in done] == times
    assert resumed.manifest.files == undisturbed.manifest.files


def test_where_the_files_stand_does_not_matter_but_their_names_do(corpus, tmp_path):
    first = run(corpus, tmp_path / "out")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "docs").rename(tmp_path / "elsewhere" / "docs")
    moved = corpus[1].model_copy(update={"path": str(tmp_path / "elsewhere" / "docs" / "**" / "*.txt")})
    assert run([corpus[0], moved, *corpus[2:]], tmp_path / "out").was_up_to_date
    assert first.manifest.counters["articles"] == 28


def test_a_changed_document_is_found(corpus, tmp_path):
    result = run([corpus[1]], tmp_path / "out")
    (tmp_path / "docs" / "1" / "3.txt").write_text("Another text.")
    (problem,) = verify(result.uri)
    assert "1/3.txt is not what was read: other content" in str(problem)


def test_segmentation_keeps_given_sentences_and_splits_the_others(tmp_path):
    given = ["Mr. Smith is here. He waits", "and waits.", "No end", "x\u2028y"]
    (tmp_path / "s.txt").write_text("".join(f"{line}\n" for line in given) + "\nAnother one.\n")
    (tmp_path / "j.jsonl").write_text(json.dumps({"text": "One is here. Two are there.\nThree."}) + "\n")
    result = run([source("sentences", tmp_path / "s.txt"), source("jsonl", tmp_path / "j.jsonl")], tmp_path / "out")
    segmented = segment(
        articles=Inputs.of(f"{result.uri}/articles-*.parquet"),
        options=Segmentation(shards=1),
        seed=1,
        destination=Directory(str(tmp_path / "segmented")),
    )
    text = Path(segmented.files("part-*.txt").one().uri).read_text()
    assert sorted(text.removesuffix("\n\n").split("\n\n")) == sorted(
        ["Mr. Smith is here. He waits\nand waits.\nNo end\nx y", "Another one.", "One is here.\nTwo are there.\nThree."]
    )
    assert segmented.manifest.counters["sentences"] == 8


def test_given_sentences_need_no_punkt_model(tmp_path):
    (tmp_path / "s.txt").write_text("One. Two\n\nThree\n")
    result = run([source("sentences", tmp_path / "s.txt")], tmp_path / "out")
    segmented = segment(
        articles=Inputs.of(f"{result.uri}/articles-*.parquet"),
        options=Segmentation(shards=1),
        seed=1,
        destination=Directory(str(tmp_path / "segmented")),
    )
    assert [file.path for file in segmented.manifest.files] == ["part-00000-of-00001.txt"]
    text = Path(segmented.files("part-*.txt").one().uri).read_text()
    assert sorted(text.removesuffix("\n\n").split("\n\n")) == ["One. Two", "Three"]


def test_files_of_the_same_name_in_two_sources_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.txt").write_text("Text.\n")
    with pytest.raises(UsageError, match=r"two sources have a file called x\.txt"):
        find([source("sentences", tmp_path / folder / "x.txt") for folder in ("a", "b")])


def test_a_corpus_without_documents_is_an_error_that_tells_what_was_rejected(tmp_path):
    (tmp_path / "j.jsonl").write_text('{"body": "x"}\n{"text": ""}\n')
    with pytest.raises(UsageError, match=r"no article.*1 rejected_without_text, 1 rejected_wrong_fields.*fields"):
        run([source("jsonl", tmp_path / "j.jsonl")], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_damaged_files_give_what_precedes_and_are_an_error_if_strict(tmp_path):
    chance = random.Random(1)
    lines = [json.dumps({"text": " ".join(chance.choices(WORDS, k=30))}) for _ in range(5000)]
    content = gzip.compress("\n".join(lines).encode())
    (tmp_path / "j.gz").write_bytes(content[: len(content) // 2])
    given = [source("jsonl", tmp_path / "j.gz")]
    with pytest.raises(BerthError, match=r"j\.gz, after byte \d+.*the file is damaged.*--no-strict"):
        run(given, tmp_path / "strict", strict=True)
    result = run(given, tmp_path / "out")
    assert result.manifest.counters["lost_places"] == 1
    found = [row["text"] for row in rows(result)]
    assert 1000 < len(found) < 4000
    assert found == [json.loads(line)["text"] for line in itertools.islice(lines, len(found))]


class Failing(io.BytesIO):
    """A file on a network that goes away after its first read."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        self.count += 1
        if self.count > 1:
            raise ConnectionResetError("gone")
        return super().read(size)


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_failure_to_read_is_no_damage_that_could_be_counted(tmp_path, monkeypatch, kind):
    chance = random.Random(1)
    text = [" ".join(chance.choices(WORDS, k=30)) for _ in range(5000)]
    if kind == "jsonl":
        content = gzip.compress("\n".join(json.dumps({"text": line}) for line in text).encode())
        (tmp_path / "x").write_bytes(content)
    else:
        pq.write_table(pa.table({"text": text}), tmp_path / "x", use_dictionary=False)
    (corpus,) = find([source(kind, tmp_path / "x")])[1]
    (part,) = corpus.parts()
    monkeypatch.setattr(storage, "open_read", lambda _: Failing((tmp_path / "x").read_bytes()))
    with pytest.raises(ConnectionResetError):
        list(part.articles(reading.PartStatus(ErrorPolicy())))


def test_characters_that_harm_are_taken_out_and_counted(tmp_path):
    (tmp_path / "j.jsonl").write_text(json.dumps({"text": "a\0b \ud83d c"}) + "\n" + json.dumps({"text": "\U0001f600"}))
    result = run([source("jsonl", tmp_path / "j.jsonl")], tmp_path / "out")
    assert [row["text"] for row in rows(result)] == ["ab \ufffd c", "\U0001f600"]
    assert result.manifest.counters["articles_repaired"] == 1


def test_a_long_corpus_is_written_in_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(articles, "ROW_GROUP_CHARACTERS", 100)
    (tmp_path / "s.txt").write_text("\n".join(f"Sentence {number} of a document.\n" for number in range(20)))
    result = run([source("sentences", tmp_path / "s.txt")], tmp_path / "out")
    assert pq.ParquetFile(result.files("*.parquet").one().uri).num_row_groups == 5


@pytest.mark.reproducibility
def test_cloud_storage_gives_the_same_bytes_as_local_files(corpus, bucket, monkeypatch, tmp_path):
    monkeypatch.setattr(reading, "PART_BYTES", 400)
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        with storage.atomic_write(f"{bucket}/in/{path.relative_to(tmp_path)}") as file:
            file.write(path.read_bytes())
    there = [given.model_copy(update={"path": given.path.replace(str(tmp_path), f"{bucket}/in")}) for given in corpus]
    local, cloud = run(corpus, tmp_path / "out"), run(there, f"{bucket}/out")
    assert len(local.manifest.files) > 6
    assert cloud.manifest.files == local.manifest.files
    assert cloud.manifest.digest == local.manifest.digest
    assert verify(cloud.uri) == []
