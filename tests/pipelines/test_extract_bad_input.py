"""Bad dumps: what is lost is counted and named, and never costs the rest of a file."""

from __future__ import annotations

import functools
import itertools
import random
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
from support.dump_samples import HEAD, TAIL, dump_bytes, multistream, page


def run(path: str | Path, output: Path, *arguments: str, **options):
    return extract(
        dumps=Inputs.of(str(path)),
        options=ExtractOptions(**options),
        destination=Directory(str(output)),
        beam_arguments=arguments,
    )


def rows(result) -> list[dict]:
    return [row for uri in result.files("*.parquet").uris for row in pq.read_table(uri).to_pylist()]


def ids(result) -> list[int]:
    return [row["id"] for row in rows(result)]


def accounted(counters) -> bool:
    kinds = ("articles", "redirects", "other_namespaces", "disambiguations")
    known = sum(counters.get(name, 0) for name in kinds)
    return counters["pages"] == known + sum(count for name, count in counters.items() if name.startswith("rejected_"))


@functools.cache
def noise(number: int, words: int = 3000) -> str:
    chance = random.Random(number)
    return " ".join("".join(chance.choices("abcdefghijklmnopqrst", k=5)) for _ in range(words))


def test_every_kind_of_page_is_accounted_for(write_dump, tmp_path):
    path = write_dump(
        [
            page(1, "An article."),
            page(2, "#REDIRECT [[An article]]"),
            page(3, "", extra='    <redirect title="x" />\n'),
            page(4, "A talk.", namespace=1),
            page(5, "It may be:\n* this\n{{disambiguation}}"),
            page(6, "a { color: red }").replace("<model>wikitext", "<model>css"),
            page(7, "no title").replace("<title>Page 7</title>", ""),
            page(1, "twice"),
        ]
    )
    dropped = run(path, tmp_path / "drop", disambiguations="drop").manifest.counters
    kept = run(path, tmp_path / "keep").manifest.counters
    assert accounted(dropped)
    assert accounted(kept)
    assert {name: dropped[name] for name in ("pages", "articles", "redirects", "other_namespaces")} == {
        "pages": 8,
        "articles": 1,
        "redirects": 2,
        "other_namespaces": 1,
    }
    assert {name for name, count in dropped.items() if name.startswith("rejected_") and count == 1} == {
        "rejected_not_wikitext",
        "rejected_malformed",
        "rejected_duplicate_id",
    }
    assert dropped["disambiguations"] == 1
    assert (kept["articles"], kept["articles_disambiguating"]) == (2, 1)
    assert "disambiguations" not in kept


@pytest.mark.parametrize("form", ["bz2", "multistream", "gz", "xml"])
def test_a_cut_dump_keeps_the_pages_before(tmp_path, caplog, form):
    pages = [page(number, noise(number, 8_000)) for number in range(1, 60)]
    whole = dump_bytes(pages, form)
    path = tmp_path / f"dump.{form}"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    result = run(path, tmp_path / "out")
    assert ids(result) == list(range(1, len(rows(result)) + 1))
    assert 20 <= len(rows(result)) <= 40
    counters = result.manifest.counters
    assert accounted(counters)
    assert counters["lost_places"] == 1
    assert f"{path}, byte {len(whole) * 2 // 3}: the dump ends" in caplog.text
    with pytest.raises(BerthError, match=rf"{path}, byte {len(whole) * 2 // 3}: the dump ends"):
        run(path, tmp_path / "strict", strict=True)


def test_behind_a_corrupt_stream_the_others_are_read(tmp_path, caplog):
    pages = [page(number, noise(number)) for number in range(1, 31)]
    content = bytearray(dump_bytes(pages, "multistream"))
    heads = [at for at in range(len(content)) if content[at : at + 10] == content[:10]]
    content[heads[4] + 2000] ^= 0xFF
    path = tmp_path / "dump.xml.bz2"
    path.write_bytes(content)
    result = run(path, tmp_path / "out")
    assert ids(result) == [number for number in range(1, 31) if number not in (10, 11, 12)]
    assert result.manifest.counters["lost_places"] == 1
    assert f"{path}, byte {heads[4]}: the dump has a corrupt bz2 stream" in caplog.text


