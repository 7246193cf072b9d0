"""The data stages on dumps of growing size, and with a growing number of workers: CPU seconds, and memory of a process.

    python benchmarks/scale.py --gigabytes 0.1 1 10 [--workers 1] [--directory DIR]
    python benchmarks/scale.py --gigabytes 1 --workers 1 2 4 8

The dumps come from tests/support/large_dump.py and are kept in the directory. CPU seconds are user and system time of
the command and its workers; memory is the largest resident set of one of them. On a machine that does other work too,
CPU seconds grow by a fifth or more; wall-clock times are not shown.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Bytes of XML a shard of sentences: shards of about 40 MB of text.
XML_A_SHARD = 64 << 20


@dataclass(frozen=True)
class Measurement:
    """What a stage took.

    Attributes:
        stage: Its name.
        gigabytes: Size of the dump's XML.
        workers: Number of workers.
        seconds: CPU seconds.
        memory: Bytes.
    """

    stage: str
    gigabytes: float
    workers: int
    seconds: float
    memory: int

    def row(self) -> str:
        """The row of the table."""
        return (
            f"| {self.stage} | {self.gigabytes:g} | {self.workers} | {self.seconds:.0f} "
            f"| {self.seconds / self.gigabytes:.0f} | {self.memory / 1e6:.0f} |"
        )


def commands(dump: Path, directory: Path, shards: int) -> Iterator[tuple[str, list[str]]]:
    """Stages, and their commands."""
    articles, sentences, vocabulary = directory / "articles", directory / "sentences", directory / "vocab"
    text = ["--text", str(sentences / "part-*.txt")]
    yield "extract", ["extract", "--dump", str(dump), "--output", str(articles)]
    split = ["segment", "--articles", str(articles), "--output", str(sentences), "--eval-documents", "8"]
    yield "segment", [*split, "--shards", str(shards)]
    yield "vocab", ["vocab", *text, "--output", str(vocabulary), "--size", "30000"]
    make = ["records", *text, "--vocab", str(vocabulary / "vocab.txt"), "--output", str(directory / "records")]
    yield "records", [*make, "--max-seq-length", "512", "--max-predictions", "76", "--dupe-factor", "2"]


def measure(dump: Path, gigabytes: float, workers: int, directory: Path) -> Iterator[Measurement]:
    """Run all stages, one after the other."""
    shards = max(1, round(gigabytes * 1e9 / XML_A_SHARD))
    for stage, arguments in commands(dump, directory, shards):
        call = "from berth.app.cli import main; main()"
        command = [sys.executable, "-c", call, *arguments, "--workers", str(workers)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{stage} failed")
        yield Measurement(stage, gigabytes, workers, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[0.1, 1.0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1])
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()) / "berth-scale")
    given = parser.parse_args()
    given.directory.mkdir(parents=True, exist_ok=True)
    print("| stage | GB of XML | workers | CPU s | CPU s a GB | MB of memory |\n|---|---|---|---|---|---|", flush=True)
    for gigabytes in given.gigabytes:
        dump = given.directory / f"{gigabytes:g}.xml.bz2"
        if not dump.exists():
            make = [sys.executable, str(ROOT / "tests/support/large_dump.py"), str(gigabytes), f"{dump}.part"]
            subprocess.run(make, check=True)
            Path(f"{dump}.part").rename(dump)
        for workers in given.workers:
            output = given.directory / "output"
            shutil.rmtree(output, ignore_errors=True)
            for measured in measure(dump, gigabytes, workers, output):
                print(measured.row(), flush=True)


if __name__ == "__main__":
    main()
