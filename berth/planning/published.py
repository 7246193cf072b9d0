"""Published, planned and measured figures side by side, with their ratios."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from berth import formatting
from berth.recipe import Published, Recipe, arithmetic

SIGNS = {" * ": " × ", " / ": " ÷ "}


@dataclass(frozen=True)
class ComparedFigure:
    """A published figure with its counterparts; None where there is none, or it is not known.

    Args:
        name: Its name in the recipe.
        unit: Its unit.
        source: Where it was published.
        published: The figure.
        planned: The same figure by the plan or the recipe.
        measured: The same figure of a run.
        computation: The source's own computation with its result, `8.8 × 5.6 = 49.3`.
    """

    name: str
    unit: str
    source: str
    published: float
    planned: float | None
    measured: float | None
    computation: str | None

    @property
    def planned_ratio(self) -> float | None:
        """Planned by published."""
        return _ratio(self.planned, self.published)

    @property
    def measured_ratio(self) -> float | None:
        """Measured by published."""
        return _ratio(self.measured, self.published)

    def json(self) -> dict[str, Any]:
        """The figure as JSON values."""
        ratios = {"planned_ratio": self.planned_ratio, "measured_ratio": self.measured_ratio}
        return {key: getattr(self, key) for key in self.__dataclass_fields__} | ratios


def compared(recipe: Recipe, planned: Mapping[str, Any], measured: Mapping[str, Any]) -> list[ComparedFigure]:
    """The recipe's published figures, each next to the same figure of its plan and of a run.

    Args:
        recipe: The recipe.
        planned: Its plan.
        measured: The figures of a run, of :func:`berth.planning.measured.measured`; empty if there is none.
    """
    published, known = recipe.published, (planned, recipe.model_dump(mode="json"))
    return [
        ComparedFigure(
            name=name,
            unit=figure.unit,
            source=published.source_of(name),
            published=figure.value,
            planned=next((found for of in known if (found := _number_at(of, figure.planned)) is not None), None),
            measured=_number_at(measured, figure.measured or figure.planned),
            computation=_computation(published, name),
        )
        for name, figure in published.figures.items()
    ]


def _number_at(content: Any, path: str | None) -> float | None:
    """The number at a path of keys joined by dots, items of lists named by their `name`; None if there is none."""
    for part in path.split(".") if path is not None else ():
        if isinstance(content, list):
            content = next((item for item in content if isinstance(item, dict) and item.get("name") == part), None)
        else:
            content = content.get(part) if isinstance(content, Mapping) else None
    return content if type(content) in (int, float) else None


def number(value: float | None) -> str:
    """A figure for people: whole numbers and large ones with separators, others to six significant digits."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1e6 else f"{value:.6g}"


def ratio(value: float | None) -> str:
    """A ratio to three significant digits."""
    return "–" if value is None else f"{value:.3g}" if value < 1e6 else formatting.decimal(value)


def _ratio(value: float | None, published: float) -> float | None:
    return value / published if value is not None and published else None


def _computation(published: Published, name: str) -> str | None:
    text = published.figures[name].arithmetic
    if text is None:
        return None
    shown = text
    for sign, written in SIGNS.items():
        shown = shown.replace(sign, written)
    exact = arithmetic.result(text)
    return f"{shown} = {exact:,.0f}" if exact == round(exact) else f"{shown} = {exact:.3g}"
