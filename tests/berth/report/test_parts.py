"""The parts of the report: the flow chart, the curves, records joined to text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from berth.recipe import Recipe
from berth.report import charts, evaluation_curve
from berth.report.evaluation import Guess, guess_of
from berth.report.flow import Step, draw
from berth.report.record_view import examples, view
from berth.report.run import FinishedStage, Run
from berth.stage.manifest import Manifest
from support.report_run import EXAMPLES, RECIPE, Made, evaluations, filled, metrics, record


def steps(*titles: str) -> dict[str, Step]:
    return {title: Step(title) for title in titles}


def test_arrows_lead_forwards_across_and_down_the_page() -> None:
    reads = {("a", "b"), ("b", "c"), ("b", "d")}
    for is_down in (False, True):
        drawing = draw(steps("a", "b", "c", "d"), reads, is_down=is_down)
        places = {box.step.title: (box.y if is_down else box.x) for box in drawing.boxes}
        assert places["a"] < places["b"] < places["c"] == places["d"]
        assert len(drawing.arrows) == 3


def test_an_arrow_that_repeats_a_longer_way_is_left_out() -> None:
    assert len(draw(steps("a", "b", "c"), {("a", "b"), ("b", "c"), ("a", "c")}, is_down=False).arrows) == 2


def test_a_long_arrow_goes_around_the_boxes_between() -> None:
    drawing = draw(steps("a", "b", "c", "d", "e"), {("a", "b"), ("b", "c"), ("c", "d"), ("e", "d")}, is_down=False)
    long = [arrow for arrow in drawing.arrows if arrow.count("C") == 3]
    assert len(long) == 1
    bend = float(long[0].split("C")[2].split()[-1])
    boxes = {box.step.title: box for box in drawing.boxes}
    assert not boxes["c"].y < bend < boxes["c"].y + boxes["c"].height


def test_neighbours_are_ordered_so_that_arrows_do_not_cross() -> None:
    drawing = draw(steps("a", "b", "c", "d"), {("a", "d"), ("b", "c")}, is_down=False)
    y = {box.step.title: box.y for box in drawing.boxes}
    assert (y["a"] < y["b"]) == (y["d"] < y["c"])


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] < pair[1])))
def test_boxes_lie_apart_and_inside_the_drawing(pairs: set[tuple[int, int]]) -> None:
    reads = {(str(maker), str(reader)) for maker, reader in pairs}
    drawing = draw(steps(*map(str, range(8))), reads, is_down=False)
    boxes = drawing.boxes
    for box in boxes:
        assert box.x >= 0 and box.x + box.width <= drawing.width + 0.01
        assert box.y >= 0 and box.y + box.height <= drawing.height + 0.01
    for first in boxes:
        for second in boxes:
            is_apart = abs(first.x - second.x) >= first.width - 0.01 or abs(first.y - second.y) >= first.height - 0.01
            assert first is second or is_apart


def test_phases_span_the_steps_between_their_ends() -> None:
    assert charts.phases(metrics()) == [("short", 0, 400), ("long", 400, 500)]


def test_few_lines_are_drawn_as_they_are() -> None:
    assert charts.thinned(metrics()) == metrics()


def test_many_lines_are_drawn_as_means_within_their_phase() -> None:
    lines = [{"step": step, "phase": "a" if step <= 3001 else "b", "loss": float(step)} for step in range(1, 6001)]
    thin = charts.thinned(lines)
    assert thin[0] == {"step": 3, "phase": "a", "loss": 2.0}
    assert thin[1000] == {"step": 3001, "phase": "a", "loss": 3001.0}
    assert thin[1001] == {"step": 3004, "phase": "b", "loss": 3003.0}
    assert thin[-1]["step"] == 6000


def test_a_loss_that_is_no_number_is_a_gap() -> None:
    lines = [*metrics(), {**metrics()[-1], "step": 510, "loss": math.nan}]
    item = json.loads(charts.training_curves(lines, "curves"))
    assert "NaN" not in json.dumps(item)


def evaluated(tmp_path: Path, **lines_of: list[dict[str, Any]]) -> Run:
    """A run of stages that made evaluations.jsonl."""
    made = Made(tmp_path, Recipe.model_validate(RECIPE))
    for title, lines in lines_of.items():
        made.add(title, title, {}, {"evaluations.jsonl": "".join(json.dumps(line) + "\n" for line in lines)})
    stages = [FinishedStage(title, uri, Manifest.read(uri)) for title, uri in made.stages.items()]
    return Run(made.recipe, stages, {})


def columns(run: Run) -> dict[str, list[float]]:
    """The columns of what an evaluation curve is drawn from."""
    text = evaluation_curve.evaluation_curve(run)
    assert text is not None

    def search(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if value.get("name") == "ColumnDataSource":
                yield value["attributes"]["data"]
            value = list(value.values())
        for item in value if isinstance(value, list) else []:
            yield from search(item)

    (data,) = search(json.loads(text))
    return {key: [float(number) for number in value] for key, value in data["entries"]}


def test_the_accuracy_is_drawn_against_the_sequences(tmp_path: Path) -> None:
    data = columns(evaluated(tmp_path, train=evaluations()))
    assert data["sequences"] == [64 * step for step in range(0, 501, 50)]
    assert data["masked_lm_accuracy"] == pytest.approx([line["masked_lm_accuracy"] for line in evaluations()], rel=1e-5)


def test_the_stage_with_most_evaluations_is_drawn(tmp_path: Path) -> None:
    assert len(columns(evaluated(tmp_path, train=evaluations(), evaluate=evaluations()[-2:]))["step"]) == 11
    assert len(columns(evaluated(tmp_path, train=evaluations()[-2:], evaluate=evaluations()))["step"]) == 11


def test_one_evaluation_is_no_curve(tmp_path: Path) -> None:
    assert evaluation_curve.evaluation_curve(evaluated(tmp_path, evaluate=evaluations()[-1:])) is None


def test_the_first_records_of_each_record_set_are_shown(made: Made) -> None:
    stages = [FinishedStage(title, uri, Manifest.read(uri)) for title, uri in made.stages.items()]
    found = examples(stages)
    assert found == dict.fromkeys(["records short", "records long", "held-out records"], EXAMPLES)
    assert [view(one).next_sentence for one in EXAMPLES] == ["actual", "random"]


def test_pieces_of_words_are_joined() -> None:
    example = view(record("the rail ##way", "of for ##ests", {}))
    assert [[piece.text for piece in pieces] for _, pieces in example.segments] == [
        ["[CLS]", "the railway", "[SEP]"],
        ["of forests", "[SEP]"],
    ]


def test_a_masked_piece_of_a_word_stands_by_itself_glued_to_the_word() -> None:
    ((_, pieces), _) = view(record("the rail ##way", "x", {3: "[MASK]"})).segments
    assert [(piece.text, piece.kind, piece.replacement, piece.is_glued) for piece in pieces[1:3]] == [
        ("the rail", "text", "", False),
        ("##way", "mask", "[MASK]", True),
    ]


def context(tokens: str, position: int) -> Guess:
    return guess_of(filled("best", tokens, position, "x", ["y"]))


def test_the_words_around_a_masked_token_end_with_its_segment() -> None:
    guess = context("[CLS] a b [SEP] c [MASK] d [SEP] e", 5)
    assert [piece.text for piece in (*guess.before, *guess.after)] == ["c", "d"]
    assert guess.is_cut == (False, False)
    assert guess.text == "c [x] d"


def test_the_words_around_a_masked_token_are_few() -> None:
    guess = context("[CLS] " + "a " * 30 + "[MASK] [SEP]", 31)
    assert [piece.text for piece in guess.before] == ["a " * 13 + "a"]
    assert (guess.after, guess.is_cut) == ((), (True, False))


def test_the_words_around_a_masked_token_are_whole() -> None:
    guess = context("[CLS] a " + "b ##c ##d " * 10 + "[MASK] " + "b ##c ##d " * 10, 32)
    assert guess.text == f"… {'bcd ' * 5}[x]{' bcd' * 5} …"