@pytest.mark.parametrize("part_bytes", [64 << 20, 20_000])
def test_a_stream_whose_beginning_is_destroyed_is_a_loss(tmp_path, monkeypatch, caplog, part_bytes):
    monkeypatch.setattr(dump_module, "PART_BYTES", part_bytes)
    pages = [page(number, noise(number)) for number in range(1, 31)]
    content = bytearray(dump_bytes(pages, "multistream"))
    heads = [at for at in range(len(content)) if content[at : at + 10] == content[:10]]
    content[heads[4]] ^= 0xFF
    path = tmp_path / "dump.xml.bz2"
    path.write_bytes(content)
    result = run(path, tmp_path / "out")
    assert ids(result) == [number for number in range(1, 31) if number not in (10, 11, 12)]
    assert result.manifest.counters["lost_places"] == 1
    assert f"{path}, byte {heads[4]}: the dump has bytes that are not bz2 between its streams" in caplog.text
    with pytest.raises(BerthError, match=f"byte {heads[4]}: the dump has bytes that are not bz2"):
        run(path, tmp_path / "strict", strict=True)


def test_a_corrupt_head_costs_the_names_of_the_wiki_only(tmp_path):
    content = bytearray(multistream([HEAD.format(language="en"), page(1, "One."), page(2, "Two."), TAIL]))
    content[60] ^= 0xFF
    path = tmp_path / "dump.xml.bz2"
    path.write_bytes(content)
    result = run(path, tmp_path / "out")
    assert [row["text"] for row in rows(result)] == ["One.", "Two."]
    assert result.manifest.counters["lost_places"] == 1
    with pytest.raises(BerthError, match="byte 0: the dump has a corrupt bz2 stream"):
        run(path, tmp_path / "strict", strict=True)


def test_one_bad_page_does_not_cost_the_others(tmp_path, caplog):
    surrogate = page(4, "a @ b").encode().replace(b"@", b"\xed\xa0\x80")
    bad = {
        2: page(2, "never ended").replace("  </page>\n", "").encode(),
        4: surrogate,
        6: page(6, "text").replace("</text>", "").encode(),
        8: page(8, "no id").replace("    <id>8</id>\n", "").encode(),
        10: page(10, "caf@").encode().replace(b"@", b"\xe9"),
    }
    kept = {
        12: (page(12, "").encode(), ""),
        14: (page(14, "").replace(escaped_text(""), "").encode(), ""),
        16: (page(16, "a@b").encode().replace(b"@", b"\0"), "ab"),
        18: (page(18, "a@b").encode().replace(b"@", b"&#xD800;&#0;"), "ab"),
        20: (page(20, "x").replace("<ns>0</ns>", "").encode(), "x"),
        22: (page(22, "{{" * 10_000 + "x" + "}}" * 10_000 + " y").encode(), None),
        24: (page(24, "[[" * 10_000 + "{|" * 1000 + "<ref>" * 1000).encode(), None),
    }
    pages = [bad.get(number) or kept.get(number, (None,))[0] or page(number, "fine").encode() for number in range(26)]
    path = tmp_path / "dump.xml"
    path.write_bytes(HEAD.format(language="en").encode() + b"".join(pages) + TAIL.encode())
    result = run(path, tmp_path / "out")
    found = {row["id"]: row["text"] for row in rows(result)}
    assert sorted(found) == [number for number in range(26) if number not in bad]
    for number, (_, text) in kept.items():
        assert text is None or found[number] == text
    counters = result.manifest.counters
    assert accounted(counters)
    assert counters["rejected_invalid_utf8"] == 2
    assert counters["rejected_malformed"] == 2
    assert counters["lost_pages_cut"] == 1
    assert counters["articles_with_nul"] == 1
    assert counters["articles_without_text"] >= 2
    content = path.read_bytes()
    for name, at in [
        ("a page without an end", content.index(bad[2].strip())),
        ("a page is not valid UTF-8", content.index(b"\xed\xa0\x80")),
        ("a page has no title, id or end of its text", content.index(bad[6].strip())),
    ]:
        assert any(f"{path}, byte {at}: " in line and name in line for line in caplog.text.splitlines()), name


