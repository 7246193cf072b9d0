"""Extraction speed: dump → articles beside bzip2 alone, the cleaner by itself. (Articles → sentences: sentences.py.)

    python benchmarks/extraction.py [--dump FILE.bz2]

Without --dump, a multistream dump of some 67 MB of XML is made of the excerpt of English Wikipedia in gensim's wheel.
Times are user CPU seconds of one process, kernels compiled before; the ratios are what to look at.
"""

from __future__ import annotations

import argparse
import bz2
import resource
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from berth import storage
from berth.stage.output import Output

EXCERPT = "package://gensim/test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
COPIES = 11
PAGES_IN_STREAM = 20

T = TypeVar("T")


def user_seconds(work: Callable[[], T], who: int = resource.RUSAGE_SELF) -> tuple[float, T]:
    """User CPU time that some work takes, and its result."""
    before = resource.getrusage(who).ru_utime
    result = work()
    return resource.getrusage(who).ru_utime - before, result


def make_dump(path: Path) -> None:
    """Copies of the excerpt, their pages renumbered, as a multistream dump."""
    xml = bz2.decompress(storage.read_bytes(EXCERPT))
    head, *pages = xml[: xml.rindex(b"</mediawiki>")].split(b"  <page>")
    with path.open("wb") as file:
        file.write(bz2.compress(head))
        for copy in range(COPIES):
            numbered = [b"  <page>" + page.replace(b"<id>", b"<id>%d" % (copy + 1), 1) for page in pages]
            for at in range(0, len(numbered), PAGES_IN_STREAM):
                file.write(bz2.compress(b"".join(numbered[at : at + PAGES_IN_STREAM])))
        file.write(bz2.compress(b"</mediawiki>"))


def measure(dump: str, directory: str) -> None:
    """Measure and print."""
    from berth.recipe import ExtractOptions
    from pipelines.error_policy import ErrorPolicy
    from pipelines.wikitext.cleaner import Cleaner
    from pipelines.wikitext.dump.pages import Page, parse_page
    from pipelines.wikitext.dump.parts import open_dump
    from pipelines.wikitext.dump.reading import RangeStatus
    from pipelines.wikitext.dump.spool import spool_name
    from pipelines.wikitext.shard import PartTask
    from pipelines.wikitext.templates.definitions import write_definitions
    from pipelines.wikitext.templates.pages import TemplateTask
    from pipelines.wikitext.templates.table import TemplateDefinitions

    command = ["bash", "-c", 'bzip2 -dc "$0" | wc -c', dump]
    bzip2, counted = user_seconds(
        lambda: subprocess.run(command, check=True, capture_output=True), resource.RUSAGE_CHILDREN
    )
    size = int(counted.stdout)
    print(f"{'bzip2 -dc':34}{bzip2:8.2f} s  {size / bzip2 / 1e6:6.0f} MB/s of XML")

    opened = open_dump(dump)
    cleaner = Cleaner(opened.wiki)
    pages = [
        parse_page(xml, opened.wiki) for part in opened.parts for xml in part.read(RangeStatus(dump, ErrorPolicy()))
    ]
    sources = [page.source for page in pages if isinstance(page, Page)]
    cleaner.clean(b"'''a''' {{nowrap|b}} &amp; (c<ref>d</ref>)")  # compiles what is not compiled yet
    tasks = [
        PartTask(part, f"{number}.parquet", opened.wiki, ExtractOptions(), ErrorPolicy(), Output(directory))
        for number, part in enumerate(opened.parts)
    ]
    passes = [
        TemplateTask(
            part, f"{number}.json", spool_name(f"{number}.parquet"), opened.wiki, ErrorPolicy(), Output(directory)
        )
        for number, part in enumerate(opened.parts)
    ]
    extraction, _ = user_seconds(lambda: [task.run() for task in tasks])
    print(f"{'dump → articles in Parquet':34}{extraction:8.2f} s  {extraction / bzip2:6.2f} × bzip2 -dc (at most 1.6)")
    reading, _ = user_seconds(lambda: [one.run() for one in passes])
    write_definitions(Output(directory), "templates.json", {opened.wiki.key: TemplateDefinitions()})
    again = [replace(task, definitions="templates.json") for task in tasks]
    articles, _ = user_seconds(lambda: [task.run() for task in again])
    both = reading + articles
    print(f"{'… its template pages read first':34}{both:8.2f} s  {both / bzip2:6.2f} × bzip2 -dc")
    cleaning, _ = user_seconds(lambda: [cleaner.clean(source) for source in sources])
    print(
        f"{'cleaner':34}{cleaning:8.2f} s  {sum(map(len, sources)) / cleaning / 1e6:6.0f} MB/s of wikitext (200), "
        f"{cleaning / bzip2:.2f} × bzip2 -dc"
    )
    prose = b"One sentence of plain prose, with a comma and some more words. " * 40_000
    plain, _ = user_seconds(lambda: [cleaner.clean(prose) for _ in range(10)])
    print(f"{'cleaner, prose without mark-up':34}{plain:8.2f} s  {10 * len(prose) / plain / 1e6:6.0f} MB/s")


def main() -> None:
    """Read the arguments, make a dump if none is given, measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dump", help="a bz2 dump; made of the gensim excerpt if not given")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        dump = arguments.dump
        if not dump:
            dump = f"{directory}/dump.xml.bz2"
            make_dump(Path(dump))
        measure(dump, directory)


if __name__ == "__main__":
    main()
