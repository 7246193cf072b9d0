"""The words that extraction omitted: templates that are not expanded, ranked by the words in their arguments."""

from __future__ import annotations

from dataclasses import dataclass

from berth.formats.results import OMISSIONS
from berth.report.run import Run

SHOWN = 25


@dataclass(frozen=True)
class Template:
    """A template that is not expanded: how often it is used, and the words in its arguments.

    ``share`` is its share of all omitted words; ``length`` compares its words with those of the first template.
    """

    name: str
    uses: int
    words: int
    share: float
    length: float


@dataclass(frozen=True)
class Omissions:
    """Numbers of words kept and omitted, and the templates with the most omitted words.

    ``share`` is the share of omitted words among all words; ``others`` counts the templates that are not listed.
    """

    kept: int
    omitted: int
    share: float
    templates: tuple[Template, ...]
    others: int
    others_uses: int
    others_words: int
    others_share: float


def omissions(run: Run) -> Omissions | None:
    """The omissions of a run's extraction; None if they were not recorded or nothing was omitted.

    Raises:
        BerthError: if losses.json is not JSON.
    """
    stage = run.having(OMISSIONS)
    content = stage.json(OMISSIONS) if stage is not None else {}
    named = content.get("templates", [])
    if not named:
        return None
    omitted, rest = content["words_dropped"], content["other_templates"]
    most = max(named[0]["words"], 1)
    templates = tuple(
        Template(one["name"], one["uses"], one["words"], one["words"] / max(omitted, 1), one["words"] / most)
        for one in named[:SHOWN]
    )
    hidden = named[SHOWN:]
    others_words = rest["words"] + sum(one["words"] for one in hidden)
    return Omissions(
        kept=content["words_kept"],
        omitted=omitted,
        share=content["share_dropped"],
        templates=templates,
        others=rest["templates"] + len(hidden),
        others_uses=rest["uses"] + sum(one["uses"] for one in hidden),
        others_words=others_words,
        others_share=others_words / max(omitted, 1),
    )
