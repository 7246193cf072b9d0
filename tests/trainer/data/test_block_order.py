"""The order in two levels: every record once an epoch, any position alone, neighbours spread, processes apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from berth.recipe import Phase
from trainer.data.block_order import BlockOrder, block_order
from trainer.data.order import GlobalOrder
from trainer.data.records import Share, batch_records
from trainer.schedules import schedule

BLOCKS = st.lists(st.integers(1, 30), min_size=1, max_size=40).map(np.array)
STREAMS, WINDOWS, SEEDS = st.integers(1, 20), st.integers(1, 60), st.integers(0, 2**63 - 1)


@given(BLOCKS, STREAMS, WINDOWS, SEEDS, st.integers(0, 10**6))
def test_an_epoch_has_every_record_once(blocks, streams, window, seed, epoch):
    count = int(blocks.sum())
    order = BlockOrder(blocks, streams, window, seed)
    assert sorted(order.records(epoch * count + np.arange(count)).tolist()) == list(range(count))


@given(BLOCKS, STREAMS, WINDOWS, st.lists(st.integers(0, 10**12), min_size=1, max_size=30))
def test_a_position_alone_gives_its_record(blocks, streams, window, positions):
    together = BlockOrder(blocks, streams, window, 1).records(np.array(positions))
    order = BlockOrder(blocks, streams, window, 1)
    assert together.tolist() == [int(order.records(np.array([position]))[0]) for position in positions]


PARTS = st.tuples(st.integers(1, 12), st.integers(1, 3), st.sampled_from([1, 2, 4]))


@given(BLOCKS, STREAMS, WINDOWS, st.integers(0, 1000), PARTS)
def test_any_number_of_processes_sees_the_same_batches(blocks, streams, window, step, parts):
    """The records of an update do not depend on processes and micro-batches; each is in one process's share."""
    part, accumulation, processes = parts
    batch = 4 * part * accumulation
    order = BlockOrder(blocks, streams, window, 1)
    phase = Phase(name="a", records="r", steps=step + 1, batch_size=batch, accumulation=accumulation, learning_rate=1)
    update = schedule.update([phase], step + 1)
    whole = np.empty(batch, np.int64)
    for process in range(processes):
        numbers, indices = batch_records(order, update, Share(process, processes))
        whole[indices] = numbers
    assert sorted(whole) == sorted(order.records(step * batch + np.arange(batch)))
    alone, indices = batch_records(order, update, Share())
    np.testing.assert_array_equal(alone.ravel(), whole[indices.ravel()])


@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_process_reads_the_blocks_of_its_streams_only(accumulation):
    """In an epoch, eight processes read each block once, but for those at the borders of streams."""
    blocks = np.full(2048, 100)
    order = BlockOrder(blocks, streams=16, window=800, seed=3)
    phase = Phase(name="a", records="r", steps=400, batch_size=512, accumulation=accumulation, learning_rate=1)
    read = [set() for _ in range(8)]
    for number in range(1, 401):
        for process in range(8):
            numbers, _ = batch_records(order, schedule.update([phase], number), Share(process, 8))
            read[process].update((numbers // 100).ravel().tolist())
    assert len(set().union(*read)) == 2048
    assert 2048 <= sum(map(len, read)) <= 2048 + 16


def test_a_window_needs_few_blocks_at_a_time():
    """What a process holds: the windows' blocks, and those at their ends."""
    blocks = np.full(4096, 50)
    order = BlockOrder(blocks, streams=8, window=400, seed=3)
    positions = np.arange(100_000, 100_512)
    assert len(np.unique(order.records(positions) // 50)) <= 8 * (2 * 400 // 50 + 2)


def most_of_a_document(order, documents, batch, epoch):
    """The most records that a batch of an epoch has of one document."""
    most = 0
    for start in range(0, len(documents) - batch + 1, batch):
        numbers = order.records(epoch * len(documents) + start + np.arange(batch))
        most = max(most, int(np.bincount(documents[numbers]).max()))
    return most


class InOrder:
    """The order of the files."""

    def records(self, positions):
        return positions % 200_000


@pytest.mark.parametrize("epoch", [0, 1])
def test_neighbours_are_spread_as_by_chance(epoch):
    """No batch has more than twice as many records of one document as the fullest batch of a random order has.

    Documents of 20 records that follow each other in the files, batches of 512 of 200,000 records, windows of an eighth
    of these in all: about fifty batches, as with the default windows, records of 512 tokens and batches of 4096.
    """
    documents = np.arange(200_000) // 20
    order = BlockOrder(np.full(2000, 100), streams=16, window=25_000 // 16, seed=7)
    chance = most_of_a_document(GlobalOrder(200_000, 7), documents, 512, epoch)
    assert most_of_a_document(order, documents, 512, epoch) <= 2 * chance
    assert most_of_a_document(InOrder(), documents, 512, epoch) == 20 > 2 * chance


def test_a_set_that_fits_into_the_windows_is_permuted_as_a_whole():
    blocks = np.full(100, 10)
    positions = np.arange(3000)
    small = block_order(blocks, 100_000, streams=8, window_bytes=100_000, seed=5)
    np.testing.assert_array_equal(small.records(positions), GlobalOrder(1000, 5).records(positions))
    np.testing.assert_array_equal(small.slots(positions), positions)
    assert isinstance(block_order(blocks, 100_000, streams=8, window_bytes=90_000, seed=5), BlockOrder)


def test_orders_differ_between_epochs_and_seeds():
    blocks, positions = np.full(100, 10), np.arange(1000)
    orders = [
        BlockOrder(blocks, 4, 50, 1).records(positions),
        BlockOrder(blocks, 4, 50, 1).records(positions + 1000),
        BlockOrder(blocks, 4, 50, 2).records(positions),
    ]
    for index, order in enumerate(orders):
        assert all((order == other).mean() < 0.02 for other in [positions, *orders[:index]])


def test_the_order_is_fixed_for_all_time():
    assert BlockOrder(np.array([5, 7, 3, 9] * 25), 4, 20, 12345).records(np.arange(12)).tolist() == ORDER


ORDER = [367, 457, 161, 91, 368, 361, 116, 445, 248, 486, 124, 199]
