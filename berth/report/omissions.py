"""What extraction left out: the templates whose words are not in the articles, those with most words first."""

from __future__ import annotations

from dataclasses import dataclass

from berth.formats.results import OMISSIONS
from berth.report.run import Run

SHOWN = 25


@dataclass(frozen=True)
class Template:
    """A template that shows nothing: how often it is used, the words in its arguments.

    ``share`` is that of all dropped words, ``length`` that of the words of the first template, for a bar.
    """

    name: str
    uses: int
    words: int
    share: float
    length: float


@dataclass(frozen=True)
class Losses:
    """Words of the articles and of what was dropped, and the templates with most of them.

    ``share`` is that of the dropped words among all; ``others`` are the templates that are not named.
    """

    kept: int
    dropped: int
    share: float
    templates: tuple[Template, ...]
    others: int
    others_uses: int
    others_words: int
    others_share: float


def losses(run: Run) -> Losses | None:
    """The losses of a run's extraction; None where nothing is said of them, or nothing was dropped.

    Raises:
        BerthError: if the file that tells them is not JSON.
    """
    stage = run.having(OMISSIONS)
    content = stage.json(OMISSIONS) if stage is not None else {}
    named = content.get("templates", [])
    if not named:
        return None
    dropped, rest = content["words_dropped"], content["other_templates"]
    most = max(named[0]["words"], 1)
    templates = tuple(
        Template(one["name"], one["uses"], one["words"], one["words"] / max(dropped, 1), one["words"] / most)
        for one in named[:SHOWN]
    )
    hidden = named[SHOWN:]
    others_words = rest["words"] + sum(one["words"] for one in hidden)
    return Losses(
        kept=content["words_kept"],
        dropped=dropped,
        share=content["share_dropped"],
        templates=templates,
        others=rest["templates"] + len(hidden),
        others_uses=rest["uses"] + sum(one["uses"] for one in hidden),
        others_words=others_words,
        others_share=others_words / max(dropped, 1),
    )
