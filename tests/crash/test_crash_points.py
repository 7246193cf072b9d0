"""Killed or cut off from power at any durable operation, every stage ends with the bytes of an undisturbed run."""

from random import Random

import pytest

from crash.operations import Crash
from crash.stages import light_runs
from crash.trials import Trials, spread

DATA = ["extract", "filter", "segment", "vocab", "records"]
NAMES = [
    *DATA,
    "evalset",
    "train",
    "train, a second slice",
    "evaluate",
    "export huggingface",
    "export encoder",
    "finetune",
    "report",
    "names",
]
QUICK = ("evalset", "names", "finetune")  # stages of which some trials are in the default tier
TWICE = 40  # pairs of crashes, of each stage


@pytest.fixture
def trials(stages, tmp_path):
    return lambda name: Trials(stages.runs[name], tmp_path, is_stage=name != "names")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_crash_point(trials, name):
    of_stage = trials(name)
    for crash in of_stage.crashes():
        of_stage.check(crash)
    print(f"{name}: {len(of_stage.log)} operations, {of_stage.count} trials")  # noqa: T201 - the record of a long run


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_second_crash_in_the_recovery(trials, name):
    of_stage, random = trials(name), Random(name)
    ways = list(of_stage.crashes())
    for _ in range(TWICE):
        of_stage.check(random.choice(ways), random.choice(ways))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*(f"{name} with workers" for name in DATA), "finetune"])
def test_a_worker_or_its_launcher_is_lost(trials, name):
    of_stage = trials(name)
    for at in range(len(of_stage.log)):
        for how in ("before", "launcher"):
            of_stage.check(Crash(at, how))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_another_process_starts_meanwhile(trials, name):
    of_stage = trials(name)
    for at in range(len(of_stage.log)):
        of_stage.check_meanwhile(at)


@pytest.mark.parametrize("name", QUICK)
def test_some_crash_points(tmp_path, name):
    of_stage = Trials(light_runs()[name], tmp_path, is_stage=name != "names")
    for crash in spread(list(of_stage.crashes()), 15):
        of_stage.check(crash)
    of_stage.check(Crash(5), Crash(3))
    of_stage.check_meanwhile(len(of_stage.log) // 2)


@pytest.mark.slow
def test_a_training_run_killed_before_it_deletes_a_checkpoint_deletes_it_later(stages, tmp_path, monkeypatch):
    """It was saved with the last update: after it, nothing is left to train."""
    from trainer.checkpoints import checkpoint

    prune = checkpoint.prune

    def killed(directory, keep, is_scheduled, best=None):
        if checkpoint.list_steps(directory)[-1] == 5:
            raise KeyboardInterrupt
        prune(directory, keep, is_scheduled, best)

    monkeypatch.setattr(checkpoint, "prune", killed)
    with pytest.raises(KeyboardInterrupt):
        stages.runs["train"](str(tmp_path))
    monkeypatch.setattr(checkpoint, "prune", prune)
    result = stages.runs["train"](str(tmp_path))
    best = checkpoint.list_steps(result.uri)
    assert best[-1] == 5
    assert len(best) == len(checkpoint.list_steps(stages.model.uri))
