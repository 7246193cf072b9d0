"""Bad input, as a user meets it: one paragraph naming file and place, status 1 or 2, nothing half-written."""

import bz2
import gzip
import json
import logging
import os
import random
import resource
import signal
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from berth.app.cli import main

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
    def call(content, name="dump.xml", *flags):
        (tmp_path / name).write_bytes(content)
        return berth("extract", "--dump", tmp_path / name, "--output", tmp_path / "out", *flags)

    return call


def test_a_missing_dump(tmp_path, berth):
    run = berth("extract", "--dump", tmp_path / "no.bz2", "--output", tmp_path / "out")
    run.refused(2, "no.bz2", "no file matches")
    assert left(tmp_path / "out") == []


def test_a_dump_that_is_a_directory(tmp_path, berth):
    (tmp_path / "d").mkdir()
    berth("extract", "--dump", tmp_path / "d", "--output", tmp_path / "out").refused(2, str(tmp_path / "d"))


def test_a_dump_cut_in_the_middle(tmp_path, extract):
    whole = bz2.compress(dump(5, noise(100_000)), 1)  # several blocks
    extract(whole[: len(whole) // 2], "dump.xml.bz2", "--strict").refused(1, "dump.xml.bz2", "byte", "strict")
    assert left(tmp_path / "out") == []


def test_a_plain_dump_cut_in_the_middle(tmp_path, extract):
    whole = dump(50)
    extract(whole[: len(whole) // 2], "dump.xml", "--strict").refused(1, "dump.xml", "byte")
    assert left(tmp_path / "out") == []


@pytest.mark.parametrize(
    "content", [b"<html><body>Not found</body></html>", b"", b"\x00\x01\x02" * 1000, b"Just some text.\n" * 100]
)
def test_a_file_that_is_not_a_dump(tmp_path, extract, content):
    extract(content).refused(1, "dump.xml")
    assert left(tmp_path / "out") == []


def test_what_can_be_read_of_a_bad_dump_is_kept_and_the_rest_named(tmp_path, extract):
    good = [PAGE.format(number, PROSE) for number in range(1, 8)]
    bad = [
        PAGE.format(8, PROSE).replace("</page>", ""),
        PAGE.format(9, "caf@").replace("@", "\ud800"),
        PAGE.format(1, "twice"),
        PAGE.format(10, "").replace("<text></text>", "<text />"),
        PAGE.format(11, "a\x00b &#xD800; c"),
        PAGE.format(12, PROSE).replace("<ns>0</ns>", ""),
    ]
    content = (HEAD + "".join([*good[:3], *bad, *good[3:]]) + "</mediawiki>").encode("utf-8", "surrogatepass")
    run = extract(content)
    assert run.status == 0, run.stderr
    assert "Traceback" not in run.stderr
    for place, words in [
        (content.index(b"<page><title>T8<"), "has a page without an end"),
        (content.index(b"\xed\xa0\x80"), "is not valid UTF-8"),
        (content.rindex(b"<page><title>T1<"), "has the id of an earlier page"),
    ]:
        assert any(f"dump.xml, byte {place}" in line and words in line for line in run.stderr.splitlines()), words
    counters = json.loads((tmp_path / "out" / "manifest.json").read_text())["counters"]
    assert counters["pages"] == 12 == counters["articles"] + 2
    assert counters["lost_pages_cut"] == counters["rejected_invalid_utf8"] == counters["rejected_duplicate_id"] == 1


def test_a_dump_cut_in_the_middle_is_kept_as_far_as_it_goes(tmp_path, extract):
    whole = dump(50)
    run = extract(whole[: len(whole) // 2])
    assert run.status == 0
    assert f"dump.xml, byte {len(whole) // 2}: the dump ends in the middle of a page" in run.stderr
    counters = json.loads((tmp_path / "out" / "manifest.json").read_text())["counters"]
    assert (counters["articles"], counters["lost_places"]) == (24, 1)


def test_a_dump_without_articles(tmp_path, extract):
    extract(dump(0)).refused(2, "dump.xml", "no article")
    assert left(tmp_path / "out") == []


def test_invalid_utf8_in_a_dump(tmp_path, extract):
    content = dump(3, PROSE + "caf@.").replace(b"caf@", b"caf\xe9")
    extract(content, "dump.xml", "--strict").refused(1, "dump.xml", f"byte {content.index(0xE9)}")
    assert left(tmp_path / "out") == []


@pytest.fixture
def corpus(tmp_path, berth):
    """Call `berth extract --source FORMAT=FILE` on some content."""

    def call(kind, content, *flags, name="corpus"):
        (tmp_path / name).write_bytes(content)
        return berth("extract", "--source", f"{kind}={tmp_path / name}", "--output", tmp_path / "out", *flags)

    return call


BAD_CORPORA = {
    "a bad line": ("jsonl", b'{"text": "x"}\nnot JSON\n', ["corpus, line 2, byte 14", "not valid JSON", "--no-strict"]),
    "another field": ("jsonl", b'{"body": "x"}\n', ["corpus, line 1", "no field 'text' among 'body'"]),
    "JSON that is one list": ("jsonl", b'[{"text": "x"}]', ["corpus, line 1", "not a JSON object"]),
    "a line that is not UTF-8": (
        "jsonl",
        b'{"text": "caf\xe9"}',
        ["corpus, line 1, byte 13", "not valid UTF-8", "0xe9"],
    ),
    "a sentence that is not UTF-8": ("sentences", b"One.\n\nTwo \xe9.\n", ["corpus, line 3, byte 10", "0xe9"]),
    "a document that is not UTF-8": ("documents", b"caf\xe9", ["corpus, byte 3", "0xe9"]),
    "UTF-16": ("sentences", "One.".encode("utf-16"), ["corpus", "the mark of UTF-16", "iconv"]),
    "a cut gzip file": ("jsonl", gzip.compress(noise(9000).encode())[:2000], ["corpus, after byte", "damaged"]),
    "no Parquet": ("parquet", b"text", ["corpus", "not a Parquet file"]),
}


@pytest.mark.parametrize("name", BAD_CORPORA)
def test_a_corpus_that_cannot_be_read(tmp_path, corpus, name):
    kind, content, words = BAD_CORPORA[name]
    corpus(kind, content, "--strict").refused(1, *words)
    assert left(tmp_path / "out") == []


@pytest.mark.parametrize("kind", ["sentences", "documents", "jsonl"])
@pytest.mark.parametrize("content", [b"", b"\n \n\xc2\xa0\n"])
def test_a_corpus_without_text(tmp_path, corpus, kind, content):
    corpus(kind, content).refused(2, "corpus", "no article")
    assert left(tmp_path / "out") == []


def test_sources_that_make_no_sense(tmp_path, berth):
    def extract(*flags):
        return berth("extract", *flags, "--output", tmp_path / "out")

    extract().refused(2, "no source is given", "--dump FILE")
    extract("--source", "text.txt").refused(2, "--source text.txt", "FORMAT=GLOB", "sentences")
    extract("--source", "csv=x").refused(2, "--source csv=x", "jsonl")
    extract("--source", "jsonl=").refused(2, "--source jsonl=", "FORMAT=GLOB")
    extract("--source", f"jsonl={tmp_path}/no*").refused(2, f"{tmp_path}/no*", "no file matches")
    (tmp_path / "x").write_text("x")
    extract("--source", f"sentences={tmp_path}/x", "--id-field", "id").refused(2, "--id-field", "applies to no source")
    extract("--source", f"sentences={tmp_path}/x", "--wrapped").refused(2, "--wrapped", "documents")
    extract("--source", f"jsonl={tmp_path}/x", "--text-field", "").refused(2, "--text-field", "at least 1 character")
    assert left(tmp_path / "out") == []


def test_more_shards_than_documents(tmp_path, extract, berth):
    assert extract(dump(3)).status == 0
    base = ["segment", "--articles", tmp_path / "out", "--output", tmp_path / "s", "--seed", 1]
    berth(*base, "--shards", 4, "--eval-documents", 0).refused(2, "more shards than documents", "4 shards for 3")
    berth(*base, "--shards", 1, "--eval-documents", 3).refused(2, "held out", "3 of 3 documents")
    assert [name for name in left(tmp_path / "s") if not name.startswith(".")] == []


@pytest.fixture
def articles(tmp_path):
    """Writes one article file into a directory."""

    def write(table):
        (tmp_path / "a").mkdir(exist_ok=True)
        pq.write_table(table, tmp_path / "a" / "articles-00000-of-00001.parquet", compression="zstd")
        return ["--articles", tmp_path / "a", "--output", tmp_path / "s"]

    return write


def rows(*texts):
    columns = {"id": range(len(texts)), "url": ["https://a.org/x"] * len(texts), "text": texts}
    return pa.table({name: list(values) for name, values in columns.items()})


SEGMENT = ["--shards", 1, "--eval-documents", 0, "--seed", 1]


def test_an_unknown_punkt_model(tmp_path, articles, berth):
    base = ["segment", *articles(rows(PROSE)), *SEGMENT]
    berth(*base, "--punkt", "volapuek").refused(2, "no such Punkt model", "volapuek", "downloads nothing")
    berth(*base, "--punkt", tmp_path).refused(2, "no such Punkt model", str(tmp_path))
    (tmp_path / "abbrev_types.txt").write_text("mr")
    berth(*base, "--punkt", tmp_path).refused(2, "collocations.tab", "no file matches")
    (tmp_path / "punkt.json").write_text("{}")
    berth(*base, "--punkt", tmp_path / "punkt.json").refused(1, "punkt.json", "Punkt parameters")
    assert [name for name in left(tmp_path / "s") if not name.startswith(".")] == []


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pa.table({"id": [1], "url": ["u"]}), ["also text"]),
        (pa.table({"text": ["x"]}), ["also id, url"]),
        (pa.table({"id": [1], "url": ["u"], "text": [[b"x"]]}), ["column text", "a string"]),
        (pa.table({"id": ["1"], "url": ["u"], "text": ["x"]}), ["column id", "an integer"]),
    ],
)
@pytest.mark.parametrize("command", [["segment", *SEGMENT], ["filter"]])
def test_parquet_of_something_else(tmp_path, articles, berth, command, table, words):
    run = berth(*command, *articles(table))
    run.refused(1, "articles-00000-of-00001.parquet", "not a file of articles", *words)
    assert left(tmp_path / "s") == []


def test_a_damaged_parquet_file(tmp_path, articles, berth):
    arguments = articles(rows(noise(100_000)))
    path = tmp_path / "a" / "articles-00000-of-00001.parquet"
    content = bytearray(path.read_bytes())
    content[4:104] = b"\xff" * 100
    path.write_bytes(content)
    berth("segment", *arguments, *SEGMENT).refused(1, path.name, "row group 0", "cannot be read")
    berth("filter", *arguments).refused(1, path.name, "row group 0", "cannot be read")


def test_more_documents_for_evaluation_than_there_are(articles, berth):
    berth("segment", *articles(rows(PROSE, PROSE)), *SEGMENT[:3], 5, "--seed", 1).refused(2, "5 of 2 documents")


def test_articles_without_text(tmp_path, articles, berth):
    berth("segment", *articles(rows("", " \n\t", None)), *SEGMENT).refused(2, "the corpus is empty")
    berth("filter", *articles(rows("", " \n\t", None))).refused(2, "leaves no document", "3 empty")
    assert left(tmp_path / "s") == []


@pytest.mark.slow
def test_nul_characters_and_an_article_of_50_mb(tmp_path, articles, berth):
    sentence = "A sentence with a\x00NUL, and \u200b signs. "
    long = sentence * (50_000_000 // len(sentence.encode()))
    assert berth("segment", *articles(rows(long, "x" * 1_000_000, "\x00")), *SEGMENT).status == 0
    lines = (tmp_path / "s" / "part-00000-of-00001.txt").read_text().split("\n")
    assert lines.count(sentence.strip()) == long.count(sentence)
    assert {"x" * 1_000_000, "\x00", ""} < set(lines)


def test_impossible_filters(tmp_path, articles, berth):
    base = ["filter", *articles(rows(PROSE))]
    berth(*base, "--language", "ar").refused(1, "have no language column", "also language")
    berth(*base, "--min-words", 100).refused(2, "leaves no document", "1 documents", "1 short")
    berth(*base, "--urls", "two words").refused(2, "--urls", "two words")
    berth(*base, "--duplicates", "all").refused(2, "--duplicates", "all")
    berth(*base, "--min-words", -1).refused(2, "--min-words")
    assert left(tmp_path / "s") == []


def test_impossible_sentence_ends(articles, berth):
    base = ["segment", *articles(rows(PROSE)), *SEGMENT]
    berth(*base, "--sentence-end-characters", "a.").refused(2, "--sentence-end-characters", "'a'")
    berth(*base, "--sentence-end-characters", ".", "--segmenter", "sentencex").refused(2, "sentencex")
    berth(*base, "--sentence-end-characters", "").refused(2, "--sentence-end-characters")


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


@pytest.mark.parametrize("kind", ["dump", "prepared"])
def test_a_file_that_is_not_the_expected_one_ends_a_run_before_any_work(berth, tmp_path, kind):
    (tmp_path / "dump.xml").write_bytes(dump())
    (tmp_path / "eval.txt").write_text(PROSE)
    other = f"{{md5: {'a' * 32}}}"
    sources = f"corpus.sources=[{{path: {tmp_path}/dump.xml, expected: {other}}}]"
    prepared = f"{{text: {tmp_path}/dump.xml, evaluation: {tmp_path}/eval.txt, expected: {{eval.txt: {other}}}}}"
    given = {"dump": [sources], "prepared": ["corpus.sources=[]", f"corpus.prepared={prepared}", "segmentation=null"]}
    changes = [word for change in given[kind] for word in ("--set", change)]
    ran = berth("run", "quickstart", *changes, "--workspace", tmp_path / "w")
    name, key = {"dump": ("dump.xml", "corpus.sources.0"), "prepared": ("eval.txt", "corpus.prepared")}[kind]
    ran.refused(1, f"{tmp_path}/{name}", "not the file that the recipe expects", "Found md5", other[6:-1], key)
    assert not [path for path in (tmp_path / "w").glob("*/*/*") if path.name in ("manifest.json", "vocab.txt")]
