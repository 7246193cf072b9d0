"""JSON Lines: the same documents whatever the parts, configurable fields, bad lines named."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.errors import BerthError
from pipelines.corpora import reading
from pipelines.corpora.text import paragraphs
from support.corpus_samples import read, source, texts

TEXTS = st.text('ab é字\n\r\u2028\x85\t"\\{}', max_size=30)
BAD = st.sampled_from([b"", b"  \r", b"{", b"[1]", b'"x"', b'{"txt": 1}', b'{"text": 1}', b'{"text": "\xff"}', b"\xff"])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("jsonl") / "text.jsonl"


@settings(deadline=None)
@given(
    lines=st.lists(st.one_of(TEXTS, BAD), max_size=12),
    as_ascii=st.booleans(),
    end=st.sampled_from([b"\n", b"\r\n"]),
    last=st.booleans(),
    compress=st.booleans(),
    part_bytes=st.integers(1, 80),
)
def test_every_line_is_an_article_or_rejected_whatever_the_parts(
    path, lines, as_ascii, end, last, compress, part_bytes
):
    rows = [
        line if isinstance(line, bytes) else json.dumps({"n": 1, "text": line}, ensure_ascii=as_ascii).encode()
        for line in lines
    ]
    content = end.join(rows) + (end if last else b"")
    path.write_bytes(gzip.compress(content) if compress else content)
    articles, counters, _ = read(source("jsonl", path), part_bytes)
    assert [article.text for article in articles] == [paragraphs(line) for line in lines if isinstance(line, str)]
    assert sum(counters.values()) == len([line for line in lines if isinstance(line, bytes) and line.strip()])


def test_fields_are_those_that_the_source_names(path):
    rows = [
        {"body": "One.\r\nTwo.", "key": 17, "head": " A\n title ", "lang": "nb", "more": {"deep": [1]}},
        {"body": "Three.", "key": "b/ø?", "head": None, "lang": None},
        {"body": "Four.", "key": 2**70},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    named = {"text_field": "body", "id_field": "key", "title_field": "head", "language_field": "lang"}
    first, second, third = read(source("jsonl", path, **named))[0]
    assert (first.id, first.url, first.title) == (17, "text.jsonl#17", "A title")
    assert (first.text, first.language) == ("One.\nTwo.", "nb")
    assert (second.url, second.title, second.language) == ("text.jsonl#b/%C3%B8%3F", "", None)
    assert third.url == f"text.jsonl#{2**70}"
    assert 0 <= third.id < 2**63


WRONG = {
    b"{": ("invalid_json", "a line is not valid JSON", "Expecting property name"),
    b"[1, 2]": ("invalid_json", "is not a JSON object", r"\[1, 2\]"),
    b'{"id": 1}': ("wrong_fields", "lacks a field or", "no field 'text' among 'id'"),
    b'{"text": 5, "id": 1}': (
        "wrong_fields",
        "lacks a field or",
        "int instead of text in the field 'text'",
    ),
    b'{"text": "x"}': (
        "wrong_fields",
        "lacks a field or",
        "neither number nor text in the field 'id'",
    ),
    b'{"text": "x", "id": true}': (
        "wrong_fields",
        "lacks a field or",
        "neither number nor text in the field 'id'",
    ),
    b'{"text": "\xff", "id": 1}': ("invalid_utf8", "not valid UTF-8", "the byte 0xff"),
    b"[" * 200_000: ("invalid_json", "not valid JSON", "too deeply"),
    b'{"id": ' + b"9" * 5000 + b"}": ("invalid_json", "not valid JSON", "integer string"),
}


@pytest.mark.parametrize("line", WRONG, ids=lambda line: line[:12].decode(errors="replace"))
def test_a_bad_line_is_counted_and_named_and_an_error_if_strict(path, line, caplog):
    reason, what, found = WRONG[line]
    path.write_bytes(b'\xef\xbb\xbf{"text": "Good.", "id": 1}\n\n' + line + b'\n{"text": "Too.", "id": 2}\n')
    given = source("jsonl", path, id_field="id")
    articles, counters, _ = read(given, part_bytes=20)
    assert [article.text for article in articles] == ["Good.", "Too."]
    assert counters == {f"rejected_{reason}": 1}
    assert "text.jsonl, line 3, byte " in caplog.text
    with pytest.raises(BerthError, match=rf"text\.jsonl, line 3, byte \d+.*{what}.*{found}.*--no-strict"):
        read(given, strict=True)


def test_only_the_first_bad_lines_of_a_part_are_named(path, caplog):
    path.write_text("bad\n" * 20)
    assert read(source("jsonl", path))[1] == {"rejected_invalid_json": 20}
    assert len(caplog.records) == reading.LOGGED
    assert "others in this part are only counted" in caplog.records[-1].getMessage()


def test_a_line_that_is_too_long_is_not_held_in_memory(path):
    path.write_text('{"text": "a"}\n{"text": "' + "b" * 3_000_000 + '"}\n{"text": "c"}')
    articles, counters, _ = read(source("jsonl", path), part_bytes=1000, limit=40)
    assert [article.text for article in articles] == ["a", "c"]
    assert counters == {"rejected_too_long": 1}


def test_empty_files_hold_no_documents(path):
    path.write_bytes(b"")
    assert texts(source("jsonl", path)) == []
