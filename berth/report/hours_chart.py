"""Accuracy against the wall-clock of pre-training, one curve a run and task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from berth.report import charts
from berth.report.fine_tuning import Curve

HEIGHT = 340
# Middling tones like those of charts.py, in this order.
TONES = ("#3b82c4", "#b8701a", "#2a8c74", "#9a5fc0", "#c2504f", "#7d7d86")
DASHES = ("solid", "dashed", "dotted")


@dataclass(frozen=True)
class Drawn:
    """A curve with its name in the legend, and how it is drawn."""

    label: str
    curve: Curve
    tone: str
    dash: str


def drawn(runs: Sequence[tuple[str, Sequence[Curve]]]) -> list[Drawn]:
    """The curves of several runs: a tone for each run, or for each curve of a single one; a dash for each curve."""
    found = []
    for number, (name, curves) in enumerate(runs):
        for place, curve in enumerate(curves):
            what = f"{curve.task} {curve.held_out}, {curve.metric}".replace("_", " ")
            tone = TONES[(number if len(runs) > 1 else place) % len(TONES)]
            dash = DASHES[place % len(DASHES)] if len(runs) > 1 else DASHES[0]
            found.append(Drawn(f"{name}: {what}" if len(runs) > 1 else what, curve, tone, dash))
    return found


def chart(curves: Sequence[Drawn], target: str) -> str | None:
    """The curves as a JSON item for ``Bokeh.embed.embed_item``; None where there is no point.

    Args:
        curves: What is drawn.
        target: Id of the element that it is drawn in.
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
