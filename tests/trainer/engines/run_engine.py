"""Train a tiny model by one engine, as one of the processes of a training, and write what becomes of it.

python run_engine.py ENGINE STEPS ACCUMULATION DROPOUT_RATE OUTPUT
Processes and devices come from the environment: TF_CONFIG, BERTH_TEST_DEVICES, XLA_FLAGS, JAX_COORDINATOR_ADDRESS …
"""

import os
import sys

import numpy as np

from berth import log
from berth.recipe import Optimizer, Phase
from berth.stage.inputs import Inputs
from support.trainer_files import GOLDEN, RECORDS
from trainer.checkpoints import safetensors
from trainer.checkpoints.initial_weights import initial
from trainer.data.order import GlobalOrder
from trainer.data.records import Limits, RecordSet, Share, training_batch
from trainer.engines import Scalars, Settings, create
from trainer.models import read_configuration
from trainer.models.dropout import example_keys
from trainer.schedules import schedule

SEED = 3
BATCH = 8


def main(engine_name, steps, accumulation, dropout, output):
    config = read_configuration(str(GOLDEN / "model" / "bert_config.json")).model_copy(
        update={"vocab_size": 2373, "hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    )
    engine = create(engine_name, Settings(config, optimizer=Optimizer()))
    engine.assign(initial(engine.shapes, SEED, config.initializer_range))
    records = RecordSet(Inputs.of(str(RECORDS)), Limits(config.vocab_size, 2, 64))
    phase = Phase(name="a", records="r", steps=steps, batch_size=BATCH, accumulation=accumulation, learning_rate=0.005)
    share = Share(engine.process, engine.processes)
    order = GlobalOrder(records.count, SEED)
    for step in range(1, steps + 1):
        features, places = training_batch(records, order, schedule.update([phase], step), share)
        features["dropout_keys"] = example_keys(SEED, step, places.ravel()).reshape(*places.shape, 2)
        features["example_weights"] = np.ones(places.shape, dtype=np.float32)
        before = engine.arrays()  # what a checkpoint is written from while training goes on
        copied = {name: array.copy() for name, array in before.items()}
        result = engine.train(features, Scalars(0.005, step))
    sums = np.asarray(result)
    assert all(np.array_equal(before[name], copied[name]) for name in copied)
    assert not np.array_equal(
        engine.arrays()["bert/embeddings/word_embeddings"], before["bert/embeddings/word_embeddings"]
    )
    if engine.process == 0:
        safetensors.write(output, {**engine.arrays(), "sums": sums}, {"replicas": engine.replicas})


if __name__ == "__main__":
    log.setup()  # TensorFlow's settings must be in the environment before it is imported
    if devices := os.environ.get("BERTH_TEST_DEVICES"):
        import tensorflow as tf

        kinds = [tf.config.LogicalDeviceConfiguration()] * int(devices)
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], kinds)
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5])
