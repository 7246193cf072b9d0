"""Several runs on one page, and the fine-tunings of one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from berth.errors import UsageError
from berth.recipe import Recipe
from berth.report import comparison, fine_tuning
from berth.report.build import build_report
from berth.report.compare import compare
from berth.stage import Workspace
from berth.stage.inputs import Inputs
from support.report_page import Page
from support.report_run import Made, make_run


def tune(made: Made, title: str, model: Inputs, step: int, accuracy: float) -> None:
    content = {
        "task": "mnli",
        "step": step,
        "metrics": {
            "dev_matched": {"accuracy": accuracy, "loss": 1.0625},
            "dev_mismatched": {"accuracy": accuracy - 0.01},
        },
        "baseline": {"dev_matched": {"accuracy": 0.35}, "dev_mismatched": {"accuracy": 0.36}},
    }
    made.add(title, "finetune", {"model": model}, {"finetuning.json": json.dumps(content)})


def make_tuned(directory: Path, accuracies: tuple[float, float], layers: int = 2, name: str = "harbour") -> Made:
    """A run whose model is fine-tuned after a first slice of its training run, and at the end."""
    directory.mkdir()
    made = make_run(directory)
    content = made.recipe.model_dump(mode="json")
    content |= {"name": name, "model": {**content["model"], "num_hidden_layers": layers}}
    made.recipe = Recipe.model_validate(content)
    del made.stages["train"]
    first = made.add("train to 250", "train", {}, {"checkpoint-00000250.safetensors": "c"})
    before = first.files("checkpoint*")
    summary = {"parameters": 1000 * layers, "steps": 500, "sequences": 32_000, "lower_case": True, "phases": []}
    last = made.add(
        "train", "train", {"before": before}, {"checkpoint-500.safetensors": "c", "training.json": json.dumps(summary)}
    )
    tune(made, "fine-tune mnli at 250", before, 250, accuracies[0])
    tune(made, "fine-tune mnli", last.files("checkpoint*"), 500, accuracies[1])
    build_report(recipe=made.recipe, stages=made.stages, planned={}, destination=Workspace(str(made.workspace)))
    return made


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The workspaces of two runs: three layers, six layers."""
    base = tmp_path_factory.mktemp("two")
    return [
        str(make_tuned(base / name, accuracies, layers, name).workspace)
        for name, accuracies, layers in (("three", (0.40, 0.45), 3), ("six", (0.42, 0.50), 6))
    ]


@pytest.fixture(scope="module")
def compared(two: list[str], tmp_path_factory: pytest.TempPathFactory) -> Page:
    output = tmp_path_factory.mktemp("page") / "comparison.html"
    assert [each.name for each in compare(two, str(output))] == ["three", "six"]
    return Page(output.read_text(encoding="utf-8"))


def test_a_curve_counts_the_hours_of_all_slices_before(two: list[str]) -> None:
    (named,) = comparison.find(two[:1])
    first, last = named.fine_tunings
    assert first.hours is not None and last.hours is not None and 0 <= first.hours <= last.hours
    seconds = {stage.title: stage.manifest.seconds for stage in named.run.stages}
    assert last.hours == pytest.approx((seconds["train to 250"] + seconds["train"]) / 3600)
    assert first.hours == pytest.approx(seconds["train to 250"] / 3600)
    curves = fine_tuning.curves(named.fine_tunings)
    assert [(curve.task, curve.held_out, curve.metric) for curve in curves] == [
        ("mnli", "dev_matched", "accuracy"),
        ("mnli", "dev_mismatched", "accuracy"),
    ]
    assert sorted(value for _, value in curves[0].points) == [0.40, 0.45]


def test_both_runs_are_on_one_chart_with_a_legend(compared: Page) -> None:
    legend = next(element.text for element in compared.all("figcaption"))
    for name in ("three: mnli dev matched, accuracy", "six: mnli dev matched, accuracy"):
        assert name in legend
    assert any("0.45" in script.text and "0.5" in script.text for script in compared.all("script"))


def test_the_figures_are_side_by_side(two: list[str]) -> None:
    found = {row.title: row.values for row in comparison.figures(comparison.find(two))}
    assert found["layers"] == ("3", "6")
    assert found["parameters"] == ("3,000", "6,000")
    assert found["mnli dev matched, accuracy"] == ("45.0%", "50.0%")
    assert found["mnli dev matched, loss"] == ("1.062", "1.062")
    assert found["masked-token accuracy on held-out text"] == ("31.2%", "31.2%")


def test_the_datasets_of_all_runs_are_one_table(compared: Page) -> None:
    (table,) = [text for text in compared.text("table") if "billions" in text]
    assert all(name in table for name in ("three short", "three long", "six short", "six long"))


def test_only_keys_that_differ_are_shown(two: list[str]) -> None:
    found = {row.title: row.values for row in comparison.differences(comparison.find(two))}
    assert found == {"model.num_hidden_layers": ("3", "6")}


def test_runs_of_the_same_name_are_told_apart(two: list[str], tmp_path: Path) -> None:
    other = make_tuned(tmp_path / "other", (0.1, 0.2), layers=4, name="three")
    names = [each.name for each in comparison.find([two[0], str(other.workspace)])]
    assert names[0] != names[1] and all(name.startswith("three ") for name in names)


def test_the_page_loads_nothing(compared: Page) -> None:
    policy = next(e.attributes["content"] for e in compared.all("meta") if "http-equiv" in e.attributes)
    assert policy.startswith("default-src 'none'")


def test_the_report_of_one_run_shows_its_fine_tunings(two: list[str]) -> None:
    (report,) = (Path(two[0]) / "report").glob("*/report.html")
    page = Page(report.read_text(encoding="utf-8"))
    text = next(element.text for element in page.all("section") if element.attributes["id"] == "fine-tuning")
    assert "mnli dev matched accuracy 250" in " ".join(text.split()) and "45.0%" in text and "35.0%" in text


def test_a_path_without_a_report_is_refused(two: list[str], tmp_path: Path) -> None:
    train = next(Path(two[0]).glob("train/*"))
    with pytest.raises(UsageError, match="there is no finished run here"):
        compare([str(train)], str(tmp_path / "x.html"))
    assert not (tmp_path / "x.html").exists()


def test_the_command_names_the_runs_and_the_page(two: list[str], tmp_path: Path) -> None:
    output = tmp_path / "page.html"
    command = [sys.executable, "-c", "from berth.app.cli import main; main()", "report", *two, "--output", str(output)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["three", "six", str(output)]
    assert output.exists()
