"""Stage: evaluation records, picked evenly from the records of the held-out documents."""

from __future__ import annotations

import logging

from berth.errors import UsageError
from berth.formats.records import EVALUATION
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import InputFile, Inputs
from berth.stage.output import Output

log = logging.getLogger("berth.evalset")

VERSION = 2


def pick_examples(*, records: Inputs, examples: int, destination: Destination) -> Result:
    """Pick records evenly: of N records, the i-th of n picked is record ``int(i * (N / n))``, both counted from 0.

    That is the rule of MLPerf training v1.0's pick_eval_samples.py, rounding of the quotient included. The output is
    ``eval.tfrecord``, with the records as they are.

    Args:
        records: TFRecord files, concatenated in order of their names.
        examples: The number of records to pick.
        destination: Where the output goes.

    Raises:
        UsageError: if there are fewer records than ``examples``.
        BerthError: for files that are not TFRecord files.
    """
    stage = Stage("evalset", VERSION, {"examples": examples}, {"records": records})

    def work(output: Output) -> None:
        if not output.is_complete(EVALUATION):
            _pick(records, examples, output)

    return run(stage, destination, work)


def _pick(records: Inputs, examples: int, output: Output) -> None:
    from berth.formats.tfrecord import frame, read_records

    total = sum(_count(file) for file in records.files)
    if examples > total:
        raise UsageError(
            "there are fewer records than the evaluation set needs",
            where=records.uri,
            found=f"{total:,} records",
            expected=f"at least {examples:,}",
            fix="Ask for fewer examples, or hold out more documents.",
        )
    every = enumerate(record for file in records.files for record in read_records(file.uri))
    ratio = total / examples
    with output.shard(EVALUATION) as shard:
        shard.counters["records"] = total
        for pick in range(examples):
            wanted = int(pick * ratio)
            shard.write(frame(next(record for number, record in every if number == wanted)))
            shard.records += 1
    log.info("%s of %s records picked", f"{examples:,}", f"{total:,}")


def _count(file: InputFile) -> int:
    """Number of records in a file: from the manifest of the stage that made it, else by reading it."""
    if file.records is not None:
        return file.records
    from berth.formats.tfrecord import read_records

    return sum(1 for _ in read_records(file.uri))
