"""Write the page that compares several runs."""

from __future__ import annotations

from collections.abc import Sequence

from berth import storage
from berth.report import comparison, fine_tuning, hours_chart
from berth.report.page import HOURS, page


def compare(paths: Sequence[str], output: str) -> list[comparison.Named]:
    """Write one self-contained page about several runs; the runs that it is about.

    Args:
        paths: What :func:`berth.report.comparison.find` takes.
        output: URI of the HTML file.

    Raises:
        UsageError: if a path holds no finished run.
        BerthError: if a file of a run cannot be read.
    """
    runs = comparison.find(paths)
    drawn = hours_chart.drawn([(each.name, fine_tuning.curves(each.tunings)) for each in runs])
    tables = [
        ("figures", "Figures", "What each run made and measured.", comparison.figures(runs)),
        (
            "differences",
            "Recipes",
            "The keys in which the recipes differ; all others are the same.",
            comparison.differences(runs),
        ),
    ]
    text = page(
        "comparison.html",
        {HOURS: hours_chart.chart(drawn, HOURS)},
        runs=runs,
        drawn=drawn,
        tables=tables,
        hours_target=HOURS,
    )
    with storage.atomic_write(output) as file:
        file.write(text.encode())
    return runs
