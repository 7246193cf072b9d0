"""A picture of a run's results for README.md: `python -m berth.report.picture WORKSPACE FILE.svg`.

It shows the accuracy on held-out text as the model learns, what simple guesses reach, and the best fill-mask examples.
All colours are explicit, so that it looks the same on a light and on a dark page.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, StrictUndefined

from berth import formatting, log, storage
from berth.errors import BerthError, UsageError
from berth.report import evaluation_curve
from berth.report.comparison import find
from berth.report.evaluation import Guess, guesses
from berth.report.page import resource
from berth.report.run import Run

WIDTH, HEIGHT = 880, 330
LEFT, RIGHT, TOP, BOTTOM = 64, 440, 64, 270  # of the chart, in pixels
TEXT_LEFT, BAR = 484, 200
EXAMPLES, BARS, SPACING = 3, 3, 88
CHARACTERS = (26, 20)  # shown before and after the masked word
METRIC = "masked_lm_corrupted_accuracy"
STEPS = [digit * 10.0**power for power in range(-4, 10) for digit in (1, 2, 5)]  # between two ticks
TICKS = 5


def draw(run: Run) -> str:
    """The picture as SVG.

    Raises:
        UsageError: if the run was not evaluated during training.
    """
    lines = [line for line in evaluation_curve.evaluations(run) if METRIC in line]
    if len(lines) < 2:
        raise UsageError(
            "there is no curve to draw",
            where=run.recipe.name,
            found="fewer than two evaluations",
            fix="Run the recipe with evaluations during training: --set evaluation.every_steps=100.",
        )
    shown = guesses(run).get("best", [])[:EXAMPLES]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(resource("picture.svg")).render(
        width=WIDTH,
        height=HEIGHT,
        text_left=TEXT_LEFT,
        title=f"{run.recipe.name}: {formatting.share(lines[-1][METRIC])} of the masked tokens guessed right",
        chart=_chart(lines, evaluation_curve.simple_guesses(run)),
        examples=[_example(guess, 64 + SPACING * number) for number, guess in enumerate(shown)],
    )


def _chart(lines: Sequence[evaluation_curve.Line], simple: dict[str, float]) -> dict[str, Any]:
    against = evaluation_curve.x_axis(lines)
    last: float = lines[-1][against]
    top: float = 1.15 * max([*(line[METRIC] for line in lines), *simple.values(), 1e-3])

    def x(value: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * (value / last), 1)

    def y(value: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * value / top, 1)

    ordered = sorted(simple.items(), key=lambda item: -item[1])
    end = lines[-1]
    return {
        "left": LEFT,
        "right": RIGHT,
        "bottom": BOTTOM,
        "x_title": f"{against} of training",
        "x_ticks": [{"at": x(value), "label": formatting.count(value)} for value in _ticks(last)],
        "y_ticks": [{"at": y(value), "label": f"{100 * value:g}%"} for value in _ticks(top)],
        "points": " ".join(f"{x(line[against])},{y(line[METRIC])}" for line in lines),
        "end": {"x": x(end[against]), "y": y(end[METRIC]), "label": f"this model {formatting.share(end[METRIC])}"},
        # The label of the higher line is above it, of the lower one below.
        "guesses": [
            {"at": y(value), "label": f"{name} {formatting.share(value)}", "shift": 15 if number else -5}
            for number, (name, value) in enumerate(ordered)
        ],
    }


def _ticks(last: float) -> list[float]:
    """Round numbers from 0 to the last value, TICKS of them or fewer."""
    step = next(step for step in STEPS if last / step < TICKS)
    return [round(number * step, 4) for number in range(int(last / step) + 1)]


def _example(guess: Guess, y: float) -> dict[str, Any]:
    before, after = (" ".join(piece.text for piece in pieces) for pieces in (guess.before, guess.after))
    before = before if len(before) <= CHARACTERS[0] else "… " + before[-CHARACTERS[0] :].partition(" ")[2]
    after = after if len(after) <= CHARACTERS[1] else after[: CHARACTERS[1]].rpartition(" ")[0] + " …"
    bars = [
        {
            "word": token,
            "y": y + 10 + 17 * number,
            "width": round(max(1.0, BAR * probability), 1),
            "label": formatting.share(probability),
            "is_right": token == guess.truth,
        }
        for number, (token, probability) in enumerate(guess.guesses[:BARS])
    ]
    return {"before": f"{before} " if before else "", "word": guess.truth, "after": f" {after}", "y": y, "bars": bars}


def main(arguments: Sequence[str]) -> int:
    """Draw the run of a workspace, or of a report's directory; returns the exit status."""
    log.setup()
    try:
        if len(arguments) != 2:
            raise UsageError("two arguments are needed", where="berth.report.picture", expected="WORKSPACE FILE.svg")
        runs = find(arguments[:1])
        if len(runs) > 1:
            raise UsageError(
                f"this workspace has {len(runs)} runs", where=arguments[0], expected="the directory of one report"
            )
        text = draw(runs[0].run)
        with storage.atomic_write(arguments[1]) as file:
            file.write(text.encode())
    except BerthError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
