"""Vocabularies: tf.Transform's counting beside a plain Beam sum, and learners of WordPiece and SentencePiece compared.

    python benchmarks/vocabulary.py [--megabytes 60] [--sizes 8000]

The text is that of the excerpt of English Wikipedia in gensim's wheel, and news from there; documents, or every tenth
line, are held out. Times are user CPU seconds; each learner runs twice, each time in a process of its own, which tells
its memory and whether its result can be reproduced. On a busy machine only ratios mean something.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from berth import log, storage
from berth.recipe import ExtractOptions, Segmentation, Vocabulary
from berth.stage import Directory
from berth.stage.inputs import Inputs
from berth.stage.output import Output

EXCERPT = "package://gensim/test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
NEWS = "package://gensim/test/test_data/lee_background.cor"
SHARDS, EVALUATION_DOCUMENTS, SEED, ROUNDS = 8, 10, 1, 3
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

Learner = Callable[[Counter[str], int], list[str]]


def user_seconds(work: Callable[[], object]) -> float:
    """User CPU time that some work takes in this process."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    work()
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime - before


def berth(kind: str, pieces: str = "unigram") -> Learner:
    """What the stage vocab does."""

    def learn(words: Counter[str], size: int) -> list[str]:
        from pipelines.wordpiece.learning import learn

        return learn(words, Vocabulary.model_validate({"kind": kind, "pieces": pieces}), size)

    return learn


