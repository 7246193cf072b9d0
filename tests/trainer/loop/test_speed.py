"""The speed of a training run, by a clock that the test sets."""

import time

import pytest

from trainer.loop.speed import Speed, as_text
from trainer.schedules.schedule import Update


def test_pauses_do_not_count(tiny_recipe, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    phase = tiny_recipe.training.phases[0]  # batches of 4 sequences
    speed = Speed({phase.name: 10**9}, devices=2, peak=1e12, _since=clock[0])
    with speed.paused():
        clock[0] += 1000.0
    speed.count(Update(number=1, phase=phase, step=0, since_reset=1, position=0))
    clock[0] += 0.5
    assert speed.measure() == pytest.approx(
        {
            "sequences_per_second": 4 / 0.5,
            "model_flops_per_second": 4 * 10**9 / 0.5,
            "model_flops_utilisation": 4 * 10**9 / 0.5 / 2e12,
        }
    )
    clock[0] += 0.5
    assert speed.measure()["sequences_per_second"] == 0


def test_as_text():
    speed = {"sequences_per_second": 1234.5, "model_flops_per_second": 2.5e12}
    assert as_text(speed) == {"sequences": "1234/s", "TFLOP/s": "2.5"}
    assert as_text({**speed, "model_flops_per_second": 3e9}) == {"sequences": "1234/s", "GFLOP/s": "3"}
    assert as_text({**speed, "model_flops_utilisation": 0.412}) == {"sequences": "1234/s", "MFU": "41.2%"}
