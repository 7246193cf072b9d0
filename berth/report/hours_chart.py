"""The chart of scores against hours of pre-training: one curve per run, task and held-out set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from berth.report import charts
from berth.report.fine_tuning import Curve

HEIGHT = 340
# Colours of medium lightness, as in charts.py, in order of use.
TONES = ("#3b82c4", "#b8701a", "#2a8c74", "#9a5fc0", "#c2504f", "#7d7d86")
DASHES = ("solid", "dashed", "dotted")


@dataclass(frozen=True)
class StyledCurve:
    """A curve with its label in the legend, colour and dash pattern."""

    label: str
    curve: Curve
    tone: str
    dash: str


def styled(runs: Sequence[tuple[str, Sequence[Curve]]]) -> list[StyledCurve]:
    """The curves of several runs: one colour per run and one dash per curve; of a single run, one colour per curve."""
    found = []
    for number, (name, curves) in enumerate(runs):
        for index, curve in enumerate(curves):
            title = f"{curve.task} {curve.held_out}, {curve.metric}".replace("_", " ")
            tone = TONES[(number if len(runs) > 1 else index) % len(TONES)]
            dash = DASHES[index % len(DASHES)] if len(runs) > 1 else DASHES[0]
            found.append(StyledCurve(f"{name}: {title}" if len(runs) > 1 else title, curve, tone, dash))
    return found


def chart(curves: Sequence[StyledCurve], target: str) -> str | None:
    """The curves as a JSON item for ``Bokeh.embed.embed_item``; None if there are no points.

    Args:
        curves: The curves to draw.
        target: Id of the HTML element to draw in.
    """
    values = [value for each in curves for _, value in each.curve.points]
    if not values:
        return None
    from bokeh.models import ColumnDataSource, HoverTool, NumeralTickFormatter, Range1d

    last = max(hour for each in curves for hour, _ in each.curve.points) or 1.0
    plot = charts.blank("Score on the task against hours of pre-training", HEIGHT, Range1d(-0.02 * last, 1.05 * last))
    marks = []
    for each in curves:
        hours, scores = zip(*each.curve.points, strict=True)
        source = ColumnDataSource(
            {
                "hours": [charts.finite(hour) for hour in hours],
                "score": [charts.finite(score) for score in scores],
                "label": [each.label] * len(hours),
            }
        )
        plot.line("hours", "score", source=source, color=each.tone, line_dash=each.dash, line_width=1.75)
        marks.append(plot.scatter("hours", "score", source=source, color=each.tone, size=7))
    low = min(values)
    plot.y_range = Range1d(min(0.0, low * 1.1), max([1e-9, *values]) * 1.1)
    plot.yaxis.formatter = NumeralTickFormatter(format="0.0%")
    plot.xaxis.formatter = NumeralTickFormatter(format="0.[000]")
    tips = [("", "@label"), ("hours", "@hours{0.000}"), ("score", "@score{0.0%}")]
    plot.add_tools(HoverTool(renderers=marks, tooltips=tips))
    return charts.embedded(plot, target)
