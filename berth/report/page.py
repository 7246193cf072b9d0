"""Render a page from the templates and the style sheet of this package: one file, all text escaped."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from berth import __version__, formatting
from berth.planning.published import number, ratio
from berth.report import (
    charts,
    dataset,
    evaluation,
    evaluation_curve,
    fine_tuning,
    hours_chart,
    omissions,
    published,
    sections,
)
from berth.report.record_view import view
from berth.report.run import Run
from berth.stage import lineage

PACKAGE = "berth.report"
CURVES, HOURS = "curves", "hours-of-pre-training"
# Characters that HTML does not allow (controls, halves of surrogate pairs, non-characters).
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
DOTTED_CIRCLE = "\N{DOTTED CIRCLE}"


def render(run: Run) -> str:
    """The report of a run as one self-contained HTML document."""
    fine_tunings = fine_tuning.fine_tunings(run)
    hours_curves = hours_chart.styled([(run.recipe.name, fine_tuning.curves(fine_tunings))])
    items = {
        CURVES: sections.curves(run, CURVES),
        evaluation_curve.TARGET: evaluation_curve.evaluation_curve(run),
        HOURS: hours_chart.chart(hours_curves, HOURS),
    }
    return page(
        "report.html",
        items,
        run=run,
        recipe=run.recipe,
        sections=sections,
        evaluation=evaluation,
        evaluation_curve=evaluation_curve,
        measured=evaluation.scores(run),
        guesses=evaluation.guesses(run),
        fine_tuning=fine_tuning,
        fine_tunings=fine_tunings,
        hours_curves=hours_curves,
        hours_target=HOURS,
        omissions=omissions.omissions(run),
        datasets=dataset.datasets(run),
        dataset_titles=dataset.TITLES,
        published=published,
        published_figures=published.figures(run),
        lineage=lineage.forest([stage.directory for stage in run.stages]),
    )


def page(template: str, items: Mapping[str, str | None], **context: Any) -> str:
    """A template as one HTML document with its style sheet and scripts.

    Args:
        template: Name of the template, a file of this package.
        items: Charts (JSON items for ``Bokeh.embed.embed_item``) by the ids of their elements; None is omitted.
        context: Variables of the template.
    """
    environment = Environment(
        loader=FunctionLoader(resource),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=formatting.count,
        share=formatting.share,
        decimal=formatting.decimal,
        fixed=formatting.fixed,
        duration=formatting.duration,
        size=formatting.size,
        readable=formatting.readable,
        figure=number,
        ratio=ratio,
        token=_token,
        example=view,
    )
    curves = {target: item for target, item in items.items() if item is not None}
    scripts = [f"Bokeh.embed.embed_item({_in_script(item)})" for item in curves.values()]
    if curves:
        scripts.insert(0, charts.javascript())
    return environment.get_template(template).render(
        version=__version__,
        style=Markup(resource("style.css")),
        scripts=[Markup(script) for script in scripts],
        policy=_policy(scripts),
        curves=curves,
        **context,
    )


def resource(name: str) -> str:
    """A template or style sheet of this package."""
    return resources.files(PACKAGE).joinpath(name).read_text(encoding="utf-8")


def _policy(scripts: list[str]) -> str:
    """A Content-Security-Policy: no network, and only this page's own scripts, identified by their digests."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src {allowed}"


def _in_script(json: str) -> str:
    """JSON that cannot close the script element around it."""
    return json.replace("<", "\\u003c")


def _printable(value: Any) -> Any:
    """A value for output: strings without characters that HTML forbids."""
    return FORBIDDEN.sub(REPLACEMENT, value) if type(value) is str else value


def _token(text: str) -> str:
    """A token on its own; a leading combining mark gets a dotted circle, as it would join the text before it."""
    return DOTTED_CIRCLE + text if text and unicodedata.category(text[0]).startswith("M") else text
