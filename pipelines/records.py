"""Stage: shards of sentences → shards of masked records, one for one."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from berth.errors import BerthError, UsageError
from berth.recipe import RecordSet
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from pipelines.engine.shards import watched

log = logging.getLogger("berth.records")

VERSION = 2
MAX_SEQ_LENGTH = 1 << 14  # that of pipelines.mlm.instances, which would import Numba


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
    ``part-00000-of-00008.txt``. Each depends on its text file, the vocabulary, the options and the seed, and on
    nothing else.

    Args:
        text: Files of one sentence a line, with a blank line after each document. A document ends with its file.
        vocabulary: A vocab.txt.
        options: Lengths, masking, generator.
        lower_case: Lower-case and strip accents, as the vocabulary needs it.
        seed: Seed of the generator. With ``rng: reference``, that of the reference script run on each file.
        destination: Where the output goes.
        beam_arguments: Flags for Beam.

    Raises:
        UsageError: for options that exclude each other, or text files whose records would have the same name.
        BerthError: for a vocabulary that cannot be used, invalid UTF-8, or no text at all.
    """
    if options.max_seq_length > MAX_SEQ_LENGTH:
        raise UsageError(
            "the records are too long",
            where="max_seq_length",
            found=f"{options.max_seq_length:,}",
            expected=f"at most {MAX_SEQ_LENGTH:,}",
        )
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
    from pipelines.engine.beam import beam, pipeline
    from pipelines.engine.checked_create import Elements
    from pipelines.mlm.shard import RecordShards, record_name
    from pipelines.mlm.vocabulary import Vocabulary

    names = {file.name: record_name(file.name, options.compression) for file in text.files}
    if len(set(names.values())) < len(names):
        raise UsageError(
            "two text files would give records of the same name",
            where=text.uri,
            found=", ".join(names),
            fix="Rename one of them.",
        )
    Vocabulary.read(vocabulary.one().uri)  # an error here is clearer than one from a worker
    shards = RecordShards(vocabulary.one().uri, lower_case, options, seed, output)
    missing = [file for file in text.files if not output.is_complete(names[file.name])]
    if missing:
        if not shards.is_compiled():
            log.info("compiling the kernels: needed once on this machine, takes some ten seconds")
            shards.compile()
        sizes = {names[file.name]: file.size for file in missing}
        with watched("records", output, sizes, unit="B"), pipeline(beam_arguments, output, len(missing)) as job:
            _ = job | "text" >> Elements(missing) | "records" >> beam.Map(shards)
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
