"""The curve of a model's accuracy on the held-out set against sequences or steps of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from berth.formats.results import EVALUATIONS
from berth.recipe import Target
from berth.report import charts, evaluation
from berth.report.run import Run

TARGET = "evaluation-curve"
HEIGHT = 320
CURVES = (
    ("masked_lm_corrupted_accuracy", "corrupted positions", charts.RATE),
    ("masked_lm_accuracy", "masked tokens", charts.MASKED_LM),
    ("next_sentence_accuracy", "next sentence", charts.NEXT_SENTENCE),
)

Line = Mapping[str, Any]


def evaluations(run: Run) -> list[Line]:
    """The evaluations of the stage with the most of them, during training or after it; empty if fewer than two."""
    found = [stage.json_lines(EVALUATIONS) for stage in run.stages if stage.has(EVALUATIONS)]
    longest = max(found, key=len, default=[])
    return longest if len(longest) > 1 else []


def x_axis(lines: Sequence[Line]) -> str:
    """The quantity on the x axis: ``"sequences"`` if all lines record it, else ``"step"``."""
    return "sequences" if all("sequences" in line for line in lines) else "step"


def accuracy_target(run: Run) -> Target | None:
    """The recipe's target, if it is an accuracy."""
    target = run.recipe.evaluation.target
    return target if target is not None and target.metric.endswith("_accuracy") else None


def simple_guesses(run: Run) -> dict[str, float]:
    """What simple guesses reach at corrupted positions, by their name; empty where it was not measured."""
    measured = evaluation.scores(run)
    if measured is None:
        return {}
    names = {f"always “{measured.token}”": "baseline", "bigram table": "bigram"}
    shown = [score for score in measured.figures if score.key == "masked_lm_corrupted_accuracy"]
    found = {name: getattr(score, attribute) for score in shown for name, attribute in names.items()}
    return {name: value for name, value in found.items() if value is not None}


def evaluation_curve(run: Run, target: str = TARGET) -> str | None:
    """The curve as a JSON item for ``Bokeh.embed.embed_item``; None if there are fewer than two evaluations.

    The recipe's target is a dashed line; what simple guesses reach at corrupted positions are dotted ones.

    Args:
        run: The run.
        target: Id of the HTML element to draw in.
    """
    lines = evaluations(run)
    if not lines:
        return None
    from bokeh.models import ColumnDataSource, HoverTool, Label, NumeralTickFormatter, Range1d, Span

    against = x_axis(lines)
    curves = [curve for curve in CURVES if any(curve[0] in line for line in lines)]
    data: dict[str, list[Any]] = {name: [charts.finite(line.get(name)) for line in lines] for name, _, _ in curves}
    data |= {name: [line.get(name) for line in lines] for name in {"step", against}}
    source = ColumnDataSource({name: data[name] for name in sorted(data)})
    last = max(data[against])
    plot = charts.blank(f"Accuracy on held-out text against {against}", HEIGHT, Range1d(-0.01 * last, 1.01 * last))
    drawn = []
    for name, _, color in curves:
        drawn.append(plot.line(against, name, source=source, color=color, line_width=1.75))
        plot.scatter(against, name, source=source, color=color, size=6)
    values = [value for name, _, _ in curves for value in data[name] if value is not None]
    if (goal := accuracy_target(run)) is not None:
        values.append(goal.value)
        color = next(color for name, _, color in CURVES if name == goal.metric)
        plot.add_layout(
            Span(location=goal.value, dimension="width", line_color=color, line_dash="dashed", line_width=1.25)
        )
    for name, value in simple_guesses(run).items():
        values.append(value)
        style = {"line_color": charts.RATE, "line_dash": "dotted", "line_width": 1.25}
        plot.add_layout(Span(location=value, dimension="width", **style))
        style = {"text_font_size": "12px", "text_color": charts.TOTAL, "text_align": "right"}
        plot.add_layout(Label(x=last, y=value, y_offset=2, text=name, **style))
    plot.y_range = Range1d(0, max([1e-9, *values]) * 1.1)
    plot.yaxis.formatter = NumeralTickFormatter(format="0%")
    tips = [("sequences", "@sequences{0,0}")] if against == "sequences" else []
    tips += [("step", "@step{0,0}"), *((label, f"@{name}{{0.0%}}") for name, label, _ in curves)]
    plot.add_tools(HoverTool(renderers=drawn[:1], tooltips=tips, mode="vline", line_policy="nearest"))
    return charts.embedded(plot, target)
