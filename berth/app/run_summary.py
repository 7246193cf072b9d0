"""What `berth run` prints at its end: corpus, model, accuracy, report, what to try next; or the data's directories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from berth import storage
from berth.formats.results import REPORT, read_evaluation, read_training
from berth.stage.lineage import Node, chain


def lines(report: str, workspace: str) -> Iterator[str]:
    """The lines to print.

    Args:
        report: URI of the report's directory.
        workspace: URI of the workspace.
    """
    stages = {title: stage for title, stage in chain(report).inputs.items() if isinstance(stage, Node)}
    if "train" not in stages:  # the next command takes these directories
        yield from (f"{title:<18} {stage.directory}" for title, stage in stages.items())
        yield f"{'report':<18} {storage.join(report, REPORT)}"
        return
    for name, text in _results(stages):
        yield f"{name:<9} {text}"
    yield f"{'report':<9} {storage.join(report, REPORT)}"
    yield f"{'next':<9} your own text: corpus.sources in a copy of the recipe; `berth schema` explains every key"
    yield f"{'':<9} compare runs: berth report {workspace}; check every file: berth verify {workspace}"


def _results(stages: Mapping[str, Node]) -> Iterator[tuple[str, str]]:
    if segment := stages.get("segment"):
        documents, sentences = (segment.manifest.counters.get(name, 0) for name in ("documents", "sentences"))
        yield "corpus", f"{documents:,} documents, {sentences:,} sentences in {segment.directory}"
    training = read_training(stages["train"].directory)
    written = [stage.directory for title, stage in stages.items() if title.startswith("export ")]
    place = " and ".join(written) or stages["train"].directory
    yield "model", f"{training['parameters']:,} parameters after {training['steps']:,} steps in {place}"
    if evaluated := stages.get("evaluate"):
        figures = read_evaluation(evaluated.directory)
        constant = figures["baseline"]
        others = [f"always guessing {constant['token']!r}: {constant['masked_lm_corrupted_accuracy']:.1%}"]
        if bigram := figures.get("bigram"):
            others.append(f"from the left neighbour: {bigram['masked_lm_corrupted_accuracy']:.1%}")
        yield (
            "accuracy",
            f"masked tokens guessed right on held-out text: {figures['masked_lm_corrupted_accuracy']:.1%} "
            f"({', '.join(others)}; tokens that masking kept do not count)",
        )
