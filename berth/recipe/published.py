"""Section of the recipe about what its source published. No stage reads it: plans and reports compare with it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt, field_validator, model_validator

from berth.recipe import arithmetic
from berth.recipe.section import Fraction, Name, Section

# Names joined by dots, as in the JSON of a plan.
KeyPath = Annotated[str, Field(pattern=r"^[\w-]+(\.[\w-]+)*$", description="names joined by dots")]


class PublishedFigure(Section):
    """One published figure, and where its counterparts are."""

    value: float
    """The figure, in `unit`."""
    unit: str = ""
    """Unit of the figure (`bytes`, `records`, `masked accuracy`)."""
    source: str = ""
    """Where it was published, if not where `published.source` says."""
    planned: KeyPath | None = None
    """The same figure in `berth plan --json`, or the key of the recipe; items of lists by their names
    (`training.phases.seq512.steps`)."""
    measured: KeyPath | None = None
    """The same figure among those measured (docs/planning.md). By default the path of `planned`."""
    arithmetic: str | None = None
    """The source's own computation of the figure (`8.8 * 5.6`), shown with its exact result."""

    @field_validator("arithmetic")
    @classmethod
    def _has_a_result(cls, text: str | None) -> str | None:
        if text is not None:
            arithmetic.result(text)
        return text


class PublishedLine(Section):
    """A line of a published training log."""

    step: PositiveInt
    """Number of steps, counted through all phases of the recipe."""
    loss: Annotated[float, Field(ge=0.0)] | None = None
    """Loss in nats: that of masked tokens plus that of the next sentence."""
    masked_lm_accuracy: Fraction | None = None
    """Accuracy of masked tokens, 0 to 1."""
    next_sentence_accuracy: Fraction | None = None
    """Accuracy of next-sentence prediction, 0 to 1."""
    minutes: Annotated[float, Field(gt=0.0)] | None = None
    """Minutes that the training run, or the part of it that ends here, took."""


class Published(Section):
    """What the recipe's source published. Results do not depend on it; `berth plan` and the report compare with it."""

    source: str = ""
    """Where the figures and the log were published."""
    figures: dict[Name, PublishedFigure] = {}
    """Figures by name."""
    log: list[PublishedLine] = []
    """Lines of the published training log, drawn next to the curve of a run in its report."""

    @model_validator(mode="after")
    def _is_possible(self) -> Published:
        if not self.source:
            if without := [name for name, figure in self.figures.items() if not figure.source]:
                raise ValueError(f"the figure {without[0]!r} has no source: give it one, or give published.source")
            if self.log:
                raise ValueError("the log has no source: give published.source")
        steps = [line.step for line in self.log]
        if sorted(set(steps)) != steps:
            raise ValueError(f"the lines of the log are not in the order of their steps: {steps}")
        return self

    def source_of(self, name: str) -> str:
        """Where a figure was published."""
        return self.figures[name].source or self.source
