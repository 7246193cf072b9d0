"""The promise of docs/scale.md: the memory of a data stage does not grow with the corpus."""

import bz2
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import large_dump

ROOT = Path(__file__).parent.parent
XML_A_SHARD = 32_000_000
SIZES = {"small": 50_000_000, "large": 200_000_000}
GROWTH = 1.3


def peak(*arguments):
    """The largest resident set, in bytes, of a command's processes."""
    process = subprocess.Popen([sys.executable, "-c", "from berth.app.cli import main; main()", *arguments], cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return usage.ru_maxrss * 1024


def peaks(directory, size):
    """The peak of each stage, on a dump of this size."""
    dump, articles, text = directory / "dump.xml.bz2", str(directory / "articles"), str(directory / "text")
    directory.mkdir()
    large_dump.write(str(dump), size)
    parts = ["--text", f"{text}/part-*.txt"]
    shards = str(max(1, size // XML_A_SHARD))
    lengths = ["--max-seq-length", "128", "--max-predictions", "20", "--dupe-factor", "2"]
    split = ["segment", "--articles", articles, "--output", text, "--shards", shards, "--eval-documents", "8"]
    vocabulary = str(directory / "vocab")
    one = ["--workers", "1"]
    drop = ["filter", "--articles", articles, "--output", str(directory / "filtered"), "--duplicates", "paragraphs"]
    make = ["records", *parts, "--vocab", f"{vocabulary}/vocab.txt", "--output", str(directory / "records"), *lengths]
    return {
        "extract": peak("extract", "--dump", str(dump), "--output", articles, *one),
        "filter": peak(*drop, *one),
        "segment": peak(*split, *one),
        "vocab": peak("vocab", *parts, "--output", vocabulary, "--size", "20000", *one),
        "records": peak(*make, *one),
    }


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_four_times_the_corpus_takes_no_more_memory(tmp_path):
    small, large = (peaks(tmp_path / name, size) for name, size in SIZES.items())
    assert {stage: large[stage] / small[stage] for stage in large if large[stage] > GROWTH * small[stage]} == {}


def test_a_large_dump_has_pages_of_its_own(tmp_path):
    path = tmp_path / "dump.xml.bz2"
    large_dump.write(str(path), 6_000_000)
    assert path.read_bytes().count(b"BZh1") > 3  # streams, as in Wikimedia's multistream dumps
    xml = bz2.decompress(path.read_bytes()).decode()
    assert 6_000_000 <= len(xml) <= 7_000_000
    pages = xml.split("  <page>\n")[1:]
    titles = re.findall(r"<title>(.*?)</title>", xml)
    assert len(set(titles)) == len(titles) == len(pages) == xml.count("</page>")
    assert len(set(pages)) == len(pages)
    first = [re.search(r"<id>(\d+)</id>", page)[1] for page in pages]
    assert len(set(first)) == len(first)
