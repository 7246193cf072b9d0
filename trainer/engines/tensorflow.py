"""The TensorFlow engine: CPU, one or many GPUs, many hosts (TF_CONFIG)."""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"

import numpy as np
import tensorflow as tf

from berth.errors import UsageError
from berth.formats.records import PRETRAINING_INPUTS
from berth.recipe import Optimizer
from trainer import models, optimizers
from trainer.engines import Arrays, Scalars, Settings, check_backend, host, processes
from trainer.models import metrics
from trainer.optimizers import common, loss_scale

Tensor = Any


class TensorFlowEngine:
    """A model replicated over the visible GPUs (or one CPU) of this process, and over the hosts of TF_CONFIG."""

    lost: tuple[type[Exception], ...] = (tf.errors.UnavailableError, tf.errors.AbortedError)

    def __init__(self, settings: Settings) -> None:
        check_backend("tensorflow")
        if settings.attention != "plain":
            raise UsageError(
                "TensorFlow has no fused attention",
                where="training.attention",
                found=settings.attention,
                expected="plain, or training.engine: jax",
            )
        # The same order of additions in every run; without it, resuming could not be bit-exact.
        tf.config.experimental.enable_op_determinism()
        self._options = settings.optimizer or Optimizer()
        self._optimizer = optimizers.create(self._options)
        self.strategy = _strategy()
        self.process, self.processes = _process_index()
        self.replicas: int = self.strategy.num_replicas_in_sync
        self.device = _device()
        with self.strategy.scope():
            architecture = models.get(settings.config.architecture)
            self.model = architecture.pretraining(settings.config, settings.next_sentence, settings.precision, None)
            self.variables = {name: v.value for name, v in self.model.named_variables().items()}
            slots = self._optimizer.slots if settings.optimizer is not None else ()
            self._slots = {
                f"{name}/{slot}": tf.Variable(tf.zeros(variable.shape), trainable=False, name=slot)
                for name, variable in self.variables.items()
                for slot in slots
            }
            scaling = loss_scale.INITIAL if slots and loss_scale.is_needed(settings.precision) else {}
            self._loss_scale = {
                name: tf.Variable(value, trainable=False, name=name.rpartition("/")[2])
                for name, value in scaling.items()
            }
        self.shapes = {name: tuple(variable.shape) for name, variable in self.variables.items()}
        # On a GPU, XLA fuses many small kernels into few; on a CPU the step takes as long without it.
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        self._gradients = tf.function(self._loss_and_gradients, jit_compile=on_gpu, autograph=False)
        self._train_step = tf.function(self._update, autograph=False)
        self._evaluate_step = tf.function(self._evaluation_sums, autograph=False)
        self._sum_step = tf.function(self._sum_over_replicas, autograph=False)
        self._predict_step = tf.function(self._outputs, autograph=False)

    def assign(self, arrays: Arrays) -> None:
        """Set the named variables and optimizer slots."""
        variables = self._all_variables()
        for name, array in arrays.items():
            variables[name].assign(array)

    def reset_optimizer(self) -> None:
        """Set the optimizer's slots to zero."""
        for slot in self._slots.values():
            slot.assign(tf.zeros(slot.shape))

    def arrays(self, into: dict[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """All variables and optimizer slots; see `Engine.arrays`."""
        every = self._all_variables().items()
        return host.copies(((name, np.asarray(variable.read_value())) for name, variable in every), into)

    def train(self, features: Arrays, scalars: Scalars) -> Tensor:
        """One update; see `Engine.train`."""
        rates = self._optimizer.scalars(scalars.learning_rate, scalars.update)
        return self._train_step(self._distribute(features, axis=1), tf.constant(rates, dtype=tf.float32))

    def total(self, number: int) -> int:
        """The sum of a number over all processes; waits for them."""
        if self.processes == 1:
            return number
        over_replicas = int(self._sum_step(tf.constant(number, dtype=tf.int64)))
        return over_replicas * self.processes // self.replicas

    def evaluate(self, features: Arrays) -> np.ndarray:
        """The global sums of a batch; see `Engine.evaluate`."""
        return np.asarray(self._evaluate_step(self._distribute(features, axis=0)))

    def predict(self, features: Arrays) -> tuple[np.ndarray, np.ndarray | None]:
        """Logits; see `Engine.predict`."""
        outputs = self._predict_step(dict(features))
        relation = outputs.next_sentence_logits
        logits = tf.cast(outputs.masked_lm_logits, tf.float32).numpy()
        return logits, None if relation is None else tf.cast(relation, tf.float32).numpy()

    def _all_variables(self) -> dict[str, tf.Variable]:
        return {**self.variables, **self._slots, **self._loss_scale}

    def _distribute(self, features: Arrays, axis: int) -> dict[str, Tensor]:
        """Give each local replica its contiguous part of the local batch."""
        if self.replicas == 1:
            return {name: tf.constant(values) for name, values in features.items()}
        local = self.replicas // self.processes

        def part(values: np.ndarray, context: Any) -> Tensor:
            index = context.replica_id_in_sync_group % local
            return tf.constant(np.split(values, local, axis=axis)[index])

        return {
            name: self.strategy.experimental_distribute_values_from_function(
                lambda context, values=values: part(values, context)
            )
            for name, values in features.items()
        }

    def _update(self, features: dict[str, Tensor], rates: Tensor) -> Tensor:
        gradients, finite, results = self.strategy.run(self._replica_step, args=(features,))
        scalars = tf.unstack(rates)

        def assign(variable: tf.Variable, value: Tensor, finite: Tensor) -> None:
            variable.assign(tf.where(finite, value, variable.read_value()) if self._loss_scale else value)

        def update(value: tf.Variable, gradient: Tensor, slots: list[tf.Variable], name: str, finite: Tensor) -> None:
            before = [slot.read_value() for slot in slots]
            updated = self._optimizer.update(name, value.read_value(), gradient, before, scalars)
            for variable, new in zip([value, *slots], [updated.value, *updated.slots], strict=True):
                assign(variable, new, finite)

        def rescale(scale: tf.Variable, good_updates: tf.Variable, finite: Tensor) -> None:
            new = loss_scale.following(scale.read_value(), good_updates.read_value(), finite)
            scale.assign(new[0])
            good_updates.assign(new[1])

        for (name, variable), gradient in zip(self.variables.items(), gradients, strict=True):
            slots = [self._slots[f"{name}/{slot}"] for slot in self._optimizer.slots]
            self.strategy.extended.update(variable, update, args=(gradient, slots, name, finite))
        if self._loss_scale:
            scale, good_updates = (self._loss_scale[name] for name in loss_scale.INITIAL)
            self.strategy.extended.update(scale, rescale, args=(good_updates, finite))
        return self.strategy.experimental_local_results(results)[0]

    def _replica_step(self, features: dict[str, Tensor]) -> tuple[list[Tensor], Tensor, Tensor]:
        """One replica: gradients of all micro-batches added up, over all replicas, clipped; whether they are finite."""
        context = tf.distribute.get_replica_context()
        # The denominators are those of the whole global batch, so that each term is what it is in one big batch.
        weight, examples = context.all_reduce(
            tf.distribute.ReduceOp.SUM,
            [tf.reduce_sum(features["masked_lm_weights"]), tf.reduce_sum(features["example_weights"])],
        )
        scale = self._loss_scale[loss_scale.SCALE].read_value() if self._loss_scale else 1.0
        denominators = tf.stack([weight + metrics.WEIGHT_EPSILON, examples]) / scale

        def micro_batch(index: Tensor) -> list[Tensor]:
            gradients, sums = self._gradients({k: v[index] for k, v in features.items()}, denominators)
            return [*gradients, sums]

        def add(index: Tensor, *totals: Tensor) -> tuple[Tensor, ...]:
            return index + 1, *(a + b for a, b in zip(totals, micro_batch(index), strict=True))

        count = next(iter(features.values())).shape[0]
        totals = micro_batch(0)
        if count > 1:
            _, *totals = tf.while_loop(lambda index, *_: index < count, add, (tf.constant(1), *totals))
        *gradients, sums = totals
        gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        sums = context.all_reduce(tf.distribute.ReduceOp.SUM, sums)
        norm = common.global_norm(gradients) / scale
        factor = common.clip_scale(self._options, norm) / scale
        finite = tf.math.is_finite(norm)
        if self._loss_scale:  # the update is skipped
            norm = tf.where(finite, norm, 0.0)
        return [gradient * factor for gradient in gradients], finite, tf.concat([sums, norm[None]], axis=0)

    def _loss_and_gradients(self, features: dict[str, Tensor], denominators: Tensor) -> tuple[list[Tensor], Tensor]:
        """Gradients of one micro-batch's part of the loss, and its sums."""
        variables = list(self.variables.values())
        with tf.GradientTape() as tape:
            sums = metrics.sums(self._outputs(features), features)
            loss = sums[0] / denominators[0] + sums[3] / denominators[1]
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.convert_to_tensor(gradient) for gradient in gradients], sums

    def _sum_over_replicas(self, number: Tensor) -> Tensor:
        def total(number: Tensor) -> Tensor:
            placed = tf.identity(number)  # on the replica's device: a tensor without a device cannot be reduced
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, placed)

        return self.strategy.experimental_local_results(self.strategy.run(total, args=(number,)))[0]

    def _evaluation_sums(self, features: dict[str, Tensor]) -> Tensor:
        def total(features: dict[str, Tensor]) -> Tensor:
            sums = metrics.evaluation_sums(self._outputs(features), features)
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, sums)

        return self.strategy.experimental_local_results(self.strategy.run(total, args=(features,)))[0]

    def _outputs(self, features: dict[str, Tensor]) -> Any:
        names = PRETRAINING_INPUTS
        return self.model(*(features[name] for name in names), features.get("dropout_keys"))


def _strategy() -> tf.distribute.Strategy:
    """Over all GPUs; without any, over all logical CPU devices (one, unless the process has split its CPU)."""
    if os.environ.get("TF_CONFIG"):
        return tf.distribute.MultiWorkerMirroredStrategy()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _device() -> str:
    """The name that the driver reports for the first GPU; ``CPU`` without one."""
    gpus = tf.config.list_physical_devices("GPU")
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")) if gpus else "CPU"


def _process_index() -> tuple[int, int]:
    """Index of this process and number of processes, from TF_CONFIG."""
    found = processes.of_tensorflow()
    return found.number, found.count
