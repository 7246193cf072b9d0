"""Bad input, as a user meets it: one paragraph naming file and place, status 1 or 2, nothing half-written."""

import bz2
import logging
import os
import random
import resource
import signal
import sys

import pytest

from berth.cli import main

PAGE = "<page><title>T{0}</title><ns>0</ns><id>{0}</id><revision><id>9</id><text>{1}</text></revision></page>"
HEAD = '<mediawiki xml:lang="en"><siteinfo><dbname>enwiki</dbname><base>https://en.wikipedia.org/</base></siteinfo>'
PROSE = "Ships lie at the berth. They wait for the tide. Then they leave. "


def dump(pages=3, text=PROSE):
    return (HEAD + "".join(PAGE.format(number, text) for number in range(1, pages + 1)) + "</mediawiki>").encode()


def noise(characters):
    """Words that do not compress well."""
    chance = random.Random(1)
    return " ".join("".join(chance.choices("abcdefghijklmnopqrst", k=5)) for _ in range(characters // 6))


class Run:
    """What a command printed, and its exit status."""

    def __init__(self, status, stderr):
        self.status, self.stderr = status, stderr

    def refused(self, status, *words):
        """Check that the last line of standard error is the paragraph, and that there is no traceback."""
        paragraph = self.stderr.splitlines()[-1]
        assert self.status == status, self.stderr
        assert paragraph.startswith("berth: ") and "Traceback" not in self.stderr
        for word in words:
            assert word in paragraph
        assert len(paragraph) < 1000


@pytest.fixture
def berth(capsys, monkeypatch):
    """Call the command line in this process."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["berth", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return Run(end.value.code or 0, capsys.readouterr().err)

    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield call
    root.handlers[:] = handlers
    root.setLevel(level)


def left(directory):
    return sorted(os.listdir(directory)) if directory.exists() else []


@pytest.fixture
def extract(tmp_path, berth):
    def call(content, name="dump.xml"):
        (tmp_path / name).write_bytes(content)
        return berth("extract", "--dump", tmp_path / name, "--output", tmp_path / "out")

    return call


def test_a_missing_dump(tmp_path, berth):
    run = berth("extract", "--dump", tmp_path / "no.bz2", "--output", tmp_path / "out")
    run.refused(2, "no.bz2", "no file matches")
    assert left(tmp_path / "out") == []


def test_a_dump_that_is_a_directory(tmp_path, berth):
    (tmp_path / "d").mkdir()
    berth("extract", "--dump", tmp_path / "d", "--output", tmp_path / "out").refused(2, str(tmp_path / "d"))


def test_a_dump_cut_in_the_middle(tmp_path, extract):
    whole = bz2.compress(dump(5, noise(100_000)))
    extract(whole[: len(whole) // 2], "dump.xml.bz2").refused(1, "dump.xml.bz2", "byte", "strict")
    assert left(tmp_path / "out") == []


def test_a_plain_dump_cut_in_the_middle(tmp_path, extract):
    whole = dump(50)
    extract(whole[: len(whole) // 2]).refused(1, "dump.xml", "byte")
    assert left(tmp_path / "out") == []


@pytest.mark.parametrize(
    "content", [b"<html><body>Not found</body></html>", b"", b"\x00\x01\x02" * 1000, b"Just some text.\n" * 100]
)
def test_a_file_that_is_not_a_dump(tmp_path, extract, content):
    extract(content).refused(1, "dump.xml")
    assert left(tmp_path / "out") == []


def test_a_dump_without_articles(tmp_path, extract):
    extract(dump(0)).refused(2, "dump.xml", "no article")
    assert left(tmp_path / "out") == []


def test_invalid_utf8_in_a_dump(tmp_path, extract):
    content = dump(3, PROSE + "caf@.").replace(b"caf@", b"caf\xe9")
    extract(content).refused(1, "dump.xml", f"byte {content.index(0xE9)}")
    assert left(tmp_path / "out") == []


def test_more_shards_than_documents(tmp_path, extract, berth):
    assert extract(dump(3)).status == 0
    base = ["segment", "--articles", tmp_path / "out", "--output", tmp_path / "s", "--seed", 1]
    berth(*base, "--shards", 4, "--eval-documents", 0).refused(2, "more shards than documents", "4 shards for 3")
    berth(*base, "--shards", 1, "--eval-documents", 3).refused(2, "held out", "3 of 3 documents")
    assert [name for name in left(tmp_path / "s") if not name.startswith(".")] == []


def test_a_full_disk(tmp_path, berth):
    (tmp_path / "dump.xml").write_bytes(dump(1, noise(500_000)))
    arguments = ["extract", "--dump", tmp_path / "dump.xml", "--output", tmp_path / "out"]
    # As on a full disk, a write beyond the limit is an error of the operating system.
    ignored, limits = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, limits[1]))
    try:
        run = berth(*arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    run.refused(1, "cannot write here", "Free space")
    assert [name for name in left(tmp_path / "out") if not name.startswith(".")] == []
    assert berth(*arguments).status == 0  # and the same command goes on when there is room


VOCABULARY = "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"]) + "\n"


@pytest.fixture
def records(tmp_path, berth):
    def call(text, *flags, vocabulary=VOCABULARY):
        (tmp_path / "part-00000-of-00001.txt").write_bytes(text)
        (tmp_path / "vocab.txt").write_text(vocabulary)
        given = ["--text", tmp_path / "part-*.txt", "--vocab", tmp_path / "vocab.txt", "--output", tmp_path / "r"]
        return berth("records", *given, *flags)

    return call


def test_text_that_is_not_utf8(tmp_path, records):
    records(b"a b c\nd e \xff f\n\n").refused(1, "part-00000-of-00001.txt", "byte 10")
    assert [name for name in left(tmp_path / "r") if not name.startswith(".")] == []


def test_an_empty_corpus(records):
    records(b"\n\n").refused(1, "part-*.txt", "no document")


def test_a_vocabulary_without_special_tokens(records):
    records(b"a b\nc d\n\n", vocabulary="a\nb\n").refused(1, "vocab.txt", "[CLS]")


def test_impossible_combinations_of_flags(records):
    records(b"a b\n", "--max-seq-length", 16, "--max-predictions", 20).refused(2, "max_predictions (20)")
    records(b"a b\n", "--max-seq-length", 4, "--max-predictions", 1).refused(2, "--max-seq-length")
    records(b"a b\n", "--objective", "mlm").refused(2, "rng: keyed")


def test_fewer_records_than_examples(tmp_path, records, berth):
    assert records(b"a b c d\ne f g h\n\na b c\nd e f\n\n", "--dupe-factor", 1).status == 0
    arguments = ["evalset", "--records", tmp_path / "r" / "*.tfrecord", "--output", tmp_path / "e", "--examples", 100]
    berth(*arguments).refused(2, "100")
    assert [name for name in left(tmp_path / "e") if not name.startswith(".")] == []
