"""Speed and memory of the stage segment: articles → sentence shards, Punkt beside NLTK, Beam's own share.

    python benchmarks/sentences.py [--megabytes 62]

The articles are those of the excerpt of English Wikipedia in gensim's wheel, repeated under other ids. Times are user
CPU seconds of one process; "first" includes what is compiled or decided once, everything else is warm. On a busy
machine only ratios mean something: bzip2 -dc on the excerpt is measured at the beginning and at the end.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from berth import storage
from berth.recipe import ExtractOptions, Segmentation
from berth.stage import Directory
from berth.stage.inputs import Inputs
from berth.stage.output import Output

EXCERPT = "package://gensim/test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
UNIT_BYTES = 16 << 20
ROUNDS = 5
SHARDS, EVALUATION_DOCUMENTS, SEED = 8, 50, 1
NLTK_SHARE = 20  # NLTK splits a twentieth of the paragraphs

T = TypeVar("T")


def user_seconds(work: Callable[[], T], who: int = resource.RUSAGE_SELF) -> tuple[float, T]:
    """User CPU time that some work takes, and its result."""
    before = resource.getrusage(who).ru_utime
    result = work()
    return resource.getrusage(who).ru_utime - before, result


def median_seconds(work: Callable[[], T]) -> tuple[float, T]:
    """The median of some rounds of warm work, and its last result."""
    times = []
    for _ in range(ROUNDS):
        seconds, result = user_seconds(work)
        times.append(seconds)
    return sorted(times)[ROUNDS // 2], result


def make_articles(directory: Path, megabytes: float) -> str:
    """Copies of the excerpt's articles under other ids, as one article file; returns its path."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from berth.formats.articles import PARQUET_OPTIONS
    from pipelines.extract import extract

    destination = Directory(str(directory / "excerpt"))
    result = extract(dumps=Inputs.of(EXCERPT), options=ExtractOptions(), destination=destination)
    table = pa.concat_tables([pq.read_table(uri) for uri in result.files("articles-*").uris])
    numbers = table["id"].to_pylist()
    size = sum(len(text.encode()) for text in table["text"].to_pylist())
    copies, in_unit = -(-int(megabytes * 1e6) // size), max(1, UNIT_BYTES // size)
    path = str(directory / "articles-00000-of-00001.parquet")
    with pq.ParquetWriter(path, table.schema, **PARQUET_OPTIONS) as writer:
        for first in range(0, copies, in_unit):
            numbered = [
                table.set_column(0, table.schema.field("id"), pa.array([number * 1000 + copy for number in numbers]))
                for copy in range(first, min(first + in_unit, copies))
            ]
            writer.write_table(pa.concat_tables(numbered).combine_chunks())
    return path


def run_stage(articles: str, directory: Path) -> int:
    """Run the stage anew; returns the bytes of text it wrote."""
    from pipelines.segment import segment

    shutil.rmtree(directory, ignore_errors=True)
    options = Segmentation(shards=SHARDS, eval_documents=EVALUATION_DOCUMENTS)
    result = segment(articles=Inputs.of(articles), options=options, seed=SEED, destination=Directory(str(directory)))
    return sum(file.size for file in result.manifest.files if file.path.endswith(".txt"))


def run_without_beam(articles: str, directory: Path) -> None:
    """The same work, one step after the other."""
    from berth.formats.results import PUNKT
    from pipelines.documents.article_groups import article_groups
    from pipelines.engine.shards import shard_names
    from pipelines.sentences.languages import seed_abbreviations, sentence_end_characters
    from pipelines.sentences.preparation import STATISTICS, Preparation, sample_share
    from pipelines.sentences.punkt_training import Statistics
    from pipelines.sentences.segmenter import Segmenter
    from pipelines.sentences.sharding import Sharding

    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    output, groups = Output(str(directory)), article_groups([articles])
    ends, abbreviations = sentence_end_characters("en"), seed_abbreviations("en")
    preparation = Preparation(output, SEED, EVALUATION_DOCUMENTS, ends, abbreviations, sample_share(groups))
    statistics, selections = Statistics(), []
    for group in groups:
        for part in preparation.read(group):
            if part.tag == STATISTICS:
                statistics.add(part.value)
            else:
                selections.append(part.value)
    preparation.write_selection(preparation.merge_selections(selections))
    preparation.train(statistics)
    shards = tuple(shard_names("part", SHARDS, "txt"))
    sharding = Sharding(output, shards, SEED, Segmenter("punkt", "en", output.path(PUNKT)), len(groups))
    for group in groups:
        sharding.split_group(group)
    for index in range(SHARDS):
        sharding.write_shard(index)
    sharding.write_evaluation()


def measure_stage(articles: str, directory: Path) -> None:
    """Articles → shards, all told, and without Beam."""
    first, size = user_seconds(lambda: run_stage(articles, directory / "out"))
    megabytes = size / 1e6
    print(f"{'articles → shards, first':34}{first:8.2f} s  {megabytes / first:6.1f} MB/s of text ({megabytes:.0f} MB)")
    warm, _ = median_seconds(lambda: run_stage(articles, directory / "out"))
    bare, _ = median_seconds(lambda: run_without_beam(articles, directory / "bare"))
    print(f"{'articles → shards':34}{warm:8.2f} s  {megabytes / warm:6.1f} MB/s (at least 20)")
    print(f"{'  the same without Beam':34}{bare:8.2f} s  {megabytes / bare:6.1f} MB/s; Beam adds {warm / bare - 1:.0%}")


def measure_punkt(articles: str) -> None:
    """Punkt's counting, training and splitting, and NLTK's splitting."""
    from nltk.tokenize.punkt import PunktSentenceTokenizer

    from pipelines.documents.article_groups import article_groups
    from pipelines.sentences.documents import Documents
    from pipelines.sentences.languages import seed_abbreviations, sentence_end_characters
    from pipelines.sentences.lines import Lines
    from pipelines.sentences.punkt_splitter import PunktSplitter
    from pipelines.sentences.punkt_training import Reader, train

    parts = [Documents.read(group).lines for group in article_groups([articles])]
    texts = [lines.texts() for lines in parts]
    characters = sum(len(text) for part in texts for text in part)
    ends, abbreviations = sentence_end_characters("en"), seed_abbreviations("en")
    reader = Reader(ends)
    reading, _ = median_seconds(lambda: [reader.read(0, lines) for lines in parts])
    print(f"{'Punkt: counting':34}{reading:8.2f} s  {characters / reading / 1e6:6.1f} million characters/s")
    statistics = reader.read(0, parts[0])
    training, model = median_seconds(lambda: train(statistics, ends, abbreviations))
    words = len(statistics.pieces[0].counts)
    print(f"{'Punkt: training on the counts':34}{training:8.2f} s  {words:,} distinct words")
    splitter = PunktSplitter(model)
    splitter.split(Lines.of_texts(["Compile. This!"]))
    one = parts[0]
    cold, _ = user_seconds(lambda: splitter.split(one))
    print(f"{'Punkt: splitting, first':34}{cold:8.2f} s  {len(one.text) / cold / 1e6:6.1f} million characters/s")
    splitting, _ = median_seconds(lambda: [splitter.split(lines) for lines in parts])
    print(f"{'Punkt: splitting, again':34}{splitting:8.2f} s  {characters / splitting / 1e6:6.1f} (at least 40)")
    paragraphs = "".join(texts[0]).split("\n")[:: NLTK_SHARE // len(parts) or 1]
    tokenizer = PunktSentenceTokenizer(model.nltk_parameters())
    nltk, _ = user_seconds(lambda: [tokenizer.tokenize(paragraph) for paragraph in paragraphs])
    speed = sum(map(len, paragraphs)) / nltk / 1e6
    print(
        f"{'NLTK: splitting':34}{nltk:8.2f} s  {speed:6.1f}; Punkt here is {characters / splitting / 1e6 / speed:.0f} ×"
    )


def bzip2() -> None:
    """How fast this machine is at the moment."""
    command = ["bash", "-c", 'bzip2 -dc "$0" | wc -c', str(storage.local_path(EXCERPT))]
    seconds, counted = user_seconds(
        lambda: subprocess.run(command, check=True, capture_output=True), resource.RUSAGE_CHILDREN
    )
    print(f"{'bzip2 -dc':34}{seconds:8.2f} s  {int(counted.stdout) / seconds / 1e6:6.1f} MB/s of XML")


def main() -> None:
    """Read the arguments, make the articles, measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=float, default=62.0, help="size of the corpus")
    parser.add_argument("--stage", metavar="FILE", help="only run the stage on these articles")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        if arguments.stage:
            run_stage(arguments.stage, directory / "out")
            # Linux's figure for this program alone; getrusage would include the process that started it.
            (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
            print(f"{'peak memory of the stage':34}{int(peak.split()[1]) / 1024:8.0f} MB")
            return
        articles = make_articles(directory, arguments.megabytes)
        bzip2()
        measure_stage(articles, directory)
        measure_punkt(articles)
        bzip2()
        # In a process of its own: all memory it ever had, libraries and machine code included.
        subprocess.run([sys.executable, __file__, "--stage", articles], check=True)


if __name__ == "__main__":
    main()
