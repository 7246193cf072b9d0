"""The stage vocab: exact size, order, reproducibility, bad input."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from berth.errors import BerthError
from berth.inputs import Inputs
from berth.recipe import Vocabulary
from berth.stage import Directory
from pipelines.vocab import vocabulary
from pipelines.wordpiece.coverage import word_pieces

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


SYLLABLES = ["ka", "lo", "mi", "ter", "ing", "an", "der", "pre", "con", "ver", "st", "or"]


@pytest.fixture
def shards(tmp_path) -> str:
    words = ["".join(parts) for parts in itertools.product(SYLLABLES, repeat=3)]
    for shard in range(2):
        lines = [f"The {word} of {words[-i].upper()}, caf\u00e9 {i}!" for i, word in enumerate(words) if i % 2 == shard]
        (tmp_path / f"part-{shard:05d}-of-00002.txt").write_text("\n".join(lines) + "\n\n")
    return str(tmp_path / "part-*.txt")


def learn(text: str, output: Path, **options) -> list[str]:
    result = vocabulary(
        text=Inputs.of(text), options=Vocabulary(**options), seed=1, place=Directory(str(output)), beam_arguments=[]
    )
    entries = Path(result.files("vocab.txt").one().uri).read_text().split("\n")
    assert entries.pop() == ""
    return entries


@pytest.mark.parametrize("kind", ["wordpiece", "sentencepiece"])
@pytest.mark.parametrize("lower_case", [True, False])
def test_size_order_and_coverage(shards, tmp_path, kind, lower_case):
    entries = learn(shards, tmp_path / "out", kind=kind, size=200, lower_case=lower_case)
    assert len(entries) == len(set(entries)) == 200
    assert entries[:5] == SPECIAL
    characters = [entry for entry in entries[5:] if len(entry) == 1]
    inside = [entry for entry in entries[5:] if len(entry) == 3 and entry.startswith("##")]
    assert entries[5 : 5 + len(characters) + len(inside)] == sorted(characters) + sorted(inside)
    assert "##," not in entries
    assert ("\u00e9" in entries) is not lower_case
    known = frozenset(entries)
    for word in ["terkamian", "preconver", "caf\u00e9" if not lower_case else "cafe", "99", "!", "THE".lower()]:
        assert word_pieces(word, known, 100) is not None


def test_frequent_words_are_whole(shards, tmp_path):
    entries = learn(shards, tmp_path / "out", size=200)
    assert {"the", "of", "cafe", "pre", "##ing"} <= set(entries)


def test_the_same_in_any_process(tmp_path):
    program = """if True:
        import itertools
        from pipelines.wordpiece import learner, unigram
        parts = itertools.product("ab co di fe".split(), repeat=4)
        words = {"".join(syllables): 1 + number % 5 for number, syllables in enumerate(parts)}
        for module in (learner, unigram):
            print(module.first_pieces(words, sorted("abcdefio"), 60))
    """
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            cwd=Path(__file__).parents[2],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1
    assert b"##" in outputs.pop()


def test_a_size_that_the_text_cannot_give(shards, tmp_path):
    with pytest.raises(BerthError, match=r"cannot give a vocabulary of this size.*Lower the size to at most \d+"):
        learn(shards, tmp_path / "out", size=50_000)


def test_characters_take_at_most_half_of_the_entries(tmp_path):
    ideographs = "".join(chr(0x4E00 + number) for number in range(500))
    (tmp_path / "part.txt").write_text(" ".join(f"word{number}" for number in range(999)) + ideographs)
    entries = learn(str(tmp_path / "part.txt"), tmp_path / "out", size=200)
    assert len(entries) == 200
    assert {"w", "##w", "9", "##9", "word"} <= set(entries)
    assert sum(entry in ideographs for entry in entries) == (200 - 5) // 2 - 2 * len("word0123456789")


def test_an_empty_text_is_an_error(tmp_path):
    (tmp_path / "part.txt").write_text("\n\n")
    with pytest.raises(BerthError, match="holds no word"):
        learn(str(tmp_path / "part.txt"), tmp_path / "out")


def test_text_that_is_not_utf8_is_an_error(tmp_path):
    (tmp_path / "part.txt").write_bytes(b"abc \xff")
    with pytest.raises(BerthError, match="byte 4"):
        learn(str(tmp_path / "part.txt"), tmp_path / "out")


def take_over(tmp_path, content: str) -> list[str]:
    (tmp_path / "given.txt").write_text(content)
    result = vocabulary(
        text=Inputs.of(str(tmp_path / "given.txt")),
        given=Inputs.of(str(tmp_path / "given.txt")),
        options=Vocabulary(),
        seed=1,
        place=Directory(str(tmp_path / "out")),
    )
    return Path(result.files("vocab.txt").one().uri).read_text().split("\n")


def test_a_given_vocabulary_is_taken_over(tmp_path):
    assert take_over(tmp_path, "\r\n".join([*SPECIAL, "a", "##b"])) == [*SPECIAL, "a", "##b", ""]


@pytest.mark.parametrize(
    ("content", "message"),
    [("a\nb\n", r"not a BERT vocabulary.*\[PAD\]"), ("\n".join([*SPECIAL, "a", "b", "a"]), r"line 8.*entry twice")],
)
def test_what_is_no_vocabulary_is_refused(tmp_path, content, message):
    with pytest.raises(BerthError, match=message):
        take_over(tmp_path, content)
