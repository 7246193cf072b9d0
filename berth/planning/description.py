"""A plan as human-readable text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from berth import formatting as words
from berth.planning.plan import Plan
from berth.planning.published import number, ratio

UNKNOWN = "?"


def describe(plan: Plan) -> str:
    """The plan as a text of some twenty lines."""
    return "\n".join(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    model, total = plan["model"], plan["total"]
    yield f"{plan['recipe']}: {model['parameters']:,} parameters, {model['vocabulary']:,} entries in the vocabulary"
    yield (
        f"a checkpoint takes {words.size(model['checkpoint_bytes'])}, those that are kept "
        f"{words.size(model['kept_bytes'])}; {total['checkpoints']:,} are written"
    )
    yield ""
    yield from _table(
        ("records", "tokens", "masked", "duplicates", "needed", "one pass", "in files", "size", "passes", "epochs"),
        [
            (
                name,
                f"{entry['max_seq_length']:,}",
                f"{entry['max_predictions']:,}",
                f"{entry['duplicates']:,}",
                _number(entry["duplicates_needed"]),
                _number(entry["per_pass"]),
                _number(entry["records"]),
                words.size(round(entry["bytes"])) if entry["bytes"] is not None else UNKNOWN,
                _number(entry["passes"], 2),
                _number(entry["epochs"], 2),
            )
            for name, entry in plan["records"].items()
        ],
    )
    yield from _sizes(plan)
    yield ""
    yield from _table(
        (
            "phase",
            "records",
            "steps",
            "warm-up",
            "batch",
            "first rate",
            "peak rate",
            "last rate",
            "sequences",
            "passes",
            "evaluations",
            "FLOPs",
            "hours",
        ),
        [
            (
                phase["name"],
                phase["records"],
                f"{phase['steps']:,}",
                f"{phase['warmup_steps']:,}",
                f"{phase['batch_size']:,}",
                f"{phase['first_learning_rate']:.3g}",
                f"{phase['peak_learning_rate']:.3g}",
                f"{phase['last_learning_rate']:.3g}",
                f"{phase['sequences']:,}",
                _number(phase["passes"], 2),
                _number(phase["evaluations"]),
                f"{phase['flops']:.3g}",
                _number(phase["hours"], 1),
            )
            for phase in plan["phases"]
        ],
    )
    yield ""
    yield (
        f"in all {total['steps']:,} steps, {total['sequences']:,} sequences, {total['tokens']:,} tokens, "
        f"{_number(total['passes'], 2)} passes, {total['evaluations']:,} evaluations, {total['flops']:.3g} FLOPs"
    )
    yield from _evaluation(plan)
    if total["epochs"] is not None:
        epochs, reference = f"{total['epochs']:,.1f}", f"{total['reference_epochs']:,.0f}"
        yield f"{epochs} epochs; as many tokens as BERT's own training has after {reference} of them"
    if (compute := plan["compute"]) is not None:
        yield (
            f"{compute['hours']:,.1f} hours on {compute['devices']:,} accelerators ({compute['accelerator']}, "
            f"{compute['hosts']} hosts) at {compute['utilisation']:.0%} of "
            f"{compute['peak_flops_per_second'] / 1e12:,.0f} TFLOP/s each: "
            f"{compute['device_hours']:,.0f} accelerator hours"
            + (f", cost {compute['cost']:,.0f}" if compute["cost"] is not None else "")
        )
    if (corpus := plan["corpus"])["words"] is not None:
        yield _corpus(corpus, plan["records"])
    yield ""
    yield from _table(
        ("on each host", "hosts", "workers", "memory", "local disk", "objects read", "bytes", "written", "bytes"),
        [
            (
                stage["stage"],
                f"{stage['hosts']:,}",
                f"{stage['workers']:,}",
                _size(stage["memory_bytes"]),
                _size(stage["disk_bytes"]),
                _number(stage["objects_read"]),
                _size(stage["bytes_read"]),
                _number(stage["objects_written"]),
                _size(stage["bytes_written"]),
            )
            for stage in plan["stages"]
        ],
    )
    if plan["published"]:
        yield ""
        yield from _table(
            (
                "published figure",
                "published",
                "planned",
                "ratio",
                "measured",
                "ratio",
                "unit",
                "the source's arithmetic",
            ),
            [
                (
                    figure["name"].replace("_", " "),
                    number(figure["published"]),
                    number(figure["planned"]),
                    ratio(figure["planned_ratio"]),
                    number(figure["measured"]),
                    ratio(figure["measured_ratio"]),
                    figure["unit"],
                    figure["computation"] or "",
                )
                for figure in plan["published"]
            ],
        )
    for warning in plan["warnings"]:
        yield f"warning: {warning}"


def _sizes(plan: Plan) -> Iterator[str]:
    """Bytes of a record and what they follow from, and the sizes of single files."""
    for name, entry in plan["records"].items():
        size, tokens = f"{entry['bytes_per_record']:,.0f} bytes a record", entry["tokens_per_record"]
        if tokens is not None:
            yield (
                f"{name}: {tokens:,.0f} real tokens and {size} on average"
                + (f", in {entry['shards']:,} files" if entry["shards"] is not None else "")
            )
        elif not entry["measured"]:
            yield f"{name}: at most {size}; their lengths are not known"
        for file, figures in entry["files"].items():
            yield f"{name}: {file} holds {figures['records']:,} records, {round(figures['bytes']):,} bytes"


def _evaluation(plan: Plan) -> Iterator[str]:
    """When the model is evaluated during training, the accuracy before the first step, and the target."""
    evaluation = plan["evaluation"]
    if evaluation["every_steps"] is not None:
        intervals = [f"every {evaluation['every_steps']:,} steps"]
    else:
        counted = [phase["evaluation_interval"] for phase in plan["phases"]]
        intervals = [f"every {interval:,} sequences" for interval in counted if interval is not None]
    if intervals:
        yield f"evaluated {', then '.join(dict.fromkeys(intervals))}, on {evaluation['examples']:,} records"
    if evaluation["first_accuracy"] is not None:
        yield (
            f"masked_lm_accuracy before the first step must be {evaluation['first_accuracy']:g} ± "
            f"{evaluation['first_accuracy_tolerance']:g}"
        )
    if evaluation["target"] is not None:
        yield f"training ends as soon as {evaluation['target_metric']} reaches {evaluation['target']:.3f}"


def _corpus(corpus: Plan, records: Plan) -> str:
    """The corpus in words, in sizes of BERT's, and in epochs of BERT's corpus."""
    text = f"the corpus has {corpus['words']:,} words, {corpus['times_bert']:.3g} times as many as BERT's"
    if corpus["bert_epochs"] is None:
        return text
    passes = [entry["passes"] for entry in records.values() if entry["passes"]]
    parts = " + ".join(f"{each:.2f}" for each in passes)
    total = f" = {sum(passes):.2f}" if len(passes) > 1 else ""
    return f"{text}: {parts}{total} epochs of it have as many words as {corpus['bert_epochs']:.3g} of BERT's"


def _size(value: int | None) -> str:
    return UNKNOWN if value is None else words.size(value)


def _number(value: float | None, digits: int = 0) -> str:
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in [titles, *rows]) for column in range(len(titles))]
    for row in [titles, *rows]:
        first, *others = zip(row, widths, strict=True)
        yield "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)])
