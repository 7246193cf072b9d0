"""Speed of masked records: the whole command, its stages, memory, threads, and plain Python for comparison.

    python benchmarks/records.py [--workspace DIR] [--rounds N] [--share S]

The text is 41 MB of English Wikipedia, made of the articles in the gensim wheel: as often as needed, each copy
beginning with another sentence. Times are user CPU seconds unless said otherwise, medians of rounds in which what is
compared takes turns, so that other load on the machine strikes all. The plain-Python algorithm (the tests' oracle,
with tf.train.Example and TFRecordWriter) runs on a share of the documents and is scaled up.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from berth import log
from berth.recipe import RecordSet

SIZE = 41_000_000
SEED = 12345
ORACLE_ROUNDS = 3
VOCABULARY_SIZE = 30522
OPTIONS = RecordSet(max_seq_length=512, max_predictions=76, dupe_factor=10)
DUMP = "package://gensim/test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
TESTS = Path(__file__).parents[1] / "tests"


def prepare(workspace: Path) -> tuple[Path, Path]:
    """The text and the vocabulary, made once by Berth's own stages."""
    from berth.recipe import ExtractOptions, Segmentation, Vocabulary
    from berth.stage import Workspace
    from berth.stage.inputs import Inputs
    from pipelines.extract import extract
    from pipelines.segment import segment
    from pipelines.vocab import vocabulary

    destination = Workspace(str(workspace))
    articles = extract(dumps=Inputs.of(DUMP), options=ExtractOptions(), destination=destination)
    sentences = segment(
        articles=articles.files("*.parquet"), options=Segmentation(shards=1), seed=SEED, destination=destination
    )
    words = vocabulary(
        text=sentences.files("part-*.txt"), options=Vocabulary(size=VOCABULARY_SIZE), seed=SEED, destination=destination
    )
    text = workspace / f"text-{sentences.manifest.digest[:12]}.txt"
    if not text.exists():
        write_text(Path(sentences.uri, "part-00000-of-00001.txt").read_text(), text)
    return text, Path(words.uri, "vocab.txt")


def write_text(source: str, path: Path) -> None:
    """Repeat the documents of ``source`` up to SIZE, each time turned by some sentences: no two are alike."""
    documents = [document.split("\n") for document in source.strip().split("\n\n")]
    size = turn = 0
    with open(path, "w", encoding="utf-8") as file:
        while True:
            for sentences in documents:
                first = turn % len(sentences)
                text = "\n".join(sentences[first:] + sentences[:first]) + "\n\n"
                size += len(text.encode())
                if size > SIZE:
                    return
                file.write(text)
            turn += 7


def user_seconds(action: Callable[[], object]) -> float:
    """User CPU time of this process spent in ``action``."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    action()
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime - before


def run_process(command: list[str]) -> dict[str, float]:
    """User CPU and wall time in seconds, and peak memory in MB, of a process of its own."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} failed")
    return {
        "user": usage.ru_utime,
        "system": usage.ru_stime,
        "wall": time.monotonic() - started,
        "megabytes": usage.ru_maxrss / 1000,
    }


def berth_command(text: Path, vocabulary: Path, output: Path, rng: str) -> list[str]:
    """The command a person types."""
    return [
        str(Path(sys.executable).with_name("berth")),
        *("records", "--text", str(text), "--vocab", str(vocabulary), "--output", str(output), "--seed", str(SEED)),
        *("--max-seq-length", str(OPTIONS.max_seq_length), "--max-predictions", str(OPTIONS.max_predictions)),
        *("--dupe-factor", str(OPTIONS.dupe_factor), "--lower-case", "--rng", rng),
    ]


