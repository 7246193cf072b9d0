"""Render the page: templates and style sheet of this package, everything escaped, all in one file."""

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

from berth import __version__
from berth.report import (
    charts,
    evaluation,
    evaluation_curve,
    fine_tuning,
    hours_chart,
    sections,
)
from berth.report import (
    formatting as words,
)
from berth.report import (
    omissions as losses,
)
from berth.report import (
    record_view as examples,
)
from berth.report.run import Run
from berth.stage import lineage

PACKAGE = "berth.report"
CURVES, HOURS = "curves", "hours-of-pre-training"
# Characters that HTML does not allow (controls, halves of surrogate pairs, non-characters).
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
DOTTED_CIRCLE = "\N{DOTTED CIRCLE}"


def render(run: Run) -> str:
    """The report of a run as one HTML document that loads nothing."""
    tunings = fine_tuning.tuned(run)
    tuning_curves = hours_chart.drawn([(run.recipe.name, fine_tuning.curves(tunings))])
    items = {
        CURVES: sections.curves(run, CURVES),
        evaluation_curve.TARGET: evaluation_curve.evaluation_curve(run),
        HOURS: hours_chart.chart(tuning_curves, HOURS),
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
        tunings=tunings,
        tuning_curves=tuning_curves,
        hours_target=HOURS,
        losses=losses.losses(run),
        lineage=lineage.forest([stage.directory for stage in run.stages]),
    )


def page(template: str, items: Mapping[str, str | None], **context: Any) -> str:
    """A template as one HTML document with its style sheet and scripts.

    Args:
        template: Name of the template, a file of this package.
        items: Charts (JSON items for ``Bokeh.embed.embed_item``) by the ids of their elements; None is left out.
        context: What the template names.
    """
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=words.count,
        share=words.share,
        decimal=words.decimal,
        fixed=words.fixed,
        duration=words.duration,
        size=words.size,
        spoken=words.spoken,
        token=_token,
        example=examples.view,
    )
    curves = {target: item for target, item in items.items() if item is not None}
    scripts = [f"Bokeh.embed.embed_item({_in_script(item)})" for item in curves.values()]
    if curves:
        scripts.insert(0, charts.javascript())
    return environment.get_template(template).render(
        version=__version__,
        style=Markup(_resource("style.css")),
        scripts=[Markup(script) for script in scripts],
        policy=_policy(scripts),
        curves=curves,
        **context,
    )


def _resource(name: str) -> str:
    """A template or style sheet of this package."""
    return resources.files(PACKAGE).joinpath(name).read_text(encoding="utf-8")


def _policy(scripts: list[str]) -> str:
    """A Content-Security-Policy: no network at all, and no script but those of this page, known by their digests."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src {allowed}"


def _in_script(json: str) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.replace("<", "\\u003c")


def _printable(value: Any) -> Any:
    """What a template prints: texts of any origin without characters that HTML forbids."""
    return FORBIDDEN.sub(REPLACEMENT, value) if type(value) is str else value


def _token(text: str) -> str:
    """A token by itself: a combining mark is given a circle to stand on, as it would sit on its neighbour otherwise."""
    return DOTTED_CIRCLE + text if text and unicodedata.category(text[0]).startswith("M") else text
