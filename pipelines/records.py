"""Stage: shards of sentences → shards of masked records, one for each."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from berth.errors import BerthError, UsageError
from berth.formats.records import record_name
from berth.formats.vocabulary import Vocabulary
from berth.machines.process_memory import records_bytes
from berth.recipe import RecordSet
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from pipelines.engine.progress import shard_progress

log = logging.getLogger("berth.records")

VERSION = 3


def create_records(
    *,
    text: Inputs,
    vocabulary: Inputs,
    options: RecordSet,
    lower_case: bool,
    seed: int,
    destination: Destination,
    beam_arguments: Sequence[str] = (),
) -> Result:
    """Make masked training records.

    The output has one TFRecord file for each text file, ``part-00000-of-00008.tfrecord`` for
    ``part-00000-of-00008.txt``, and its index (:mod:`berth.formats.record_index`). Each depends only on its text file,
    the vocabulary, the options and the seed.

    Args:
        text: Sentence shards.
        vocabulary: A vocab.txt.
        options: Lengths, masking, generator.
        lower_case: Lower-case and strip accents, as the vocabulary needs it.
        seed: Seed of the generator. With ``rng: reference``, that of the reference script run on each file.
        destination: Where the output goes.
        beam_arguments: Flags for Beam.

    Raises:
        UsageError: for text files whose records would have the same name.
        BerthError: for a vocabulary that cannot be used, invalid UTF-8, or no text at all.
    """
    parameters = {**options.identity(), "lower_case": lower_case}
    stage = Stage("records", VERSION, parameters, {"text": text, "vocabulary": vocabulary}, seed)

    def work(output: Output) -> None:
        _create(text, vocabulary, options, lower_case, seed, output, beam_arguments)

    return run(stage, destination, work)


def _create(
    text: Inputs,
    vocabulary: Inputs,
    options: RecordSet,
    lower_case: bool,
    seed: int,
    output: Output,
    beam_arguments: Sequence[str],
) -> None:
    from pipelines.engine.beam import beam
    from pipelines.engine.checked_create import CheckedCreate
    from pipelines.engine.runner import pipeline
    from pipelines.engine.work import Work
    from pipelines.mlm.shard import RecordShards

    names = {file.name: record_name(file.name, options.compression) for file in text.files}
    if len(set(names.values())) < len(names):
        raise UsageError(
            "the records of two text files would have the same name",
            where=text.uri,
            found=", ".join(names),
            fix="Rename one of them.",
        )
    Vocabulary.read(vocabulary.one().uri)  # an error here is reported once, not by every worker
    shards = RecordShards(vocabulary.one().uri, lower_case, options, seed, output)
    missing = [file for file in text.files if not shards.is_complete(names[file.name])]
    if missing:
        if not shards.is_compiled():
            log.info("compiling the kernels: once on this machine, about ten seconds")
            shards.compile()
        sizes = {names[file.name]: file.size for file in missing}
        memory = records_bytes(max(sizes.values()), options.dupe_factor)
        run_job = pipeline(beam_arguments, output, len(missing), size=sum(sizes.values()), memory=memory)
        with shard_progress("records", output, sizes, unit="B"), run_job as job:
            _ = job | "text" >> CheckedCreate(missing) | "records" >> beam.ParDo(Work(shards))
    counters = output.counters()
    if not counters.get("documents"):
        raise BerthError(
            "the text holds no document",
            where=text.uri,
            found=f"{len(text.files)} files without a word",
            expected="one sentence a line, a blank line after each document",
        )
    log.info(
        "%s documents, %s records in %d shards",
        f"{counters['documents']:,}",
        f"{counters['instances']:,}",
        len(text.files),
    )