def oracle_seconds(text: Path, vocabulary: Path, share: float) -> dict[str, float]:
    """The plain-Python algorithm on a share of the documents: user CPU seconds, scaled up, start included once."""
    import random

    sys.path.insert(0, str(TESTS))
    import tensorflow as tf

    from support import records_oracle as oracle

    started = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    ids = {token: index for index, token in enumerate(vocabulary.read_text().split("\n")[:-1])}
    settings = oracle.Settings(OPTIONS.max_seq_length, OPTIONS.max_predictions, dupe_factor=OPTIONS.dupe_factor)
    documents = text.read_text().strip().split("\n\n")
    part = "\n\n".join(documents[: int(len(documents) * share)])

    def work(path: str) -> None:
        read = oracle.read_documents(part.encode(), ids, True)
        with tf.io.TFRecordWriter(path) as writer:
            for instance in oracle.create_instances(read, list(ids), settings, random.Random(SEED)):
                writer.write(serialized(tf.train, oracle.features(instance, ids, settings)))

    with tempfile.NamedTemporaryFile() as file:
        seconds = user_seconds(lambda: work(file.name))
    scale = text.stat().st_size / len(part.encode())
    return {"user": started + seconds * scale}


def serialized(train, features) -> bytes:
    """Features as the reference scripts serialize them."""
    made = {
        name: train.Feature(float_list=train.FloatList(value=values))
        if name == "masked_lm_weights"
        else train.Feature(int64_list=train.Int64List(value=values))
        for name, values in features.items()
    }
    return train.Example(features=train.Features(feature=made)).SerializeToString()


