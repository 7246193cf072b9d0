"""The JAX engine: one or many devices (CPU, GPU, TPU), one or many processes (jax.distributed)."""

# mypy: disable-error-code="no-untyped-call"
# (some of JAX's functions have no types)

from __future__ import annotations

import functools
import os
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from berth.formats.records import PRETRAINING_INPUTS
from berth.recipe import Optimizer
from trainer import models, optimizers
from trainer.engines import Arrays, Scalars, Settings, check_backend, host, processes
from trainer.engines.fused_attention import fused_attention
from trainer.models import metrics
from trainer.optimizers import common, loss_scale

Tensor = Any
Tensors = dict[str, Tensor]

# The dimension of the mesh over which the batch is split.
DATA = "data"
# Time without a sign of life of a process after which the others end.
HEARTBEAT_SECONDS = 30


class JaxEngine:
    """A model replicated over all devices; the compiler adds the reductions over them."""

    lost: tuple[type[Exception], ...] = (jax.errors.JaxRuntimeError,)

    def __init__(self, settings: Settings) -> None:
        check_backend("jax")
        _join_processes()
        self._options = settings.optimizer or Optimizer()
        self._optimizer = optimizers.create(self._options)
        self.process, self.processes = jax.process_index(), jax.process_count()
        self.replicas = jax.device_count()
        self.device = jax.devices()[0].device_kind
        mesh = Mesh(np.array(jax.devices()), (DATA,))
        self._replicated = NamedSharding(mesh, PartitionSpec())
        self._micro_batches = NamedSharding(mesh, PartitionSpec(None, DATA))
        self._batch = NamedSharding(mesh, PartitionSpec(DATA))
        architecture = models.get(settings.config.architecture)
        self.model = architecture.pretraining(
            settings.config, settings.next_sentence, settings.precision, _fused_attention(settings)
        )
        named = self.model.named_variables()
        self.shapes = {name: tuple(variable.shape) for name, variable in named.items()}
        # The order in which Keras wants the values.
        names = {id(variable): name for name, variable in named.items()}
        self._order = [names[id(variable)] for variable in self.model.trainable_variables]
        zeros = {name: np.zeros(shape, dtype=np.float32) for name, shape in self.shapes.items()}
        self._values = self._place(zeros)
        self._slots: dict[str, Tensors] = {}
        self._loss_scale: Tensors = {}
        if settings.optimizer is not None:
            self.reset_optimizer()
            if loss_scale.is_needed(settings.precision):
                self._loss_scale = self._place({n: np.array(v) for n, v in loss_scale.INITIAL.items()})
        self._train_step = jax.jit(self._update, donate_argnums=(0, 1, 2))
        self._evaluate_step = jax.jit(self._evaluation_sums, out_shardings=self._replicated)
        self._predict_step = jax.jit(self._outputs)

    def assign(self, arrays: Arrays) -> None:
        """Set the named variables and optimizer slots."""
        for name, placed in self._place(arrays).items():
            variable, _, slot = name.rpartition("/")
            if name in self._values:
                self._values[name] = placed
            elif name in loss_scale.INITIAL:
                self._loss_scale[name] = placed
            else:
                self._slots[slot][variable] = placed

    def reset_optimizer(self) -> None:
        """Set the optimizer's slots to zero."""
        for slot in self._optimizer.slots:
            self._slots[slot] = self._place({n: np.zeros(s, dtype=np.float32) for n, s in self.shapes.items()})

    def arrays(self, into: dict[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """All variables and optimizer slots; see `Engine.arrays`."""
        slots = {f"{name}/{slot}": array for slot, arrays in self._slots.items() for name, array in arrays.items()}
        every = {**self._values, **slots, **self._loss_scale}
        if jax.default_backend() == "cpu":  # NumPy would share memory that is given to the next update
            return host.copies(((name, np.asarray(array)) for name, array in every.items()), into)
        if into:
            into.clear()  # the host has room for one copy, perhaps not for two
        for array in every.values():
            array.copy_to_host_async()  # all transfers at once
        return {name: np.asarray(array) for name, array in every.items()}

    def train(self, features: Arrays, scalars: Scalars) -> Tensor:
        """One update; see `Engine.train`."""
        rates = self._optimizer.scalars(scalars.learning_rate, scalars.update)
        split = self._distribute(features, self._micro_batches)
        self._values, self._slots, self._loss_scale, result = self._train_step(
            self._values, self._slots, self._loss_scale, split, np.asarray(rates, dtype=np.float32)
        )
        return result

    def total(self, number: int) -> int:
        """The sum of a number over all processes; waits for them."""
        if self.processes == 1:
            return number
        return int(multihost_utils.process_allgather(np.asarray(number, dtype=np.int32)).sum())

    def evaluate(self, features: Arrays) -> np.ndarray:
        """The global sums of a batch; see `Engine.evaluate`."""
        return np.asarray(self._evaluate_step(self._values, self._distribute(features, self._batch)))

    def predict(self, features: Arrays) -> tuple[np.ndarray, np.ndarray | None]:
        """Logits; see `Engine.predict`."""
        outputs = self._predict_step(self._values, dict(features))
        relation = outputs.next_sentence_logits
        logits = np.asarray(outputs.masked_lm_logits.astype(jnp.float32))
        return logits, None if relation is None else np.asarray(relation.astype(jnp.float32))

    def _distribute(self, features: Arrays, sharding: NamedSharding) -> Tensors:
        """Distribute a batch over all devices, each process its share of it."""
        if self.replicas == 1:
            return dict(features)  # the compiled step places it in a tenth of the time
        return {name: jax.make_array_from_process_local_data(sharding, values) for name, values in features.items()}

    def _place(self, arrays: Arrays) -> Tensors:
        return {
            name: jax.make_array_from_process_local_data(self._replicated, np.asarray(array, dtype=np.float32))
            for name, array in arrays.items()
        }

    def _update(
        self, values: Tensors, slots: dict[str, Tensors], scaling: Tensors, features: Tensors, rates: Tensor
    ) -> tuple[Tensors, dict[str, Tensors], Tensors, Tensor]:
        # The denominators are those of the whole global batch, so that each term is what it is in one big batch.
        weight, examples = jnp.sum(features["masked_lm_weights"]), jnp.sum(features["example_weights"])
        scale = scaling[loss_scale.SCALE] if scaling else 1.0
        denominators = (weight + metrics.WEIGHT_EPSILON) / scale, examples / scale
        micro_batch = functools.partial(self._gradients, values, denominators)
        count = features["example_weights"].shape[0]
        totals = micro_batch({name: array[0] for name, array in features.items()})
        if count > 1:
            rest = {name: array[1:] for name, array in features.items()}
            totals, _ = jax.lax.scan(
                lambda total, part: (jax.tree.map(jnp.add, total, micro_batch(part)), None), totals, rest
            )
        gradients, sums = totals
        norm = common.global_norm(gradients) / scale
        factor = common.clip_scale(self._options, norm) / scale
        scalars, names = [rates[index] for index in range(rates.shape[0])], self._optimizer.slots
        updated = {
            name: self._optimizer.update(
                name, values[name], gradient * factor, [slots[slot][name] for slot in names], scalars
            )
            for name, gradient in gradients.items()
        }
        new_slots = {slot: {n: u.slots[index] for n, u in updated.items()} for index, slot in enumerate(names)}
        state = {n: u.value for n, u in updated.items()}, new_slots
        if scaling:  # an update whose gradients are not finite is skipped
            finite = jnp.isfinite(norm)
            state = jax.tree.map(lambda new, old: jnp.where(finite, new, old), state, (values, slots))
            norm = jnp.where(finite, norm, 0.0)
            following = loss_scale.following(scale, scaling[loss_scale.GOOD_UPDATES], finite)
            scaling = dict(zip(loss_scale.INITIAL, following, strict=True))
        return *state, scaling, jnp.concatenate([sums, norm[None]])

    def _gradients(
        self, values: Tensors, denominators: tuple[Tensor, Tensor], features: Tensors
    ) -> tuple[Tensors, Tensor]:
        """Gradients of one micro-batch's part of the loss, and its sums."""

        def loss(variables: Tensors) -> tuple[Tensor, Tensor]:
            sums = metrics.sums(self._outputs(variables, features), features)
            return sums[0] / denominators[0] + sums[3] / denominators[1], sums

        gradients, sums = jax.grad(loss, has_aux=True)(values)
        return gradients, sums

    def _evaluation_sums(self, values: Tensors, features: Tensors) -> Tensor:
        return metrics.evaluation_sums(self._outputs(values, features), features)

    def _outputs(self, values: Tensors, features: Tensors) -> models.Outputs:
        names = PRETRAINING_INPUTS
        arguments = [features[name] for name in names]
        outputs, _ = self.model.stateless_call(
            [values[name] for name in self._order], [], *arguments, features.get("dropout_keys")
        )
        return models.Outputs(*outputs)


def _fused_attention(settings: Settings) -> models.FusedAttention | None:
    if settings.attention != "fused":
        return None
    config = settings.config
    return fused_attention(settings.precision.removeprefix("mixed_"), config.num_attention_heads, config.head_size)


def _join_processes() -> None:
    """Find the other processes: on TPUs by the cluster's own means, else by JAX_COORDINATOR_ADDRESS and JAX_*."""
    found = processes.of_jax()
    if found.address and not jax.distributed.is_initialized():
        jax.distributed.initialize(
            found.address,
            found.count,
            found.number,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
        )
