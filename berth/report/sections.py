"""The contents of the report's sections, from the stages' manifests and files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from berth import formatting, storage
from berth.formats.results import METRICS, TRAINING
from berth.recipe import Recipe, RecordSet
from berth.report import charts
from berth.report.flow import Drawing, Step, draw
from berth.report.run import FinishedStage, Run
from berth.stage import lineage

SOURCE_NAME_LENGTH = 16  # about as long as the longest title of a stage
# What a stage's records are called.
UNITS = {"extract": "articles", "vocab": "entries", "records": "records", "evalset": "records"}
# Counters of a stage's input, and what they count.
READ = {"pages": "pages", "documents_read": "documents"}
# Each page or document is counted once: in one of these, or in a counter whose name begins with "rejected".
PAGE_KINDS = ("articles", "redirects", "other_namespaces", "disambiguations")
REJECTED = "rejected"


@dataclass(frozen=True)
class Share:
    """A row of a table of shares: a name, a number, and its share of the total."""

    name: str
    number: int
    share: float


@dataclass(frozen=True)
class RecordRow:
    """A record set: tokens per record, number of records, bytes, and shares.

    ``random_next`` is a share of the records, ``masked`` of the tokens without padding, ``padding`` of all positions,
    ``unknown`` of the tokens of the text.
    """

    title: str
    length: int | None
    records: int | None
    random_next: float | None
    masked: float | None
    padding: float | None
    unknown: float | None
    size: int


@dataclass(frozen=True)
class Timing:
    """Duration of a stage, and its ratio to that of the longest stage."""

    title: str
    digest: str
    seconds: float
    share: float
    size: int


def recipe_digest(recipe: Recipe) -> str:
    """SHA-256 over the resolved recipe."""
    return hashlib.sha256(json.dumps(recipe.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def recipe_yaml(recipe: Recipe) -> str:
    """The resolved recipe as YAML, with all defaults."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.default_flow_style = False
    yaml.width = 110
    text = StringIO()
    yaml.dump(recipe.model_dump(mode="json"), text)
    return text.getvalue()


def headline(run: Run) -> list[tuple[str, str]]:
    """The key figures of the run: (label, value)."""
    found = []
    for label, names in (("articles", ("articles",)), ("sentences", ("sentences",)), ("tokens", ("tokens",))):
        for stage in run.stages:
            number = next((stage.counters[name] for name in names if name in stage.counters), None)
            if number is not None:
                found.append((label, formatting.rounded(number)))
                break
    records = [stage.records for stage in run.of_kind("records")]
    if total := sum(number for number in records if number is not None):
        found.append(("records", formatting.rounded(total)))
    if (summary := _summary(run)).get("parameters"):
        found.append(("parameters", formatting.rounded(summary["parameters"])))
    found.append(("total time", formatting.duration(sum(stage.manifest.seconds for stage in run.stages))))
    return found


def flow(run: Run) -> tuple[Drawing, Drawing]:
    """The flow chart of stages and their inputs, drawn across the page (for wide screens) and down the page."""
    titles = {os.path.normpath(stage.directory): stage.title for stage in run.stages}
    steps: dict[str, Step] = {}
    reads: set[tuple[str, str]] = set()
    for stage in run.stages:
        node = lineage.chain(stage.directory)
        for origin in node.inputs.values():
            if isinstance(origin, lineage.Node):
                maker = titles.get(os.path.normpath(origin.directory))
                if maker is not None:
                    reads.add((f"stage {maker}", f"stage {stage.title}"))
                continue
            key = f"source {origin.place}"
            name = storage.basename(origin.uris[-1])
            size = sum(file.size for file in origin.files)
            steps[key] = Step(
                formatting.shortened(name, SOURCE_NAME_LENGTH),
                (formatting.size(size),),
                hint=origin.place,
                is_source=True,
            )
            reads.add((key, f"stage {stage.title}"))
    for stage in run.stages:
        lines = (_output_summary(stage), formatting.duration(stage.manifest.seconds))
        hint = f"{stage.kind} {stage.manifest.digest[: lineage.SHORT]}"
        steps[f"stage {stage.title}"] = Step(stage.title, tuple(filter(None, lines)), hint)
    return draw(steps, reads, is_down=False), draw(steps, reads, is_down=True)


def _output_summary(stage: FinishedStage) -> str:
    """A stage's output, summarized in a few words."""
    if stage.kind == "segment" and "sentences" in stage.counters:
        return f"{formatting.rounded(stage.counters['sentences'])} sentences"
    if stage.has(TRAINING) and "steps" in (summary := stage.json(TRAINING)):
        ended = summary.get("ended", {})  # a training run may reach its target before its last step
        return f"{formatting.rounded(ended.get('step', summary['steps']))} steps"
    if stage.kind in UNITS and stage.records:
        return f"{formatting.rounded(stage.records)} {UNITS[stage.kind]}"
    return formatting.size(stage.size)