def stage_seconds(text: Path, vocabulary: Path, rounds: int) -> dict[str, float]:
    """Each stage alone, warm, in this process; and TFRecordWriter given the finished records."""
    import tensorflow as tf

    from berth.formats.record_blocks import BlockWriter
    from berth.formats.tfrecord import read_records
    from berth.formats.vocabulary import Vocabulary
    from pipelines.mlm import keyed, reference
    from pipelines.mlm.instances import documents_of
    from pipelines.mlm.record_encoder import layout_of, write_instances
    from pipelines.mlm.tokenizer import Tokenizer

    words = Vocabulary.read(str(vocabulary))
    content = text.read_bytes()
    read = documents_of(Tokenizer(words, True).encode(content))
    made = reference.create_instances(read, words, OPTIONS, SEED)
    layout = layout_of(words, OPTIONS.max_seq_length, OPTIONS.max_predictions, True)
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/made.tfrecord"

        def write() -> None:
            with open(path, "wb") as file:
                write_instances(BlockWriter(file, is_gzip=False), read, made, layout)

        write()
        ready = list(read_records(path))

        def write_ready() -> None:
            with tf.io.TFRecordWriter(f"{directory}/ready.tfrecord") as writer:
                for record in ready:
                    writer.write(record)

        actions = {
            "tokenize": lambda: Tokenizer(words, True).encode(content),
            "reference": lambda: reference.create_instances(read, words, OPTIONS, SEED),
            "keyed": lambda: keyed.create_instances(read, words, OPTIONS, SEED),
            "write": write,
            "write_ready": write_ready,
        }
        actions["keyed"]()  # compiles
        times: dict[str, list[float]] = {name: [] for name in actions}
        for _ in range(rounds):
            for name, action in actions.items():
                times[name].append(user_seconds(action))

        def in_turn() -> None:
            for _ in range(2):
                reference.create_instances(read, words, OPTIONS, SEED)
                Tokenizer(words, True).encode(content)

        def side_by_side() -> None:
            def one() -> None:
                reference.create_instances(read, words, OPTIONS, SEED)
                Tokenizer(words, True).encode(content)

            threads = [threading.Thread(target=one) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        scaling = []
        for _ in range(rounds):
            walls = []
            for action in (in_turn, side_by_side):
                started = time.monotonic()
                action()
                walls.append(time.monotonic() - started)
            scaling.append(walls[0] / walls[1])
    result = {name: statistics.median(values) for name, values in times.items()}
    size = sum(map(len, ready)) / 1e6
    return {**result, "records": len(ready), "records_megabytes": size, "threads": statistics.median(scaling)}


def measure(workspace: Path, rounds: int, share: float) -> dict[str, float]:
    """All figures by name: seconds of user CPU unless the name says otherwise."""
    # In a process of its own: what a process starts counts the starter's memory at that moment as its own.
    prepared = subprocess.check_output([sys.executable, __file__, "--prepare", "--workspace", str(workspace)])
    text, vocabulary = map(Path, json.loads(prepared))
    inputs = ["--text", str(text), "--vocab", str(vocabulary)]
    with tempfile.TemporaryDirectory() as directory:
        os.environ["NUMBA_CACHE_DIR"] = f"{directory}/kernels"  # empty: the first run compiles

        def command(rng: str) -> dict[str, float]:
            output = Path(directory, "records")
            usage = run_process(berth_command(text, vocabulary, output, rng))
            shutil.rmtree(output)
            return usage

        def child(*arguments: str) -> dict[str, float]:
            made: dict[str, float] = json.loads(
                subprocess.check_output([sys.executable, __file__, *arguments, *inputs])
            )
            return made

        cold = command("reference")
        command("keyed")
        runs: dict[str, list[dict[str, float]]] = {"reference": [], "keyed": []}
        oracle = []
        for number in range(rounds):
            for rng, usages in runs.items():
                usages.append(command(rng))
            if number < ORACLE_ROUNDS:
                oracle.append(child("--oracle", "--share", str(share))["user"])
        stages = child("--stages", "--rounds", str(rounds))

    def median(rng: str, figure: str) -> float:
        return statistics.median(usage[figure] for usage in runs[rng])

    return {
        "text_megabytes": text.stat().st_size / 1e6,
        "command": median("reference", "user"),
        "command_wall": median("reference", "wall"),
        "command_keyed": median("keyed", "user"),
        "command_megabytes": median("reference", "megabytes"),
        "cold": cold["user"],
        "cold_wall": cold["wall"],
        "oracle": statistics.median(oracle),
        **stages,
    }


def table(figures: dict[str, float]) -> list[tuple[str, str, str]]:
    """Rows for people: what, how much, and what is aimed at."""
    f = figures
    return [
        ("text", f"{f['text_megabytes']:.1f} MB", ""),
        ("records", f"{f['records']:,.0f}, {f['records_megabytes']:,.0f} MB", ""),
        ("whole command", f"{f['command']:.2f} s user, {f['command_wall']:.2f} s wall", "≤ 5 s user"),
        ("whole command, keyed", f"{f['command_keyed']:.2f} s user", ""),
        ("plain Python + tf.train.Example", f"{f['oracle']:.1f} s user", ""),
        ("  times the whole command", f"{f['oracle'] / f['command']:.1f}×", "≥ 29×"),
        ("peak memory of the command", f"{f['command_megabytes']:.0f} MB", "< 400 MB"),
        ("first run on a machine (compiles)", f"{f['cold']:.1f} s user, {f['cold_wall']:.1f} s wall", ""),
        ("tokenizer", f"{f['tokenize']:.2f} s, {f['text_megabytes'] / f['tokenize']:.0f} MB/s", "≥ 50 MB/s"),
        ("instances, reference", f"{f['reference']:.2f} s", ""),
        ("instances, keyed", f"{f['keyed']:.2f} s, {f['reference'] / f['keyed']:.1f}× faster", "≥ 2× faster"),
        ("encode and write", f"{f['write']:.2f} s, {f['records_megabytes'] / f['write']:.0f} MB/s", ""),
        ("  times TFRecordWriter of ready bytes", f"{f['write'] / f['write_ready']:.2f}×", "≤ 2×"),
        ("two threads", f"{f['threads']:.2f}× one, wall", "≥ 1.7× on 2 quiet cores"),
    ]


def main() -> None:
    """Measure, or be one of the processes that are measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, help="where the text is kept for the next time")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.05, help="of the text, for the plain-Python algorithm")
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--oracle", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--stages", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--text", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--vocab", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    log.setup()
    if options.prepare:
        print(json.dumps([str(path) for path in prepare(options.workspace)]))
    elif options.oracle:
        print(json.dumps(oracle_seconds(options.text, options.vocab, options.share)))
    elif options.stages:
        print(json.dumps(stage_seconds(options.text, options.vocab, options.rounds)))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            figures = measure(options.workspace or Path(temporary), options.rounds, options.share)
        for row in table(figures):
            print("{:40} {:28} {}".format(*row))
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
