"""README.md's picture of a run."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from berth.report import picture
from berth.report.build import build_report
from berth.stage import Workspace
from support.report_run import Made, filled

ROOT = Path(__file__).parents[3]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def report(made: Made, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Directory of the report of a whole run."""
    workspace = Workspace(str(tmp_path_factory.mktemp("picture")))
    return build_report(recipe=made.recipe, stages=made.stages, planned={}, destination=workspace).uri


@pytest.fixture
def drawn(report: str, tmp_path: Path) -> ElementTree.Element:
    """The picture of that run, as the command writes it."""
    assert picture.main([report, str(tmp_path / "picture.svg")]) == 0
    return ElementTree.fromstring((tmp_path / "picture.svg").read_text(encoding="utf-8"))


def texts(drawn: ElementTree.Element) -> list[str]:
    return ["".join(element.itertext()) for element in drawn.iter(f"{SVG}text")]


def test_it_shows_what_the_model_and_simple_guesses_reach_and_the_best_examples(drawn: ElementTree.Element) -> None:
    shown = texts(drawn)
    assert "this model 28.9%" in shown  # the last of the evaluations during training
    assert {"bigram table 12.5%", "always “the” 6.0%"} <= set(shown)
    assert [text for text in shown if text.endswith("%") and text[:-1].isdigit()] == ["0%", "10%", "20%", "30%"]
    assert shown[shown.index("What it fills in best") + 1 :] == (
        ["ships of any size", "of", "50.0%", "and", "25.0%", "in", "12.5%"]
    )


def test_the_curve_has_a_point_for_each_evaluation_and_rises(drawn: ElementTree.Element) -> None:
    (line,) = drawn.iter(f"{SVG}polyline")
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    assert len(points) == 11
    assert points[0] == (picture.LEFT, picture.BOTTOM) and points[-1][0] == picture.RIGHT
    assert all(before[0] < after[0] and before[1] > after[1] for before, after in itertools.pairwise(points))


def test_everything_is_inside_and_has_a_colour_of_its_own(drawn: ElementTree.Element) -> None:
    """An image takes no colour from the page that it is on: the background is drawn too."""
    background = next(drawn.iter(f"{SVG}rect"))
    assert float(background.attrib["width"]) == picture.WIDTH - 1 and background.attrib["fill"].startswith("#")
    for element in drawn.iter(f"{SVG}text"):
        assert element.attrib["fill"].startswith("#")
        assert 0 < float(element.attrib["x"]) < picture.WIDTH and 0 < float(element.attrib["y"]) < picture.HEIGHT


def test_long_text_is_cut_at_words() -> None:
    words = " ".join(f"word{number:02}" for number in range(12))
    (guess,) = find_guess(f"[CLS] {words} [MASK] {words} [SEP]", 13)
    assert guess["before"] == "… word09 word10 word11 " and guess["after"] == " word00 word01 …"


def find_guess(text: str, position: int) -> list[dict[str, str]]:
    from berth.report.evaluation import guess_of

    return [picture._example(guess_of(filled("best", text, position, "x", ["x"])), 0)]


@pytest.mark.parametrize(("last", "ticks"), [(0.33, [0, 0.1, 0.2, 0.3]), (2600, [0, 1000, 2000]), (0.04, None)])
def test_ticks_are_round_numbers(last: float, ticks: list[float] | None) -> None:
    found = picture._ticks(last)
    assert found == (ticks or [0, 0.01, 0.02, 0.03, 0.04])


def test_a_run_without_evaluations_during_training_is_refused(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stages = {title: uri for title, uri in made.stages.items() if title not in ("train", "evaluate")}
    result = build_report(recipe=made.recipe, stages=stages, planned={}, destination=Workspace(str(tmp_path)))
    assert picture.main([result.uri, str(tmp_path / "picture.svg")]) == 2
    assert "there is no curve to draw" in capsys.readouterr().err
    assert not (tmp_path / "picture.svg").exists()


def test_the_picture_in_the_readme_is_one_of_these() -> None:
    """With alternative text, within the first screen."""
    head = (ROOT / "README.md").read_text(encoding="utf-8").split("## The flow")[0]
    assert "](docs/quickstart.svg)" in head and "![](" not in head
    drawn = ElementTree.parse(ROOT / "docs" / "quickstart.svg").getroot()
    assert "What it fills in best" in texts(drawn) and any(text.startswith("bigram table") for text in texts(drawn))
