"""One document a file: the same documents whatever the batches, names as ids, faults named."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.errors import BerthError
from support.corpus_samples import read, source

NAMES = st.from_regex(r"[ab]{1,2}(/[ab ø#]{1,2}){0,2}\.txt", fullmatch=True)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return tmp_path_factory.mktemp("documents") / "tree"


@settings(deadline=None)
@given(files=st.dictionaries(NAMES, st.text("ab\n é", max_size=20), min_size=1, max_size=8), part=st.integers(1, 60))
def test_every_file_is_a_document_in_the_order_of_the_paths(tree, files, part):
    shutil.rmtree(tree, ignore_errors=True)
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(text.encode())
    articles, counters, _ = read(source("documents", tree / "**" / "*.txt"), part)
    expected = [
        "\n".join(line.strip() for line in text.split("\n") if line.strip()) for _, text in sorted(files.items())
    ]
    assert [article.text for article in articles] == expected
    assert not counters
    assert len({article.url for article in articles}) == len(files)


def test_small_files_are_read_together(tree):
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    for number in range(10):
        (tree / f"{number}.txt").write_text("x" * 30)
    corpus = source("documents", tree / "*.txt")
    assert [read(corpus, part_bytes)[2] for part_bytes in (1000, 100, 60, 30, 1)] == [1, 4, 5, 10, 10]


def test_ids_follow_from_the_paths_alone(tree, tmp_path):
    for place in (tree, tmp_path / "elsewhere"):
        shutil.rmtree(place, ignore_errors=True)
        (place / "a b").mkdir(parents=True)
        (place / "a b" / "Kåfjord.txt").write_text("Text.")
        (place / "other.txt").write_text("Other.")
    here, there = (read(source("documents", place / "**" / "*.txt"))[0] for place in (tree, tmp_path / "elsewhere"))
    assert here == there
    assert [(article.url, article.title) for article in here] == [
        ("a%20b/K%C3%A5fjord.txt", "Kåfjord"),
        ("other.txt", "other"),
    ]


def one(tree, content: bytes, **options):
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    (tree / "x.txt").write_bytes(content)
    return source("documents", tree / "*.txt", **options)


@pytest.mark.parametrize(
    ("content", "wrapped", "text"),
    [
        ("\ufeffOne.\r\n\r\n  Two.\rThree.", False, "One.\nTwo.\nThree."),
        ("A line\r\nthat goes on.\r\n \r\n\r\nAnother.\n", True, "A line that goes on.\nAnother."),
        ("In\u2028line \x85 ends", False, "In\u2028line \x85 ends"),
    ],
)
def test_paragraphs(tree, content, wrapped, text):
    (article,) = read(one(tree, content.encode(), wrapped=wrapped))[0]
    assert article.text == text


def test_a_file_that_is_not_utf8_is_left_out_and_named(tree, caplog):
    corpus = one(tree, b"\xef\xbb\xbfcaf\xe9")
    assert read(corpus)[1] == {"rejected_invalid_utf8": 1}
    assert "x.txt, byte 6: the text is not valid UTF-8 (the byte 0xe9)" in caplog.text
    with pytest.raises(BerthError, match=r"x\.txt, byte 6.*not valid UTF-8"):
        read(corpus, strict=True)


def test_a_file_that_is_too_large_is_not_read(tree, caplog):
    assert read(one(tree, b"x" * 11), limit=10)[1] == {"rejected_too_long": 1}
    assert "x.txt: a document is too long (11 bytes)" in caplog.text
