"""Write a page that compares several runs."""

from __future__ import annotations

from collections.abc import Sequence

from berth import storage
from berth.report import comparison, dataset, fine_tuning, hours_chart
from berth.report.page import HOURS, page


def compare(paths: Sequence[str], output: str) -> list[comparison.NamedRun]:
    """Write one self-contained page that compares several runs, and return these runs.

    Args:
        paths: Workspaces or reports, as in :func:`berth.report.comparison.find`.
        output: URI of the HTML file.

    Raises:
        UsageError: if a path holds no finished run.
        BerthError: if a file of a run cannot be read.
    """
    runs = comparison.find(paths)
    curves = hours_chart.styled([(each.name, fine_tuning.curves(each.fine_tunings)) for each in runs])
    tables = [
        ("figures", "Figures", "The model, the training run and the results of each run.", comparison.figures(runs)),
        (
            "differences",
            "Recipes",
            "The keys in which the recipes differ. All other keys are the same.",
            comparison.differences(runs),
        ),
    ]
    text = page(
        "comparison.html",
        {HOURS: hours_chart.chart(curves, HOURS)},
        runs=runs,
        hours_curves=curves,
        tables=tables,
        datasets=[row for each in runs for row in dataset.datasets(each.run)],
        dataset_titles=dataset.TITLES,
        hours_target=HOURS,
    )
    with storage.atomic_write(output) as file:
        file.write(text.encode())
    return runs