def pages(stage: FinishedStage) -> list[Share]:
    """Outcomes of the pages and documents that a stage read, with their shares; empty if it read none."""
    total = number_read(stage)
    if not total:
        return []
    parts = [(name, stage.counters[name]) for name in _kinds(stage)]
    return [Share(formatting.readable(name), number, number / total) for name, number in parts]


def number_read(stage: FinishedStage) -> int:
    """Number of pages and documents that a stage read."""
    return sum(stage.counters.get(name, 0) for name in READ)


def unit_read(stage: FinishedStage) -> str:
    """The unit of a stage's input: ``"pages"``, ``"documents"`` or both."""
    return " and ".join(word for name, word in READ.items() if stage.counters.get(name))


def other_counters(stage: FinishedStage) -> list[tuple[str, int]]:
    """A stage's counters other than its input and the outcomes of :func:`pages`."""
    shown = {*READ, *_kinds(stage)} if number_read(stage) else set()
    return [(formatting.readable(name), number) for name, number in stage.counters.items() if name not in shown]


def vocabulary_fit(stage: FinishedStage) -> list[tuple[str, str]]:
    """How well a vocabulary covers the text it was learned from; empty for other stages and given vocabularies."""
    number = stage.counters.get("words") if stage.kind == "vocab" else None
    if not number:
        return []
    known = 1 - stage.counters["unknown_words"] / number
    return [
        ("words known", formatting.share(known)),
        ("tokens per word", formatting.fixed(stage.counters["tokens"] / number)),
    ]


def _kinds(stage: FinishedStage) -> list[str]:
    """The counters that partition the pages and documents read."""
    return [
        *(name for name in PAGE_KINDS if name in stage.counters),
        *(name for name in stage.counters if name.startswith(REJECTED)),
    ]


def record_rows(stages: Sequence[FinishedStage]) -> list[RecordRow]:
    """Comparable figures of the record sets; None where a stage lacks the counters."""
    rows = []
    for stage in stages:
        counters = stage.counters
        # A parameter that equals its default is omitted; stages that pick records have no such parameter.
        default = RecordSet.default("max_seq_length") if stage.kind == "records" else None
        length = stage.manifest.parameters.get("max_seq_length", default)
        positions = counters["instances"] * length if length and counters.get("instances") else None
        padding, masked = counters.get("padding"), counters.get("masked")
        filled = positions - padding if positions is not None and padding is not None else None
        rows.append(
            RecordRow(
                title=stage.title,
                length=length,
                records=stage.records,
                random_next=_ratio(counters.get("random_next"), counters.get("instances")),
                masked=_ratio(masked, filled),
                padding=_ratio(padding, positions),
                unknown=_ratio(counters.get("unknown_tokens"), counters.get("tokens")),
                size=stage.size,
            )
        )
    return rows


def _ratio(number: int | None, whole: int | None) -> float | None:
    return number / whole if number is not None and whole else None


def curves(run: Run, target: str) -> str | None:
    """The curves of the training run as a JSON item to embed; None if there are no metrics."""
    lines = _metrics(run)
    published = [line.model_dump() for line in run.recipe.published.log]
    return charts.training_curves(lines, target, published) if lines else None


def phase_rows(run: Run) -> list[dict[str, Any]]:
    """The phases of training: settings from the recipe, summary from training.json, and the last metrics."""
    last = {line["phase"]: line for line in _metrics(run)}
    summaries = {phase["name"]: phase for phase in _summary(run).get("phases", ())}
    return [
        {"phase": phase, "summary": summaries.get(phase.name, {}), "last": last.get(phase.name, {})}
        for phase in run.recipe.training.phases
    ]


def _metrics(run: Run) -> list[Any]:
    """The lines of metrics.jsonl."""
    train = run.training
    return train.json_lines(METRICS) if train is not None and train.has(METRICS) else []


def _summary(run: Run) -> dict[str, Any]:
    """The content of training.json."""
    train = run.training
    summary: dict[str, Any] = train.json(TRAINING) if train is not None and train.has(TRAINING) else {}
    return summary


def timings(run: Run) -> list[Timing]:
    """Duration of each stage when it last ran."""
    longest = max((stage.manifest.seconds for stage in run.stages), default=0.0) or 1.0
    return [
        Timing(
            stage.title,
            stage.manifest.digest[: lineage.SHORT],
            stage.manifest.seconds,
            stage.manifest.seconds / longest,
            stage.size,
        )
        for stage in run.stages
    ]


def tools(run: Run) -> list[tuple[str, str]]:
    """The versions of the libraries that the stages ran with; several if they differ."""
    found: dict[str, set[str]] = {}
    for stage in run.stages:
        for name, version in stage.manifest.tools.items():
            found.setdefault(name, set()).add(version)
    return [(name, ", ".join(sorted(versions))) for name, versions in sorted(found.items())]
