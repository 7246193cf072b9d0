"""Dropout masks: of the right share, fixed by seed, step, example and place, independent of everything else."""

import numpy as np
import pytest

from trainer.models.dropout import dropout, example_keys


def mask(keys, site=0, rate=0.25, shape=(40, 50)):
    values = np.ones((len(keys), *shape), dtype=np.float32)
    return np.asarray(dropout(values, rate, keys, site))


def test_the_share_dropped_is_the_rate_and_the_rest_is_scaled_up():
    values = mask(example_keys(1, 1, np.arange(100)))
    assert (values == 0).mean() == pytest.approx(0.25, abs=0.002)
    assert set(np.unique(values)) == {0.0, np.float32(1 / 0.75)}


def test_masks_of_examples_steps_seeds_and_sites_are_independent():
    """Each pair agrees on as many elements as chance says: 0.75² + 0.25²."""
    one = mask(example_keys(1, 1, np.array([0])))
    others = [
        mask(example_keys(1, 1, np.array([1]))),
        mask(example_keys(1, 2, np.array([0]))),
        mask(example_keys(2, 1, np.array([0]))),
        mask(example_keys(1, 1, np.array([0])), site=1),
    ]
    for other in others:
        assert (one == other).mean() == pytest.approx(0.625, abs=0.04)


def test_rows_and_columns_of_a_mask_are_not_correlated():
    values = (mask(example_keys(5, 9, np.arange(64)), rate=0.5) == 0).astype(float)
    assert np.abs(values.mean(axis=0) - 0.5).max() < 0.3
    for axis in (0, 1, 2):
        shifted = np.roll(values, 1, axis=axis)
        assert abs(np.corrcoef(values.ravel(), shifted.ravel())[0, 1]) < 0.01


def test_an_example_has_the_same_mask_in_any_batch():
    whole = mask(example_keys(1, 1, np.arange(8)))
    part = mask(example_keys(1, 1, np.arange(4, 8)))
    np.testing.assert_array_equal(whole[4:], part)


def test_without_keys_or_rate_nothing_changes():
    values = np.ones((2, 3), dtype=np.float32)
    assert dropout(values, 0.5, None, 0) is values
    assert dropout(values, 0.0, example_keys(1, 1, np.arange(2)), 0) is values
