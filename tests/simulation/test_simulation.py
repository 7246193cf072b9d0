"""Stages in a bucket where much goes wrong make what an undisturbed run makes; `pytest --seed N` replays a run."""

from collections import Counter

import pytest

from simulation.faults import Weather
from simulation.simulator import simulate, simulated

QUICK, RUNS, TEST_RUNS = 200, 100_000, 5_000


def run_seeds(seeds):
    happened = Counter()
    with simulated():
        for seed in seeds:
            try:
                happened.update(simulate(seed))
            except Exception as error:
                raise AssertionError(f"seed {seed}: {error} (replay: pytest tests/simulation --seed {seed})") from error
    return happened


def test_some_runs_or_the_one_of_a_seed(seed):
    seeds = range(RUNS, RUNS + QUICK) if seed is None else [seed]
    happened = run_seeds(seeds)
    assert seed is not None or set(happened) == set(Weather.__dataclass_fields__)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, RUNS, TEST_RUNS))
def test_many_runs(first):
    run_seeds(range(first, first + TEST_RUNS))


def test_the_same_seed_gives_the_same_run():
    with simulated():
        assert simulate(12) == simulate(12)
