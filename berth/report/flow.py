"""The layout of the flow chart: boxes in layers with arrows between them, across or down the page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

TITLE_WIDTH = 7.0  # of a character of a title (13 px); all lengths are in pixels
TEXT_WIDTH = 6.0  # of a character of a line below the title (11.5 px)
PADDING = 11.0
TITLE_HEIGHT, LINE_HEIGHT = 21.0, 16.0
MARGIN = 2.0
SWEEPS = 8


@dataclass(frozen=True)
class Step:
    """A stage or, with ``is_source``, external files; ``hint`` is the text of the tooltip."""

    title: str
    lines: tuple[str, ...] = ()
    hint: str = ""
    is_source: bool = False


@dataclass(frozen=True)
class Box:
    """A box in the drawing: its upper left corner, and each line of text with its baseline."""

    step: Step
    x: float
    y: float
    width: float
    height: float
    title_y: float
    lines: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Drawing:
    """The contents of the SVG image; ``arrows`` are path data."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[str, ...]


def draw(steps: Mapping[str, Step], reads: Collection[tuple[str, str]], *, is_down: bool) -> Drawing:
    """Lay out the flow in layers (by longest path), the boxes of a layer ordered so that few arrows cross.

    An arrow that repeats a longer path is omitted.

    Args:
        steps: The boxes by key.
        reads: Pairs (maker, reader) of keys; acyclic.
        is_down: From top to bottom, for narrow screens; otherwise from left to right.
    """
    arrows = _without_shortcuts(list(steps), sorted(reads))
    layers, chains = _layers(list(steps), arrows)
    width = max((_width(step) for step in steps.values()), default=0.0)
    height = TITLE_HEIGHT + PADDING + LINE_HEIGHT * max((len(step.lines) for step in steps.values()), default=0)
    gap_along, gap_across = (26.0, 10.0) if is_down else (24.0, 14.0)
    along, across = (height, width) if is_down else (width, height)

    def thickness(key: str) -> float:
        return across if key in steps else gap_across

    totals = [sum(map(thickness, layer)) + gap_across * (len(layer) - 1) for layer in layers]
    breadth = max(totals, default=0.0)
    centres: dict[str, tuple[float, float]] = {}  # of boxes and of bends of long arrows: (along, across)
    for number, layer in enumerate(layers):
        offset = (breadth - totals[number]) / 2
        for key in layer:
            centres[key] = (number * (along + gap_along) + along / 2, offset + thickness(key) / 2)
            offset += thickness(key) + gap_across
    length = len(layers) * (along + gap_along) - gap_along

    def on_page(point: tuple[float, float]) -> tuple[float, float]:
        x, y = reversed(point) if is_down else point
        return x + MARGIN, y + MARGIN

    boxes = []
    for key, step in steps.items():
        x, y = on_page(centres[key])
        x, y = x - width / 2, y - height / 2
        title_y = y + TITLE_HEIGHT + (height - TITLE_HEIGHT - PADDING - LINE_HEIGHT * len(step.lines)) / 2
        lines = tuple((title_y + LINE_HEIGHT * number, line) for number, line in enumerate(step.lines, 1))
        boxes.append(Box(step, x, y, width, height, title_y, lines))
    paths = []
    for chain in chains:
        stops = [centres[key] for key in chain]
        stops[0] = (stops[0][0] + along / 2, stops[0][1])
        stops[-1] = (stops[-1][0] - along / 2 - 1, stops[-1][1])
        paths.append(_curve([on_page(stop) for stop in stops], is_down))
    extent = (breadth, length) if is_down else (length, breadth)
    return Drawing(extent[0] + 2 * MARGIN, extent[1] + 2 * MARGIN, tuple(boxes), tuple(paths))


def _width(step: Step) -> float:
    return 2 * PADDING + max([len(step.title) * TITLE_WIDTH, *(len(line) * TEXT_WIDTH for line in step.lines)])


def _without_shortcuts(keys: Sequence[str], reads: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    followers = {key: {reader for maker, reader in reads if maker == key} for key in keys}

    def reachable(key: str) -> set[str]:
        found: set[str] = set()
        waiting = [key]
        while waiting:
            for reader in followers[waiting.pop()] - found:
                found.add(reader)
                waiting.append(reader)
        return found

    beyond = {key: reachable(key) for key in keys}
    return [
        (maker, reader)
        for maker, reader in reads
        if not any(reader in beyond[other] for other in followers[maker] if other != reader)
    ]


def _layers(keys: Sequence[str], arrows: Sequence[tuple[str, str]]) -> tuple[list[list[str]], list[tuple[str, ...]]]:
    """The ordered keys of each layer, and each arrow as the keys it passes, with a bend in every layer it skips."""
    depth = dict.fromkeys(keys, 0)
    for _ in keys:  # a path visits every key at most once
        for maker, reader in arrows:
            depth[reader] = max(depth[reader], depth[maker] + 1)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for key in keys:
        layers[depth[key]].append(key)
    chains = []
    for arrow, (maker, reader) in enumerate(arrows):
        bends = [f"bend {arrow} {layer}" for layer in range(depth[maker] + 1, depth[reader])]
        for between, bend in enumerate(bends, depth[maker] + 1):
            layers[between].append(bend)
        chains.append((maker, *bends, reader))
    neighbours: dict[str, tuple[list[str], list[str]]] = {key: ([], []) for layer in layers for key in layer}
    for chain in chains:
        for before, after in pairwise(chain):
            neighbours[after][0].append(before)
            neighbours[before][1].append(after)
    for sweep in range(SWEEPS):  # by the mean position of the neighbours, forwards and backwards in turn
        side = sweep % 2
        offsets = {key: _relative(number, layer) for layer in layers for number, key in enumerate(layer)}
        for layer in layers if side == 0 else layers[::-1]:
            wanted = {key: _mean([offsets[other] for other in neighbours[key][side]], offsets[key]) for key in layer}
            layer.sort(key=wanted.__getitem__)  # stable: equals keep their order
            offsets.update({key: _relative(number, layer) for number, key in enumerate(layer)})
    return layers, chains


def _relative(number: int, layer: Sequence[str]) -> float:
    """The position in a layer relative to its middle."""
    return number - (len(layer) - 1) / 2


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _curve(stops: Sequence[tuple[float, float]], is_down: bool) -> str:
    """Path data of a smooth line through ``stops`` that starts and ends in the direction of the flow."""
    x, y = stops[0]
    parts = [f"M{x:.1f} {y:.1f}"]
    for next_x, next_y in stops[1:]:
        if is_down:
            middle = (y + next_y) / 2
            parts.append(f"C{x:.1f} {middle:.1f} {next_x:.1f} {middle:.1f} {next_x:.1f} {next_y:.1f}")
        else:
            middle = (x + next_x) / 2
            parts.append(f"C{middle:.1f} {y:.1f} {middle:.1f} {next_y:.1f} {next_x:.1f} {next_y:.1f}")
        x, y = next_x, next_y
    return "".join(parts)
