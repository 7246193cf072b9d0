"""What a run has measured: its figures from manifests and result files, by the paths that `published` names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from berth import storage
from berth.formats import results
from berth.recipe import RecordSet
from berth.stage.lineage import Node, chain
from berth.stage.manifest import Manifest
from berth.stage.run_index import EVALUATION_SET, RECORDS

HOUR = 3600.0
HELD_OUT = "held-out records"
# The corpus is described by the last of these stages that the records were made from.
CORPUS = ("extract", "filter", "segment")

Figures = dict[str, Any]


def measured(stages: Mapping[str, str]) -> Figures:
    """The figures of finished stages, nested as in a plan, without what was not measured: docs/planning.md.

    Args:
        stages: URIs of the stages' directories by title, as kfp/pretrain.py gives them.

    Raises:
        BerthError: if a stage is not finished, or a file of its output cannot be read.
    """
    manifests = {title: Manifest.read(uri) for title, uri in stages.items()}
    records = {
        title.removeprefix(RECORDS): _records(manifest)
        for title, manifest in manifests.items()
        if title.startswith(RECORDS)
    }
    found: Figures = {"corpus": corpus(stages), "records": records}
    for key, title in (("evaluation_set", EVALUATION_SET), ("held_out", HELD_OUT)):
        if title in manifests:
            found[key] = _records(manifests[title])
    trained = [title for title, manifest in manifests.items() if manifest.stage == "train"]
    if trained:  # of several slices, the last one's files cover all
        found |= _training(stages[trained[-1]], sum(manifests[title].seconds for title in trained))
    for title, manifest in manifests.items():
        if manifest.stage == "evaluate" and any(file.path == results.EVALUATION for file in manifest.files):
            found["evaluation"] = dict(results.read_evaluation(stages[title]))
        if manifest.stage == "finetune":  # of several, the last one is that of the whole training run
            tuned = results.read_finetuning(stages[title])
            found.setdefault("fine_tuning", {})[tuned["task"]] = tuned["metrics"]
    return found


def corpus(stages: Mapping[str, str]) -> Figures:
    """Documents, words and sentences of the text that the records of a run were made from, held-out documents apart.

    Args:
        stages: URIs of the stages' directories by title.
    """
    title = next((title for title in stages if title.startswith(RECORDS)), None)
    title = title or next(iter(stages), None)
    if title is None:
        return {}
    by_kind = {node.manifest.stage: node.manifest for node in _ancestors(chain(stages[title]))}
    found: Figures = {}
    for kind in ("records", *CORPUS):  # each later one that exists knows better
        counters = by_kind[kind].counters if kind in by_kind else {}
        counted = {"documents": counters.get("documents", counters.get("articles")), "words": counters.get("words")}
        found |= {key: value for key, value in counted.items() if value is not None}
        for key in ("sentences", "evaluation_documents"):
            if key in counters:
                found[key] = counters[key]
    return found


def _ancestors(node: Node) -> list[Node]:
    inputs = [origin for origin in node.inputs.values() if isinstance(origin, Node)]
    return [node, *(each for origin in inputs for each in _ancestors(origin))]


def _records(manifest: Manifest) -> Figures:
    files = [file for file in manifest.files if file.records is not None]
    count, size = sum(file.records or 0 for file in files), sum(file.size for file in files)
    duplicates = manifest.parameters.get("dupe_factor", RecordSet.default("dupe_factor"))
    found: Figures = {"records": count, "bytes": size, "files": len(files)}
    if count:
        found |= {"bytes_per_record": size / count, "per_pass": count / duplicates}
        found |= {"first_file_bytes": files[0].size, "last_file_bytes": files[-1].size}
    return found


def _training(directory: str, seconds: float) -> Figures:
    if not storage.exists(storage.join(directory, results.TRAINING)):
        return {}
    summary: Mapping[str, Any] = results.read_training(directory)
    ended = summary.get("ended", {})  # a training run may reach its target before its last step
    total = {"steps": ended.get("step", summary["steps"]), "sequences": ended.get("sequences", summary["sequences"])}
    found: Figures = {
        "model": {"parameters": summary["parameters"]},
        "total": {**total, "hours": seconds / HOUR},
        "phases": {line["phase"]: line for line in _lines(directory, results.METRICS)},
    }
    if evaluations := _lines(directory, results.EVALUATIONS):
        found["evaluations"] = {"first": evaluations[0], "last": evaluations[-1]}
    return found


def _lines(directory: str, name: str) -> list[results.Line]:
    uri = storage.join(directory, name)
    return results.read_lines(uri) if storage.exists(uri) else []
