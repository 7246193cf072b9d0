"""The batches of a training run: the order of each record set, as the recipe says, and what is read ahead of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from berth.recipe import Recipe
from berth.stage.inputs import Inputs
from trainer.data.block_cache import BlockCache
from trainer.data.block_order import block_order
from trainer.data.buffer import BlockBuffer
from trainer.data.order import GlobalOrder, Order
from trainer.data.records import Features, Limits, RecordSet, Share, batch_records, training_batch
from trainer.schedules import schedule

log = logging.getLogger("berth.train")

MIB, GIB = 1 << 20, 1 << 30
AHEAD = 8  # updates whose blocks are being read before they are needed


class Batches:
    """The batches of a training run.

    Args:
        recipe: The recipe.
        inputs: TFRecord files by the name of the record set; those of all phases.
        limits: The values that the model can take.

    Raises:
        BerthError: for records that cannot be read or do not fit the model, or a cache that cannot be made.
    """

    def __init__(self, recipe: Recipe, inputs: Mapping[str, Inputs], limits: Limits) -> None:
        how = recipe.training
        cache = BlockCache(how.read_cache, how.read_cache_gib * GIB) if how.read_cache is not None else None
        self.buffer = BlockBuffer(how.read_buffer_mib * MIB, cache)
        self.sets = {name: RecordSet(files, limits, self.buffer, how.read_cache) for name, files in inputs.items()}
        self._phases = how.phases
        self._orders = {name: self._order(recipe, name) for name in self.sets}

    def read(self, number: int, share: Share) -> tuple[Features, np.ndarray]:
        """One process's share of the batch of an update, as :func:`training_batch` gives it."""
        if number + AHEAD <= schedule.total_updates(self._phases):
            later = schedule.update(self._phases, number + AHEAD)
            name = later.phase.records
            self.sets[name].expect(batch_records(self._orders[name], later, share)[0].ravel())
        update = schedule.update(self._phases, number)
        name = update.phase.records
        return training_batch(self.sets[name], self._orders[name], update, share)

    def _order(self, recipe: Recipe, name: str) -> Order:
        how, table = recipe.training, self.sets[name].table
        total = int(table.sizes.sum())
        if how.order == "global":
            if total > self.buffer.capacity:
                log.warning(
                    "the records %r take %d MiB, read_buffer_mib is %d: order: global then reads a whole block for "
                    "each record; order: blocks reads each block once an epoch",
                    name,
                    total // MIB,
                    how.read_buffer_mib,
                )
            return GlobalOrder(table.count, recipe.seed)
        return block_order(
            table.records,
            total,
            streams=how.order_streams,
            window_bytes=how.order_window_mib * MIB,
            seed=recipe.seed,
        )
