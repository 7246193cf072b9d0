"""Every record exactly once an epoch, in an order of its own."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trainer.data.order import permute


@given(st.integers(1, 3000), st.integers(0, 2**63 - 1), st.integers(0, 2**40))
def test_an_epoch_is_a_permutation(count, seed, epoch):
    positions = epoch * count + np.arange(count)
    assert sorted(permute(positions, count, seed).tolist()) == list(range(count))


@given(st.integers(1, 10**12), st.lists(st.integers(0, 10**15), min_size=1, max_size=20))
def test_a_position_alone_gives_its_record(count, positions):
    together = permute(np.array(positions), count, seed=1)
    alone = [int(permute(np.array([position]), count, seed=1)[0]) for position in positions]
    assert together.tolist() == alone
    assert ((together >= 0) & (together < count)).all()


def test_orders_differ_between_epochs_and_seeds():
    positions = np.arange(1000)
    orders = [permute(positions, 1000, 1), permute(positions + 1000, 1000, 1), permute(positions, 1000, 2)]
    for index, order in enumerate(orders):
        assert (order == positions).mean() < 0.01
        assert all((order == other).mean() < 0.01 for other in orders[:index])


def test_neighbours_are_spread_evenly():
    """Mean distance of records that follow each other: a third of the range, as in a random order."""
    order = permute(np.arange(10_000), 10_000, 3)
    assert abs(np.abs(np.diff(order)).mean() / 10_000 - 1 / 3) < 0.01


def test_the_order_is_fixed_for_all_time():
    assert permute(np.arange(8), 100, 12345).tolist() == ORDER


ORDER = [65, 43, 30, 3, 6, 88, 24, 22]
