"""A workspace of small finished stages, each made from those before it."""

from __future__ import annotations

from pathlib import Path

from berth.stage import Result, Stage, Workspace, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output

DUMP = b"<mediawiki/>"


def make(name: str, place: Workspace, inputs: dict[str, Inputs], files: dict[str, str], **counters: int) -> Result:
    def work(output: Output) -> None:
        for path, text in files.items():
            with output.shard(path) as shard:
                shard.write(text.encode())
                if path == next(iter(files)):
                    shard.counters.update(counters)

    return run(Stage(name, 1, {"name": name}, inputs, seed=7), place, work)


def build_workspace(parent: Path) -> Path:
    """dump → extract → segment → (vocab, records), in a new directory of ``parent``."""
    dump = parent / "dump.xml"
    dump.write_bytes(DUMP)
    root = parent / "workspace"
    place = Workspace(str(root))
    articles = make("extract", place, {"dumps": Inputs.of(str(dump))}, {"articles.parquet": "a"}, pages=3, articles=2)
    text = make(
        "segment", place, {"articles": articles.files("*")}, {"part-0.txt": "b", "part-1.txt": "c", "eval.txt": "d"}
    )
    vocabulary = make("vocab", place, {"text": text.files("part-*.txt")}, {"vocab.txt": "v"}, words=1000)
    make(
        "records",
        place,
        {"text": text.files("part-*.txt"), "vocabulary": vocabulary.files("vocab.txt")},
        {"deep/part-0.tfrecord": "r"},
    )
    return root


def directory(workspace: Path, stage: str) -> Path:
    """The directory of the only output of a stage."""
    (found,) = (workspace / stage).iterdir()
    return found
