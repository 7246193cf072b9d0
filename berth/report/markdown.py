"""The report of a run as Markdown: its tables and the recipe, without curves and records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from berth import formatting
from berth.planning.published import number, ratio
from berth.report import dataset, evaluation, fine_tuning, published, sections
from berth.report.run import Run

Cells = Sequence[str]


def render(run: Run) -> str:
    """The report as Markdown (GitHub's tables)."""
    return "\n".join(_lines(run)).rstrip("\n") + "\n"


def table(titles: Cells, rows: Sequence[Cells]) -> Iterator[str]:
    """A table, followed by an empty line; the first column is text, the others are aligned right."""
    yield _row(titles)
    yield "|---|" + "---:|" * (len(titles) - 1)
    for row in rows:
        yield _row(row)
    yield ""


def text(value: str) -> str:
    """A value as plain text on one line: nothing in it is mark-up."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", " ".join(value.split()))


def _row(cells: Cells) -> str:
    return "| " + " | ".join(text(cell) for cell in cells) + " |"


def _lines(run: Run) -> Iterator[str]:
    recipe = run.recipe
    yield from (f"# {text(recipe.name)}", "")
    if recipe.description:
        yield from (text(recipe.description), "")
    yield from table(("", "figure"), sections.headline(run))
    if rows := dataset.datasets(run):
        yield from ("## Datasets", "")
        yield from table(dataset.TITLES, [row.cells for row in rows])
    if sets := run.of_kind("records", "evalset"):
        yield from ("## Records", "")
        yield from _records(sections.record_rows(sets))
    yield from ("## Training", "")
    yield from _phases(run)
    if (scores := evaluation.scores(run)) is not None:
        yield from ("## Evaluation", "")
        yield from _scores(scores)
        if examples := [guess for group in evaluation.guesses(run).values() for guess in group]:
            yield from _guesses(examples)
    if results := fine_tuning.fine_tunings(run):
        yield from ("## Fine-tuning", "")
        yield from _fine_tunings(results)
    yield from _published(run)
    yield from ("## Time", "")
    timings = sections.timings(run)
    yield from table(
        ("stage", "digest", "time", "output"),
        [(row.title, row.digest, formatting.duration(row.seconds), formatting.size(row.size)) for row in timings],
    )
    yield from ("## Recipe", "")
    yield from _fenced(sections.recipe_yaml(recipe))


def _records(rows: Sequence[sections.RecordRow]) -> Iterator[str]:
    yield from table(
        ("set", "length", "records", "random next", "masked", "unknown", "padding", "size"),
        [
            (
                row.title,
                formatting.count(row.length),
                formatting.count(row.records),
                *map(formatting.share, (row.random_next, row.masked, row.unknown, row.padding)),
                formatting.size(row.size),
            )
            for row in rows
        ],
    )


def _phases(run: Run) -> Iterator[str]:
    rows = sections.phase_rows(run)
    yield from table(
        ("phase", "records", "steps", "batch", "loss", "masked-token accuracy", "next-sentence accuracy"),
        [
            (
                row["phase"].name,
                row["phase"].records,
                formatting.count(row["phase"].steps),
                formatting.count(row["phase"].batch_size),
                formatting.fixed(row["last"].get("loss")),
                formatting.share(row["last"].get("masked_lm_accuracy")),
                formatting.share(row["last"].get("next_sentence_accuracy")),
            )
            for row in rows
        ],
    )


def _scores(scores: evaluation.Scores) -> Iterator[str]:
    rows = []
    for score in scores.figures:
        show = formatting.share if score.is_share else formatting.fixed
        rows.append((score.name, *map(show, (score.value, score.bigram, score.baseline))))
    yield from table(("metric", "this model", "bigram table", "best constant guess"), rows)
    if scores.only_model is not None:
        only = [formatting.share(share) for share in (scores.only_model, scores.only_bigram)]
        yield from (
            f"Of the corrupted positions, only the model is right at {only[0]}, only the table at {only[1]}.",
            "",
        )


def _guesses(examples: Sequence[evaluation.Guess]) -> Iterator[str]:
    yield from table(
        ("", "rank", "text", "guesses"),
        [
            (
                guess.group,
                formatting.count(guess.rank),
                guess.text,
                ", ".join(f"{token} {formatting.share(probability)}" for token, probability in guess.guesses),
            )
            for guess in examples
        ],
    )


def _fine_tunings(results: Sequence[fine_tuning.FineTuning]) -> Iterator[str]:
    yield from table(
        ("task", "held-out set", "metric", "steps", "hours of pre-training", "score"),
        [
            (
                result.task,
                held_out,
                metric,
                formatting.count(result.step),
                formatting.fixed(result.hours),
                fine_tuning.formatted_score(metric, value),
            )
            for result in results
            for held_out, metrics in result.metrics.items()
            for metric, value in metrics.items()
        ],
    )


def _published(run: Run) -> Iterator[str]:
    figures, log = published.figures(run), published.log(run)
    if not figures and not log:
        return
    yield from ("## Published", "", f"Source: {text(run.recipe.published.source)}", "")
    if figures:
        yield from table(
            ("figure", "published", "planned", "ratio", "measured", "ratio", "unit", "the source's arithmetic"),
            [
                (
                    formatting.readable(figure.name),
                    number(figure.published),
                    number(figure.planned),
                    ratio(figure.planned_ratio),
                    number(figure.measured),
                    ratio(figure.measured_ratio),
                    figure.unit,
                    figure.computation or "",
                )
                for figure in figures
            ],
        )
    if log:
        accuracies = ("masked_lm_accuracy", "next_sentence_accuracy")
        yield from table(
            (
                *("step", "loss, published", "this run", "masked-token accuracy, published", "this run"),
                *("next-sentence accuracy, published", "this run", "minutes, published", "this run"),
            ),
            [
                (
                    formatting.count(row.line.step),
                    formatting.fixed(row.line.loss),
                    formatting.fixed(row.own.get("loss")),
                    *(formatting.share(of) for key in accuracies for of in (getattr(row.line, key), row.own.get(key))),
                    formatting.decimal(row.line.minutes),
                    formatting.decimal(row.minutes),
                )
                for row in log
            ],
        )


def _fenced(content: str) -> Iterator[str]:
    """A block of code, between fences that are longer than any in it."""
    longest = max(map(len, re.findall("`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}yaml", content.rstrip("\n"), fence)
