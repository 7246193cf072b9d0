"""Learning rates, and what an update's number alone determines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from berth.recipe import Phase
from trainer import schedule


def phase(**values):
    defaults = {"name": "a", "records": "r", "steps": 100, "batch_size": 8, "learning_rate": 1.0}
    return Phase(**{**defaults, **values})


@pytest.mark.parametrize(
    ("values", "rates"),
    [
        # Linear warm-up from zero, then linear decay counted from the first step.
        ({"warmup_steps": 10}, {0: 0.0, 1: 0.1, 9: 0.9, 10: 0.9, 50: 0.5, 99: 0.01, 100: 0.0}),
        # MLPerf: warm-up counted from a negative step, so that the first update has a rate.
        ({"warmup_steps": 10, "start_warmup_step": -5}, {0: 0.5, 4: 0.9, 5: 0.95, 50: 0.5}),
        ({"warmup_steps": 10, "start_warmup_step": 5}, {5: 0.0, 14: 0.9, 15: 0.85}),
        ({"power": 0.5}, {0: 1.0, 75: 0.5, 100: 0.0}),
        ({"power": 2.0, "end_learning_rate": 0.2}, {0: 1.0, 50: 0.4, 100: 0.2, 150: 0.2}),
        ({"end_learning_rate": 1.0}, {0: 1.0, 50: 1.0, 100: 1.0}),
    ],
)
def test_the_rate_of_a_step(values, rates):
    for step, rate in rates.items():
        assert schedule.learning_rate(phase(**values), step) == pytest.approx(rate), step


@given(
    st.lists(
        st.builds(
            lambda steps, batch, records, state: phase(
                steps=steps, batch_size=batch, records=records, optimizer_state=state
            ),
            st.integers(1, 5),
            st.integers(1, 4),
            st.sampled_from("xy"),
            st.sampled_from(["keep", "reset"]),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_updates_follow_each_other_through_all_phases(phases):
    """Walked through one by one, the updates are what each one's number gives alone."""
    number, positions, since_reset = 0, {"x": 0, "y": 0}, 0
    for index, current in enumerate(phases):
        if current.optimizer_state == "reset":
            since_reset = 0
        for step in range(current.steps):
            number, since_reset = number + 1, since_reset + 1
            update = schedule.update(phases, number)
            assert (update.number, update.step, update.since_reset) == (number, step, since_reset)
            assert update.phase is current
            assert update.position == positions[current.records]
            assert update.is_reset == (step == 0 and (index == 0 or current.optimizer_state == "reset"))
            assert update.is_last_of_phase == (step == current.steps - 1)
            positions[current.records] += current.batch_size
    assert schedule.total_updates(phases) == number
    with pytest.raises(IndexError):
        schedule.update(phases, number + 1)
