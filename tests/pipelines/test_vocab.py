"""The stage vocab: what its files hold, resuming, reproducibility, bad input."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from pathlib import Path

import pytest

from berth.errors import BerthError
from berth.recipe import Vocabulary
from berth.stage import Directory, Result
from berth.stage.inputs import Inputs
from pipelines.engine import workers
from pipelines.vocab import vocabulary
from pipelines.wordpiece import counting, learning
from pipelines.wordpiece.coverage import word_pieces
from pipelines.wordpiece.word_counts import count_words

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


SYLLABLES = ["ka", "lo", "mi", "ter", "ing", "an", "der", "pre", "con", "ver", "st", "or"]


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> str:
    directory = tmp_path_factory.mktemp("shards")
    words = ["".join(parts) for parts in itertools.product(SYLLABLES, repeat=3)]
    for shard in range(2):
        lines = [f"The {word} of {words[-i].upper()}, caf\u00e9 {i}!" for i, word in enumerate(words) if i % 2 == shard]
        (directory / f"part-{shard:05d}-of-00002.txt").write_text("\n".join(lines) + "\n\n")
    return str(directory / "part-*.txt")


def run(text: str, output: Path, **options) -> Result:
    return vocabulary(text=Inputs.of(text), options=Vocabulary(**options), seed=1, destination=Directory(str(output)))


def entries_of(result: Result) -> list[str]:
    entries = Path(result.files("vocab.txt").one().uri).read_text().split("\n")
    assert entries.pop() == ""
    return entries


def learn(text: str, output: Path, **options) -> list[str]:
    return entries_of(run(text, output, **options))


@pytest.fixture(scope="module")
def learned(shards, tmp_path_factory) -> Result:
    """A vocabulary of 200 entries by the usual options."""
    return run(shards, tmp_path_factory.mktemp("learned") / "out", size=200)


def test_size_order_and_coverage(learned):
    check_size_order_and_coverage(entries_of(learned), lower_case=True)


@pytest.mark.parametrize(
    ("kind", "lower_case"),
    [
        ({"kind": "wordpiece"}, False),
        ({"kind": "sentencepiece"}, False),
        ({"kind": "sentencepiece", "pieces": "bpe"}, True),
    ],
)
def test_size_order_and_coverage_of_other_kinds(shards, tmp_path, kind, lower_case, caplog):
    with caplog.at_level("INFO", "berth.vocab"):
        result = run(shards, tmp_path / "out", size=200, lower_case=lower_case, **kind)
    check_size_order_and_coverage(entries_of(result), lower_case)
    counters = result.manifest.counters
    known = f"{100 * (1 - counters['unknown_words'] / counters['words']):.3f}% of the text's words known"
    per_word = f"{counters['tokens'] / counters['words']:.3f} tokens a word"
    assert f"200 entries, {counters['characters']} of them characters; {known}, {per_word}" in caplog.text


def check_size_order_and_coverage(entries, lower_case):
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


def test_frequent_words_are_whole(learned):
    assert {"the", "of", "cafe", "pre", "##ing"} <= set(entries_of(learned))


def test_how_it_suits_the_text_is_counted(shards, learned):
    texts = [path.read_text() for path in Path(shards).parent.glob("part-*")]
    words = sum((count_words(text, lower_case=True) for text in texts), Counter())
    entries, counters = frozenset(entries_of(learned)), learned.manifest.counters
    tokens = sum(count * len(word_pieces(word, entries, 100)) for word, count in words.items())
    assert counters["words"] == words.total()
    assert counters["distinct_words"] == len(words)
    assert counters["unknown_words"] == 0
    assert counters["tokens"] == tokens
    assert counters["characters"] == len({character for word in words for character in word})


@pytest.mark.reproducibility
def test_counts_are_kept_when_work_is_resumed(shards, tmp_path, monkeypatch):
    def stops(*_):
        raise BerthError("stopped")

    (tmp_path / "killed").mkdir()
    with monkeypatch.context() as patch, pytest.raises(BerthError, match="stopped"):
        patch.setattr(learning, "learn", stops)
        run(shards, tmp_path / "killed", size=200)
    with monkeypatch.context() as patch:
        patch.setattr(counting, "count_shards", stops)
        resumed = run(shards, tmp_path / "killed", size=200)
    undisturbed = run(shards, tmp_path / "undisturbed", size=200)
    assert resumed.manifest.files == undisturbed.manifest.files
    assert resumed.manifest.counters == undisturbed.manifest.counters
    assert not [path for path in Path(resumed.uri).iterdir() if re.match(r"\.(?!revisions)", path.name)]


def test_a_size_that_the_text_cannot_give(shards, tmp_path):
    with pytest.raises(BerthError, match=r"cannot give a vocabulary of this size.*Lower the size to at most \d+"):
        learn(shards, tmp_path / "out", size=50_000)


def test_a_text_too_small_for_any_vocabulary(tmp_path):
    (tmp_path / "part.txt").write_text("two words\n")
    with pytest.raises(BerthError, match=r"Found 23 entries from 2 distinct words.* Give more text"):
        learn(str(tmp_path / "part.txt"), tmp_path / "out", size=100)


@pytest.mark.parametrize("kind", ["wordpiece", "sentencepiece"])
def test_an_empty_text_is_an_error(tmp_path, kind):
    (tmp_path / "part.txt").write_text("\n\n")
    with pytest.raises(BerthError, match="the text holds no word"):
        learn(str(tmp_path / "part.txt"), tmp_path / "out", kind=kind)


@pytest.mark.parametrize("text", ["\n\n", "\u200b\n\n"])
def test_an_empty_sample_is_an_error(tmp_path, text):
    (tmp_path / "part.txt").write_text(text)
    with pytest.raises(BerthError, match="the sample of the text holds no word"):
        learn(str(tmp_path / "part.txt"), tmp_path / "out", kind="sentencepiece", sample_sentences=5)


def test_text_that_is_not_utf8_is_an_error(tmp_path):
    (tmp_path / "part.txt").write_bytes(b"abc \xff")
    with pytest.raises(BerthError, match="byte 4"):
        learn(str(tmp_path / "part.txt"), tmp_path / "out")


def copied(tmp_path, content: str) -> list[str]:
    (tmp_path / "given.txt").write_text(content)
    result = vocabulary(
        text=Inputs.of(str(tmp_path / "given.txt")),
        given=Inputs.of(str(tmp_path / "given.txt")),
        options=Vocabulary(),
        seed=1,
        destination=Directory(str(tmp_path / "out")),
    )
    return Path(result.files("vocab.txt").one().uri).read_text().split("\n")


def test_a_given_vocabulary_is_copied(tmp_path):
    assert copied(tmp_path, "\r\n".join([*SPECIAL, "a", "##b"])) == [*SPECIAL, "a", "##b", ""]


def test_lines_of_a_given_vocabulary_stay_as_they_are(tmp_path):
    """White space is no part of a token, but other readers of the file find what was given."""
    assert copied(tmp_path, "\n".join([*SPECIAL, "a ", "\u2028"]) + "\n") == [*SPECIAL, "a ", "\u2028", ""]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\nb\n", r"given.txt: the vocabulary lacks \[PAD\], \[UNK\], \[CLS\]"),
        ("\n".join([*SPECIAL, "a", "b", "a"]), r"line 8: the token 'a' is in the vocabulary twice"),
        ("\n".join([*SPECIAL, "a", "b", "a "]), r"line 8: the token 'a' is in the vocabulary twice"),
        ("\n".join(SPECIAL), "the vocabulary has no word"),
    ],
)
def test_what_is_no_vocabulary_is_refused(tmp_path, content, message):
    with pytest.raises(BerthError, match=message):
        copied(tmp_path, content)


@pytest.mark.reproducibility
def test_words_of_a_large_text_are_counted_in_a_process_that_ends_before_pieces_are_learned(tmp_path, monkeypatch):
    (tmp_path / "part-0.txt").write_text(
        " ".join(f"word{chr(97 + n // 26)}{chr(97 + n % 26)}er" for n in range(400)) + "\n"
    )
    calls, real = [], workers.in_own_process
    monkeypatch.setattr(workers, "in_own_process", lambda *call: calls.append(real(*call)))
    made = []
    for name, limit in (("small", 1 << 30), ("large", 1)):
        monkeypatch.setattr(workers, "BYTES_A_WORKER", limit)
        text = Inputs.of(str(tmp_path / "part-*.txt"))
        options = Vocabulary(size=100, lower_case=True)
        made.append(vocabulary(text=text, options=options, seed=1, destination=Directory(str(tmp_path / name))))
    assert calls == [None]
    assert made[0].manifest.files == made[1].manifest.files
    assert made[0].manifest.counters == made[1].manifest.counters
