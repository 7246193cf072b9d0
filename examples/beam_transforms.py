"""Makes masked records from text files with Berth's Beam transforms, in a pipeline of your own.

    python examples/beam_transforms.py --text 'texts/*.txt' --vocabulary vocab.txt --output records

Each line of the text files is a document. Flags that this script does not know go to Beam, such as
``--runner=FlinkRunner``.
"""

import argparse
import hashlib

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from berth.recipe import RecordSet
from pipelines.transforms import Document, MakeMaskedRecords, SplitSentences


def document_of(text: str) -> Document:
    """A document whose id is the hash of its text: the same text has the same id wherever it is read."""
    return Document(hashlib.sha256(text.encode()).hexdigest(), text)


def main() -> None:
    """Read the arguments and run the pipeline."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--text", required=True, help="text files, one document a line: a path or glob pattern")
    parser.add_argument("--vocabulary", required=True, help="a WordPiece vocab.txt")
    parser.add_argument("--output", required=True, help="prefix of the TFRecord files")
    parser.add_argument("--language", default="en", help="language of the text")
    parser.add_argument("--shards", type=int, default=1, help="documents are paired within a shard")
    parser.add_argument("--seed", type=int, default=1)
    arguments, beam_flags = parser.parse_known_args()
    options = RecordSet(rng="keyed", max_seq_length=128, max_predictions=20)
    with beam.Pipeline(options=PipelineOptions(beam_flags)) as pipeline:
        records = (
            pipeline
            | "read" >> beam.io.ReadFromText(arguments.text)
            | "document" >> beam.Map(document_of)
            | "split" >> SplitSentences(language=arguments.language)
            | "mask"
            >> MakeMaskedRecords(arguments.vocabulary, shards=arguments.shards, seed=arguments.seed, options=options)
        )
        _ = records | "write" >> beam.io.WriteToTFRecord(arguments.output, file_name_suffix=".tfrecord")


if __name__ == "__main__":
    main()