def tokenizers(words: Counter[str], size: int) -> list[str]:
    """The trainer of Hugging Face's tokenizers."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator((" ".join([word] * count) for word, count in sorted(words.items())), trainer)
    numbers = tokenizer.get_vocab()
    return sorted(numbers, key=numbers.__getitem__)


def tensorflow_text(words: Counter[str], size: int) -> list[str]:
    """The learner of tensorflow_text, asked for the exact size."""
    from tensorflow_text.tools.wordpiece_vocab import wordpiece_tokenizer_learner_lib as library

    arguments = {"max_unique_chars": 100_000, "lower_thresh": 1, "slack_ratio": 0.0}
    return list(library.learn(sorted(words.items()), size, SPECIAL, **arguments))


LEARNERS: dict[str, Learner] = {
    "Berth, WordPiece": berth("wordpiece"),
    "tokenizers, WordPiece": tokenizers,
    "tensorflow_text, WordPiece": tensorflow_text,
    "SentencePiece, unigram": berth("sentencepiece"),
    "SentencePiece, BPE": berth("sentencepiece", "bpe"),
}


def run_learner(name: str, size: int, counts: str) -> None:
    """In a process of its own: learn, print entries, seconds and peak memory as JSON."""
    words = Counter(json.loads(Path(counts).read_text()))
    entries: list[str] = []
    seconds = user_seconds(lambda: entries.extend(LEARNERS[name](words, size)))
    (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"entries": entries, "seconds": seconds, "megabytes": int(peak.split()[1]) / 1024}))


def compare_learners(title: str, words: Counter[str], held_out: Counter[str], size: int, directory: Path) -> None:
    """A table of all learners at one size."""
    from pipelines.wordpiece.coverage import coverage

    (directory / "counts.json").write_text(json.dumps(words))
    print(f"\n{title}: {size:,} entries from {len(words):,} distinct words, {words.total():,} in all; lower case")
    print(f"{'':28}{'entries':>8}{'same':>6}{'tokens a word':>15}{'held out':>10}{'[UNK]':>7}{'s':>8}{'MB':>7}")
    for name in LEARNERS:
        command = [sys.executable, __file__, "--learner", name, str(size), str(directory / "counts.json")]
        results = []
        for _ in range(2):
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                break
            results.append(json.loads(done.stdout))
        if len(results) < 2:
            print(f"{name:28}{done.stderr.strip().splitlines()[-1]}")
            continue
        entries = results[0]["entries"]
        same = len({hashlib.md5("\n".join(result["entries"]).encode()).digest() for result in results}) == 1
        seen, new = coverage(words, entries), coverage(held_out, entries)
        print(
            f"{name:28}{len(entries):8,}{'yes' if same else 'no':>6}{seen['tokens'] / seen['words']:15.4f}"
            f"{new['tokens'] / new['words']:10.4f}{new['unknown_words']:7,}"
            f"{min(result['seconds'] for result in results):8.2f}{results[0]['megabytes']:7.0f}",
            flush=True,
        )


def compare_counting(uris: list[str], directory: Path) -> None:
    """tf.Transform's vocabulary analyzer beside a sum of counters on Beam."""
    from pipelines.engine.beam import beam
    from pipelines.engine.checked_create import CheckedCreate
    from pipelines.engine.runner import pipeline
    from pipelines.wordpiece.counting import count_shards
    from pipelines.wordpiece.shard_words import ShardWords, grouped
    from pipelines.wordpiece.word_counts import count_words, read_counts

    found: list[Counter[str]] = []
    groups = grouped(Inputs.of(*uris).files)

    def by_transform() -> None:
        shutil.rmtree(directory / "counts", ignore_errors=True)
        count_shards(groups, ShardWords(True, None), "words", Output(str(directory / "counts")), [])
        found.append(read_counts(str(directory / "counts" / "words")))

    def count(uri: str) -> Counter[str]:
        return count_words(storage.read_text(uri), lower_case=True)

    def added(counters: Iterable[Counter[str]]) -> Counter[str]:
        total: Counter[str] = Counter()
        for counter in counters:
            total.update(counter)
        return total

    def by_sum() -> None:
        with pipeline() as job:
            _ = job | CheckedCreate(uris) | beam.Map(count) | beam.CombineGlobally(added) | beam.Map(is_equal)

    def is_equal(counter: Counter[str]) -> None:
        if counter != found[-1]:
            raise ValueError("the counts differ")

    megabytes = sum(storage.size(uri) for uri in uris) / 1e6
    first = user_seconds(by_transform)
    transform = sorted(user_seconds(by_transform) for _ in range(ROUNDS))[ROUNDS // 2]
    summed = sorted(user_seconds(by_sum) for _ in range(ROUNDS))[ROUNDS // 2]
    alone = sorted(user_seconds(lambda: [count(uri) for uri in uris]) for _ in range(ROUNDS))[ROUNDS // 2]
    print(f"counting {megabytes:.0f} MB: equal counts")
    print(f"{'tf.Transform on Beam, first':34}{first:8.2f} s")
    print(f"{'tf.Transform on Beam':34}{transform:8.2f} s  {transform / summed:5.2f} × the sum")
    print(f"{'a sum of counters on Beam':34}{summed:8.2f} s")
    print(f"{'splitting and counting words alone':34}{alone:8.2f} s", flush=True)


def main() -> None:
    """Read the arguments, make the text, compare."""
    log.setup()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=float, default=60.0, help="size of the text that is counted")
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=[8000], help="sizes of the vocabularies; none: only count"
    )
    parser.add_argument("--learner", nargs=3, metavar=("NAME", "SIZE", "COUNTS"), help="only run one learner")
    arguments = parser.parse_args()
    if arguments.learner:
        name, size, counts = arguments.learner
        run_learner(name, int(size), counts)
        return
    from pipelines.extract import extract
    from pipelines.segment import segment
    from pipelines.wordpiece.word_counts import count_words

    def counted(texts: Iterable[str]) -> Counter[str]:
        return count_words("\n".join(texts), lower_case=True)

    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        destination = Directory(str(directory / "articles"))
        articles = extract(dumps=Inputs.of(EXCERPT), options=ExtractOptions(), destination=destination)
        options = Segmentation(shards=SHARDS, eval_documents=EVALUATION_DOCUMENTS)
        destination = Directory(str(directory / "sentences"))
        sentences = segment(articles=articles.files("articles-*"), options=options, seed=SEED, destination=destination)
        uris = list(sentences.files("part-*").uris)
        copies = round(arguments.megabytes * 1e6 / sum(storage.size(uri) for uri in uris))
        for number, uri in enumerate(uris):
            (directory / f"copies-{number}.txt").write_bytes(storage.read_bytes(uri) * copies)
        compare_counting([str(path) for path in sorted(directory.glob("copies-*"))], directory)
        held_out = counted([storage.read_text(sentences.files("eval.txt").one().uri)])
        for size in arguments.sizes:
            compare_learners("Wikipedia", counted(map(storage.read_text, uris)), held_out, size, directory)
        lines = storage.read_text(NEWS).split("\n")
        known = counted(line for number, line in enumerate(lines) if number % 10)
        for size in arguments.sizes:
            compare_learners("news", known, counted(lines[::10]), size, directory)


if __name__ == "__main__":
    main()
