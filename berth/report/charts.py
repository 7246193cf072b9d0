"""The curves of a training run as Bokeh documents that an offline page can embed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

POINTS = 2000
# Colours of medium lightness: each has a contrast of at least 3:1 with the page's background, light or dark. Axes,
# grids and text take their colours from the style sheet (the --bk-… variables).
MASKED_LM, NEXT_SENTENCE, TOTAL, RATE = "#3b82c4", "#b8701a", "#7d7d86", "#2a8c74"

CURVES = {
    "Loss": (
        ("loss", "total", TOTAL),
        ("masked_lm_loss", "masked tokens", MASKED_LM),
        ("next_sentence_loss", "next sentence", NEXT_SENTENCE),
    ),
    "Accuracy": (
        ("masked_lm_accuracy", "masked tokens", MASKED_LM),
        ("next_sentence_accuracy", "next sentence", NEXT_SENTENCE),
    ),
    "Learning rate": (("learning_rate", "learning rate", RATE),),
}
HEIGHTS = {"Loss": 280, "Accuracy": 240, "Learning rate": 150}
# Number formats in tooltips: printf, except for accuracies.
FORMATS = {"Loss": "%.3f", "Accuracy": "0.0%", "Learning rate": "%.2e"}
TICKS = {"Loss": "%g", "Learning rate": "%.1e"}

Line = Mapping[str, Any]


def javascript() -> str:
    """BokehJS without widgets and tables."""
    from bokeh.resources import Resources

    return str(Resources(mode="inline", components=["bokeh"]).js_raw[0])


def training_curves(lines: Sequence[Line], target: str, published: Sequence[Line] = ()) -> str:
    """The curves as a JSON item for ``Bokeh.embed.embed_item``; deterministic.

    Args:
        lines: The lines of metrics.jsonl: ``step``, ``phase`` and any of the columns of :data:`CURVES`.
        target: Id of the HTML element to draw in.
        published: Lines of a published log, drawn dashed: ``step`` and any of the columns.
    """
    from bokeh.layouts import column
    from bokeh.models import ColumnDataSource, Range1d

    spans = phases(lines)
    shown = thinned(lines)
    names = [name for curves in CURVES.values() for name, _, _ in curves if any(name in line for line in shown)]
    data: dict[str, list[Any]] = {name: [finite(line.get(name)) for line in shown] for name in names}
    data["step"] = [line["step"] for line in shown]
    data["phase"] = [line["phase"] for line in shown]
    last = max([*data["step"], *(line["step"] for line in published)])
    steps = Range1d(0, last if not published else 1.01 * last, bounds="auto")
    source = ColumnDataSource(data)
    figures = [
        _figure(title, source, steps, spans, published) for title, curves in CURVES.items() if curves[0][0] in names
    ]
    return embedded(column(figures, sizing_mode="stretch_width"), target)


def embedded(model: Any, target: str) -> str:
    """A Bokeh model as a JSON item that ``Bokeh.embed.embed_item`` draws in the element with the id ``target``.

    Bokeh numbers its models throughout the process; numbering them from one makes the text depend on the model alone.
    """
    from bokeh.embed import json_item

    return json.dumps(_renumbered(json_item(model, target), {}), ensure_ascii=True, allow_nan=False)


def phases(lines: Sequence[Line]) -> list[tuple[str, int, int]]:
    """The phases in order: (name, step before the first, last step)."""
    last = [(name, max(line["step"] for line in group)) for name, group in groupby(lines, lambda line: line["phase"])]
    ends = [0, *(step for _, step in last)]
    return [(name, start, end) for (name, end), start in zip(last, ends, strict=False)]


def thinned(lines: Sequence[Line]) -> list[Line]:
    """At most about 2,000 lines: each the mean of consecutive lines of a phase, at the step of the last one."""
    size = -(-len(lines) // POINTS)
    if size <= 1:
        return list(lines)
    result: list[Line] = []
    for _, group in groupby(lines, lambda line: line["phase"]):
        members = list(group)
        for start in range(0, len(members), size):
            part = members[start : start + size]
            numbers = [key for key, value in part[-1].items() if isinstance(value, float)]
            means = {key: sum(line.get(key, part[-1][key]) for line in part) / len(part) for key in numbers}
            result.append({**part[-1], **means})
    return result


def finite(value: float | None) -> float | None:
    """The value to six significant digits; None, a gap in the curve, if it is not finite (a diverged loss)."""
    return None if value is None or value - value != 0 else float(f"{value:.6g}")


def _figure(
    title: str, source: Any, steps: Any, spans: Sequence[tuple[str, int, int]], published: Sequence[Line]
) -> Any:
    from bokeh.models import BoxAnnotation, HoverTool, Label, NumeralTickFormatter, PrintfTickFormatter, Range1d

    plot = blank(title, HEIGHTS[title], steps)
    curves = [curve for curve in CURVES[title] if curve[0] in source.data]
    lines = [plot.line("step", name, source=source, color=color, line_width=1.75) for name, _, color in curves]
    kind = "numeral" if title == "Accuracy" else "printf"
    tips = [("step", "@step{0,0} (@phase)"), *((label, f"@{name}{{{FORMATS[title]}}}") for name, label, _ in curves)]
    formatters = {f"@{name}": kind for name, _, _ in curves}
    hover = HoverTool(renderers=lines[:1], tooltips=tips, formatters=formatters, mode="vline", line_policy="nearest")
    plot.add_tools(hover)
    values = [value for name, _, _ in curves for value in source.data[name] if value is not None]
    for name, label, color in curves:
        values += _draw_published(plot, name, f"{label}, published", color, FORMATS[title], kind, published)
    top = max([1e-9, *values])
    plot.y_range = Range1d(0, top * 1.1)
    for number, (name, start, end) in enumerate(spans):
        if number % 2:
            plot.add_layout(BoxAnnotation(left=start, right=end, fill_color=TOTAL, fill_alpha=0.09, line_color=None))
        if len(spans) > 1 and title == "Loss":
            style = {"text_font_size": "12px", "text_color": TOTAL, "text_baseline": "top"}
            plot.add_layout(Label(x=start, y=top * 1.1, x_offset=6, y_offset=-2, text=f"phase {name}", **style))
    is_share = title == "Accuracy"
    plot.yaxis.formatter = NumeralTickFormatter(format="0%") if is_share else PrintfTickFormatter(format=TICKS[title])
    return plot


def _draw_published(
    plot: Any, name: str, label: str, color: str, form: str, kind: str, published: Sequence[Line]
) -> list[float]:
    """Draw a column of a published log as a dashed line with a diamond at each step; returns its values."""
    from bokeh.models import ColumnDataSource, HoverTool

    points = [(line["step"], line[name]) for line in published if line.get(name) is not None]
    if not points:
        return []
    steps, values = zip(*points, strict=True)
    source = ColumnDataSource({"step": list(steps), name: list(values)})
    plot.line("step", name, source=source, color=color, line_dash="dashed", line_width=1.25)
    marks = plot.scatter("step", name, source=source, color=color, marker="diamond", size=9)
    tips = [("step", "@step{0,0}"), (label, f"@{name}{{{form}}}")]
    plot.add_tools(HoverTool(renderers=[marks], tooltips=tips, formatters={f"@{name}": kind}))
    return list(values)


def blank(title: str, height: int, x_range: Any) -> Any:
    """An empty figure in the style of the page, with whole numbers on its x axis."""
    from bokeh.models import NumeralTickFormatter
    from bokeh.plotting import figure

    plot = figure(
        title=title,
        height=height,
        sizing_mode="stretch_width",
        x_range=x_range,
        tools="",
        toolbar_location=None,
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        min_border_left=58,
        min_border_right=14,
        lod_threshold=None,
    )
    plot.yaxis.ticker.desired_num_ticks = 5
    plot.xaxis.formatter = NumeralTickFormatter(format="0,0")
    plot.xgrid.grid_line_color = None
    plot.axis.minor_tick_line_color = None
    plot.title.text_font_size = "13px"
    plot.axis.major_label_text_font_size = "12px"
    return plot


def _renumbered(value: Any, names: dict[str, str]) -> Any:
    """The document with its models' ids renumbered in order of appearance."""
    if isinstance(value, dict):
        return {
            key: names.setdefault(item, f"m{len(names) + 1}")
            if key in ("id", "root_id") and isinstance(item, str)
            else _renumbered(item, names)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_renumbered(item, names) for item in value]
    return value
