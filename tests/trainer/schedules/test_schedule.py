"""Learning rates, and what an update's number alone determines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from berth.recipe import Phase
from berth.recipe import file as recipe_file
from trainer.schedules import schedule


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
        # The last tenth of a schedule of 1,000 steps, whose warm-up is over; its first tenth, which does not end at 0.
        (
            {"schedule": {"from_step": 900, "total_steps": 1000}, "warmup_steps": 10},
            {0: 0.1, 50: 0.05, 99: 0.001, 100: 0.0},
        ),
        (
            {"schedule": {"from_step": 0, "total_steps": 1000}, "warmup_steps": 10},
            {0: 0.0, 9: 0.9, 10: 0.99, 99: 0.901},
        ),
        # A warm-up that the phase before has begun.
        ({"schedule": {"from_step": 5, "total_steps": 105}, "warmup_steps": 10}, {0: 0.5, 4: 0.9, 5: 1 - 10 / 105}),
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


# Rates of the recipes of docs/recipes, by the number of updates before: the first, the last of the warm-up, the first
# after it, middle and last; by hand from the formulas of the reference scripts: warm-up is rate · (step - start) /
# warm-up steps, then decay is (rate - end) · (1 - step / steps) + end, with the step counted from the beginning of the
# phase.
SEED_RECIPES = {
    # 2.88293e-3 · 76/287; · 286/287 at 210 = 287 - 76 - 1; then · (1 - 211/600), · 1/2, · 1/600.
    "mlperf_v1": {0: 7.634240e-4, 210: 2.872885e-3, 211: 1.8690996e-3, 300: 1.441465e-3, 599: 4.8048833e-6},
    # 1e-4 · 1561/1562; 1e-4 · (1 - 1562/107538); 1e-4 / 107538.
    "mlperf_v1_v100": {0: 0.0, 1561: 9.9935980e-5, 1562: 9.8547490e-5, 53769: 5e-5, 107537: 9.2990385e-10},
    # Warm-up 4e-4 · 49999/50000 to a constant rate; then constant at another; then 4e-4 · (1 - step/200000).
    "notram_t1": {0: 0.0, 49999: 3.99992e-4, 50000: 4e-4, 350000: 4e-4, 699999: 4e-4}
    | {700000: 1e-4, 750000: 1e-4, 799999: 1e-4}
    | {800000: 4e-4, 900000: 2e-4, 999999: 2e-9},
    # 9e-5 · (1 - 10000/900000) + 1e-5, 9e-5/2 + 1e-5, 9e-5/900000 + 1e-5; then 1e-4 · (1 - (900000 + step)/1000000).
    "notram_t2": {0: 0.0, 9999: 9.999e-5, 10000: 9.9e-5, 450000: 5.5e-5, 899999: 1.00001e-5}
    | {900000: 1e-5, 950000: 5e-6, 999999: 1e-10},
    # The same with 2e-5 and 2e-6, then 2e-5 · (1 - (900000 + step)/1000000).
    "notram_t3": {0: 0.0, 9999: 1.9998e-5, 10000: 1.98e-5, 450000: 1.1e-5, 899999: 2.00002e-6}
    | {900000: 2e-6, 950000: 1e-6, 999999: 2e-11},
    # 50 epochs of 10,000 steps: 2e-5 · (1 - 10000/500000), · 1/2, · 1/500000.
    "stagedml_3l": {0: 0.0, 9999: 1.9998e-5, 10000: 1.96e-5, 250000: 1e-5, 499999: 4e-11},
    # 1% warm-up: 1e-4 · 8999/9000, · 0.99, · 1/2, · 1/900000; then 1e-4 · (1 - (900000 + step)/1000000).
    "finbert_cased": {0: 0.0, 8999: 9.998889e-5, 9000: 9.9e-5, 450000: 5e-5, 899999: 1.1111111e-10}
    | {900000: 1e-5, 950000: 5e-6, 999999: 1e-10},
    # 8e-6 · 9/10, · (1 - 10/2000000), · 1/2, · 1/2000000.
    "qarib": {0: 0.0, 9: 7.2e-6, 10: 7.99996e-6, 1000000: 4e-6, 1999999: 4e-12},
}
# Recipes of the same schedule as another's.
SEED_RECIPES |= dict.fromkeys(("mlperf_v1_prepared", "mlperf_v1_accumulation"), SEED_RECIPES["mlperf_v1"])
SEED_RECIPES |= dict.fromkeys(("stagedml_6l", "stagedml_3l_ru", "stagedml_6l_ru"), SEED_RECIPES["stagedml_3l"])
SEED_RECIPES["finbert_uncased"] = SEED_RECIPES["finbert_cased"]


@pytest.mark.parametrize("name", sorted(set(recipe_file.installed()) - {"quickstart"}))
def test_the_seed_recipes_rates(name):
    phases, rates = recipe_file.load(name).training.phases, SEED_RECIPES[name]
    assert schedule.total_updates(phases) == max(rates) + 1
    for number, rate in rates.items():
        assert schedule.update(phases, number + 1).learning_rate == pytest.approx(rate, rel=1e-6), number


@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 60), st.floats(0, 1))
def test_two_phases_of_one_schedule_are_that_schedule(first, second, warmup, end):
    """Divided at any step, a schedule gives every update the rate it has undivided, to the last bit."""
    whole = {"warmup_steps": min(warmup, first + second), "end_learning_rate": end}
    total = first + second
    parts = [
        phase(steps=first, schedule={"from_step": 0, "total_steps": total}, **whole),
        phase(steps=second, schedule={"from_step": first, "total_steps": total}, **whole),
    ]
    undivided = [schedule.update([phase(steps=total, **whole)], number + 1).learning_rate for number in range(total)]
    assert [schedule.update(parts, number + 1).learning_rate for number in range(total)] == undivided


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"from_step": 900, "total_steps": 800},
            r"ends at step 800 .*, before the phase starts at step 900",
        ),
        ({"from_step": 900, "total_steps": 900}, r"ends at step 900 .*, before the phase starts at step 900"),
        (
            {"from_step": 900, "total_steps": 950},
            r"ends at step 950 .*, before the phase: its 100 steps from 900 .*",
        ),
    ],
)
def test_a_schedule_that_ends_before_its_phase_is_an_error(values, message):
    with pytest.raises(ValidationError, match=message):
        phase(schedule=values)


def test_a_phase_has_at_least_one_step():
    with pytest.raises(ValidationError, match="greater than 0"):
        phase(steps=0)
