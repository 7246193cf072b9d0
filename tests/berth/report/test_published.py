"""A run next to what was published: the figures with their ratios, the log beside the run's own curve, and Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from berth.planning.measured import measured
from berth.recipe import Recipe
from berth.report import charts, dataset, markdown, published
from berth.report.build import build_report
from berth.report.page import render
from berth.report.run import FinishedStage, Run
from berth.stage import Workspace
from berth.stage.manifest import Manifest
from support.report_page import Page
from support.report_run import RECIPE, Made, metrics

PUBLISHED: dict[str, Any] = {
    "source": "a paper of https://github.com/harbour",
    "figures": {
        "accuracy": {"value": 0.624, "unit": "masked accuracy", "measured": "evaluation.masked_lm_accuracy"},
        "records": {"value": 46_880, "unit": "records", "planned": "records.short.records"},
        "epochs": {"value": 49, "planned": "training.phases.short.batch_size", "arithmetic": "8.8 * 5.6"},
        "memory": {"value": 4375, "unit": "MB | <b>", "source": "its *appendix*"},
    },
    "log": [
        {"step": 400, "loss": 3.5, "masked_lm_accuracy": 0.41, "next_sentence_accuracy": 0.9, "minutes": 11.5},
        {"step": 500, "masked_lm_accuracy": 0.45},
        {"step": 900, "masked_lm_accuracy": 0.5},
    ],
}


@pytest.fixture(scope="module")
def run(made: Made) -> Run:
    recipe = Recipe.model_validate({**RECIPE, "published": PUBLISHED})
    stages = [FinishedStage(title, uri, Manifest.read(uri)) for title, uri in made.stages.items()]
    return Run(recipe, stages, {}, planned={"records": {"short": {"records": 23_440}}})


def test_published_planned_and_measured_are_side_by_side_with_their_ratios(run: Run) -> None:
    rows = {row.name: row for row in published.figures(run)}
    assert (rows["accuracy"].planned, rows["accuracy"].measured) == (None, 0.312)
    assert rows["accuracy"].measured_ratio == pytest.approx(0.5)
    assert (rows["records"].planned, rows["records"].planned_ratio, rows["records"].measured) == (23_440, 0.5, 23_440)
    assert (rows["epochs"].planned, rows["epochs"].computation) == (64, "8.8 × 5.6 = 49.3")
    assert (rows["memory"].planned, rows["memory"].measured, rows["memory"].measured_ratio) == (None, None, None)
    assert [rows[name].source for name in ("accuracy", "memory")] == [PUBLISHED["source"], "its *appendix*"]


def test_the_log_is_next_to_the_runs_own_line_of_the_same_step(run: Run) -> None:
    rows = published.log(run)
    own = {line["step"]: line for line in metrics()}
    assert [row.own for row in rows] == [own[400], own[500], {}]
    assert [row.minutes is None for row in rows] == [True, False, True]


def sources(value: Any) -> Iterator[dict[str, list[float]]]:
    """The columns of all data that a chart draws."""
    if isinstance(value, dict):
        if value.get("name") == "ColumnDataSource":
            yield dict(value["attributes"]["data"]["entries"])
        value = list(value.values())
    for item in value if isinstance(value, list) else []:
        yield from sources(item)


def test_the_published_log_is_drawn_beside_the_runs_own_curve() -> None:
    text = charts.training_curves(metrics(), "curves", PUBLISHED["log"])
    drawn = [source for source in sources(json.loads(text)) if "phase" not in source]
    assert {"step": [400], "loss": [3.5]} in drawn
    assert {"step": [400, 500, 900], "masked_lm_accuracy": [0.41, 0.45, 0.5]} in drawn
    assert {"step": [400], "next_sentence_accuracy": [0.9]} in drawn
    assert len(drawn) == 3 and '"diamond"' in text
    assert "909" in text  # the axis reaches past the last published step
    assert text == charts.training_curves(metrics(), "curves", PUBLISHED["log"])


def test_the_page_has_the_section_and_the_markdown_the_same_figures(run: Run) -> None:
    page = Page(render(run))
    (figures, log) = [text for text in page.text("table") if text.startswith(("Figures", "Training log"))]
    for text in (figures, markdown.render(run)):
        assert "8.8 × 5.6 = 49.3" in text
    assert "accuracy 0.624 – – 0.312 0.5 masked accuracy" in figures
    assert "400 3.500" in log and "41.0%" in log and "11.5" in log
    assert "#published" in [link.attributes["href"] for link in page.all("a")]
    lines = markdown.render(run).splitlines()
    assert "| accuracy | 0.624 | – | – | 0.312 | 0.5 | masked accuracy |  |" in lines
    assert "| records | 46,880 | 23,440 | 0.5 | 23,440 | 0.5 | records |  |" in lines
    assert any(line.startswith("| 400 | 3.500 | ") for line in lines)


def test_text_in_markdown_is_not_mark_up_and_tables_keep_their_columns(run: Run) -> None:
    text = markdown.render(run)
    assert r"MB \| \<b\>" in text
    columns: list[int] = []
    for line in text.split("```")[0].splitlines():
        if not line.startswith("|"):
            columns = []
            continue
        columns.append(line.replace(r"\|", "").count("|"))
        assert len(set(columns)) == 1, line


def test_a_recipe_in_markdown_ends_where_it_ends(made: Made) -> None:
    recipe = Recipe.model_validate({**RECIPE, "description": "```\n# no title\n````"})
    lines = markdown.render(Run(recipe, [], {})).splitlines()
    assert lines[-1] == "`````" and lines.count("`````") == 1 and "`````yaml" in lines


def test_without_published_figures_there_is_no_section(made: Made) -> None:
    run = Run(made.recipe, [], {})
    assert published.figures(run) == [] and published.log(run) == []
    assert "Published" not in markdown.render(run)


def test_the_datasets_of_a_run_are_counted_by_its_manifests(run: Run) -> None:
    (short, long) = dataset.datasets(run)
    assert (short.name, short.documents, short.words, short.duplicates, short.examples) == (
        "harbour short",
        98,
        None,
        10,
        23_440,
    )
    assert [link.rpartition("/")[2] for link in short.links] == ["dump.xml"] and long.links == short.links
    assert short.cells[2:] == ("0.000098", "–", "10", "23,440")
    large = dataset.Dataset("en", ("https://example.org/x",), 5_890_000, 2_170_000_000, 2, 51_700_000)
    assert large.cells[2:] == ("5.89", "2.17", "2", "51,700,000")


def test_the_table_of_datasets_is_the_same_in_three_formats(made: Made, run: Run, tmp_path: Path) -> None:
    result = build_report(recipe=run.recipe, stages=made.stages, planned={}, destination=Workspace(str(tmp_path)))
    directory = Path(result.uri)
    assert {file.path for file in result.manifest.files} == {"report.html", "report.md", "datasets.csv"}
    rows = list(csv.DictReader(io.StringIO((directory / "datasets.csv").read_text())))
    assert [(row["name"], row["documents"], row["words"], row["examples"]) for row in rows] == [
        ("harbour short", "98", "", "23440"),
        ("harbour long", "98", "", "11702"),
    ]
    (table,) = [text for text in Page((directory / "report.html").read_text()).text("table") if "billions" in text]
    assert "harbour short" in table and "0.000098 – 10 23,440" in table
    assert "| 0.000098 | – | 10 | 23,440 |" in (directory / "report.md").read_text()


def test_what_was_published_is_in_no_digest(made: Made, run: Run, tmp_path: Path) -> None:
    workspace = Workspace(str(tmp_path))
    first = build_report(recipe=made.recipe, stages=made.stages, planned={}, destination=workspace)
    second = build_report(recipe=run.recipe, stages=made.stages, planned={}, destination=workspace)
    assert second.was_up_to_date and second.uri == first.uri


def test_all_that_a_run_measures_has_a_path(made: Made) -> None:
    found = measured(made.stages)
    assert found["corpus"] == {"documents": 98, "sentences": 18_544, "evaluation_documents": 8}
    assert found["records"]["short"]["per_pass"] == 2344
    assert (found["held_out"]["records"], found["evaluation_set"]["bytes"]) == (812, 500)
    assert (found["model"]["parameters"], found["total"]["steps"], found["total"]["sequences"]) == (
        1_223_998,
        500,
        32_000,
    )
    assert found["phases"]["long"]["step"] == 500
    assert (found["evaluations"]["first"]["step"], found["evaluations"]["last"]["step"]) == (0, 500)
    assert found["evaluation"]["masked_lm_accuracy"] == 0.312
