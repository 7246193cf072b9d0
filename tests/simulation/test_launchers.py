"""Of launchers that meet in a bucket, one at a time holds the lease; `pytest --seed N` replays an interleaving."""

import logging

import pytest

from berth.stage import lease
from berth.storage import cloud
from simulation.launchers import FINISHED, patched, simulate

QUICK, RUNS = 300, 10_000


@pytest.fixture(autouse=True)
def _as_processes(caplog):
    caplog.set_level(logging.CRITICAL)
    with patched():
        yield


def run_seeds(seeds):
    worlds = []
    for seed in seeds:
        try:
            worlds.append(simulate(seed))
        except AssertionError as error:
            raise AssertionError(
                f"seed {seed}: {error} (replay: pytest tests/simulation/test_launchers.py --seed {seed})"
            ) from error
    return worlds


def test_some_interleavings_or_the_one_of_a_seed(seed):
    worlds = run_seeds(range(RUNS, RUNS + QUICK) if seed is None else [seed])
    fates = {launcher.fate for world in worlds for launcher in world.launchers.values()}
    expected = {*FINISHED, "killed", "taken over", "another process is working on this output"}
    assert seed is not None or (expected <= fates and sum(world.taken for world in worlds) > QUICK / 20)


@pytest.mark.slow
def test_ten_thousand_interleavings():
    run_seeds(range(RUNS))


def test_the_same_seed_gives_the_same_interleaving():
    first, second = simulate(5), simulate(5)
    assert (first.launchers, first.store.changed) == (second.launchers, second.store.changed)


def test_a_lease_that_ignored_generations_would_be_found(monkeypatch):
    replace = cloud.replace
    monkeypatch.setattr(cloud, "replace", lambda content, uri, generation: replace(content, uri, None))
    with pytest.raises(AssertionError, match=r"renewed a lease that .* had taken over|took over|written"):
        run_seeds(range(RUNS))


def test_a_lease_that_was_taken_over_too_early_would_be_found(monkeypatch):
    monkeypatch.setattr(lease.Lease, "_announce", lambda self: lease.SECONDS / 2)
    with pytest.raises(AssertionError, match="took over from"):
        run_seeds(range(RUNS))