@pytest.mark.parametrize("form", ["xml", "multistream", "gz", "utf-16"])
def test_pages_stored_while_templates_are_read_give_what_the_dump_gives(tmp_path, caplog, form):
    pages = [page(number, noise(number % 5, 2000), namespace=number % 7 and 0) for number in range(1, 40)]
    pages[5] = pages[5].replace("</text>", "")
    pages[8] = pages[8].replace("  </page>\n", "")
    content = bytearray(dump_bytes(pages, form))
    if form == "multistream":
        content[len(content) // 3] ^= 0xFF
    path = tmp_path / f"dump.{form}"
    path.write_bytes(content[: len(content) * 9 // 10])
    direct = run(path, tmp_path / "direct", templates="builtin")
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    caplog.clear()
    stored = run(path, tmp_path / "stored", templates="dump")
    assert sorted(warnings) == sorted(record.getMessage() for record in caplog.records if record.levelname == "WARNING")
    assert direct.files("articles-*").digest == stored.files("articles-*").digest
    assert direct.manifest.counters == stored.manifest.counters
    assert direct.manifest.counters["lost_places"] >= 1
    for templates in ("builtin", "dump"):
        with pytest.raises(BerthError, match="the dump "):
            run(path, tmp_path / f"strict {templates}", templates=templates, strict=True)


def escaped_text(text: str) -> str:
    return f'<text bytes="1" xml:space="preserve">{text}</text>'


def test_many_rejected_pages_are_named_once(write_dump, tmp_path, caplog):
    path = write_dump([page(1, "fine"), *(page(1, "again") for _ in range(50))])
    assert run(path, tmp_path / "out").manifest.counters["rejected_duplicate_id"] == 50
    assert caplog.text.count("has the id of an earlier page") == 5
    assert "more pages are rejected" in caplog.text


def duplicates(tmp_path: Path) -> Path:
    """Two dumps of one wiki, and one of another, that share ids of pages."""
    first = [page(number, f"first {number}. " + "word " * 30) for number in (*range(1, 9), 3, 5)]
    second = [page(number, f"second {number}. " + "word " * 30) for number in (20, 3, 21, 8, 22)]
    other = [page(number, f"other {number}") for number in (3, 8)]
    for name, pages, language in [("a", first, "en"), ("b", second, "en"), ("c", other, "sv")]:
        (tmp_path / f"{name}.xml").write_bytes(dump_bytes(pages, "xml", language))
    return tmp_path / "*.xml"


def test_of_pages_with_one_id_the_first_of_the_wiki_counts(monkeypatch, tmp_path):
    whole = run(duplicates(tmp_path), tmp_path / "whole", templates="builtin")
    monkeypatch.setattr(dump_module, "PART_BYTES", 1500)
    parted = run(tmp_path / "*.xml", tmp_path / "parted", templates="builtin")
    threads = run(
        tmp_path / "*.xml",
        tmp_path / "threads",
        "--direct_num_workers=4",
        "--direct_running_mode=multi_threading",
        templates="builtin",
    )
    texts = [row["text"].partition(".")[0] for row in rows(whole)]
    assert texts == [f"first {n}" for n in range(1, 9)] + ["second 20", "second 21", "second 22", "other 3", "other 8"]
    assert [row["text"] for row in rows(parted)] == [row["text"] for row in rows(whole)]
    assert len(parted.manifest.files) > len(whole.manifest.files)
    assert parted.manifest.files == threads.manifest.files
    for result in (whole, parted, threads):
        counters = result.manifest.counters
        assert accounted(counters)
        assert counters["rejected_duplicate_id"] == 4
        assert counters["articles"] == 13


@pytest.mark.reproducibility
def test_a_run_killed_while_it_rejects_duplicates_goes_on(monkeypatch, tmp_path):
    monkeypatch.setattr(dump_module, "PART_BYTES", 1500)
    path = duplicates(tmp_path)
    expected = run(path, tmp_path / "whole", templates="builtin")
    done, count = PartTask.run, itertools.count()

    def stops_at_the_second(task):
        if task.earlier and next(count) == 1:
            raise BerthError("stopped")
        return done(task)

    with monkeypatch.context() as patch, pytest.raises(BerthError, match="stopped"):
        patch.setattr(PartTask, "run", stops_at_the_second)
        run(path, tmp_path / "out", templates="builtin")
    assert run(path, tmp_path / "out", templates="builtin").manifest.files == expected.manifest.files


@pytest.mark.slow
def test_a_page_of_fifty_megabytes(tmp_path):
    text = "word " * 10_000_000
    path = tmp_path / "dump.xml"
    path.write_text(HEAD.format(language="en") + page(1, text) + page(2, "two") + TAIL)
    assert [len(row["text"]) for row in rows(run(path, tmp_path / "out"))] == [len(text) - 1, 3]


@pytest.mark.parametrize("templates", ["builtin", "dump"])
def test_pages_that_are_too_long_are_counted(tmp_path, write_dump, templates):
    path = write_dump([page(1, "Short."), page(2, "Long. " * 2000), page(3, "Short, too.")], "multistream")
    result = run(path, tmp_path / "out", templates=templates, max_document_bytes=5000)
    assert ids(result) == [1, 3]
    assert result.manifest.counters["rejected_too_long"] == 1
    assert accounted(result.manifest.counters)
    with pytest.raises(BerthError, match=r"a page of the dump is too long.*max_document_bytes"):
        run(path, tmp_path / "strict", templates=templates, max_document_bytes=5000, strict=True)
