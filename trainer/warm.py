"""Compile the kernels that read records, into this machine's cache: ``python -m trainer.warm``.

Container images run it, so that a training run does not have to compile them.
"""

from __future__ import annotations

import tempfile

import numpy as np

from berth import log
from berth.formats.records import FEATURES
from berth.stage.inputs import Inputs
from trainer.data.records import Limits, RecordSet


def main() -> None:
    """Write and read one record."""
    log.setup()  # silences TensorFlow, which reads its settings when it is imported
    import tensorflow as tf

    features = {
        feature.name: tf.train.Feature(float_list=tf.train.FloatList(value=[1.0]))
        if feature.type == "float32"
        else tf.train.Feature(int64_list=tf.train.Int64List(value=[0]))
        for feature in FEATURES
    }
    record = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/one.tfrecord"
        with tf.io.TFRecordWriter(path) as file:
            file.write(record)
        records = RecordSet(Inputs.at(path), Limits(vocab_size=2, type_vocab_size=2, max_position_embeddings=2))
        records.read(np.zeros(1, dtype=np.int64))


if __name__ == "__main__":
    main()
