"""A small run made of real stages, with the files that a report reads."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from berth.formats.record_tokens import MaskedToken, Record
from berth.formats.tfrecord import frame
from berth.formats.vocabulary import SPECIAL_TOKENS
from berth.recipe import Recipe
from berth.stage import Result, Stage, Workspace, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from support.plain_example import serialize_example

PHASES = (("short", 400), ("long", 100))
POSITIONS, PREDICTIONS = 64, 10
RECIPE: dict[str, Any] = {
    "name": "harbour",
    "description": "A small model for the tests of the report.",
    "corpus": {"language": "en", "sources": [{"path": "dump.xml"}]},
    "segmentation": {"eval_documents": 8},
    "vocabulary": {"size": 6000},
    "records": {
        "short": {"max_seq_length": 64, "max_predictions": 10},
        "long": {"max_seq_length": 128, "max_predictions": 20},
    },
    "model": {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 128},
    "training": {
        "phases": [
            {"name": name, "records": name, "steps": steps, "batch_size": 64, "learning_rate": 0.002}
            for name, steps in PHASES
        ]
    },
    "evaluation": {
        "records": "long",
        "examples": 500,
        "every_steps": 50,
        "target": {"metric": "masked_lm_accuracy", "value": 0.4},
    },
}


@dataclass
class Made:
    """Stages made for a test, by title, in order of the flow."""

    workspace: Path
    recipe: Recipe
    stages: dict[str, str] = field(default_factory=dict)

    def add(
        self,
        title: str,
        stage: str,
        inputs: Mapping[str, Inputs],
        files: Mapping[str, str | bytes],
        records: int = 0,
        parameters: Mapping[str, Any] | None = None,
        **counters: int,
    ) -> Result:
        """Run a stage that writes ``files``."""

        def work(output: Output) -> None:
            for name, text in files.items():
                with output.shard(name) as shard:
                    if name == next(iter(files)):
                        shard.counters.update(counters)
                    shard.write(text.encode() if isinstance(text, str) else text)
                    shard.records = 0 if name.endswith(".json") else records

        result = run(
            Stage(stage, 1, {"title": title, **(parameters or {})}, inputs), Workspace(str(self.workspace)), work
        )
        self.stages[title] = result.uri
        return result


def metrics() -> list[dict[str, Any]]:
    """The lines of metrics.jsonl of a training that goes well."""
    lines = []
    total = sum(steps for _, steps in PHASES)
    for step in range(10, total + 1, 10):
        masked, following = 2.9 + 5.8 * math.exp(-step / 120), 0.69 - 0.0004 * step
        lines.append(
            {
                "step": step,
                "phase": "short" if step <= PHASES[0][1] else "long",
                "loss": masked + following,
                "masked_lm_loss": masked,
                "masked_lm_accuracy": 0.38 * (1 - math.exp(-step / 150)),
                "next_sentence_loss": following,
                "next_sentence_accuracy": 0.5 + 0.0005 * step,
                "learning_rate": 0.002 * min(step / 40, 1 - step / total),
                "gradient_norm": 1.0,
            }
        )
    return lines


def evaluations() -> list[dict[str, Any]]:
    """The lines of evaluations.jsonl of the same training."""
    return [
        {
            "step": step,
            "phase": "short" if step <= PHASES[0][1] else "long",
            "sequences": 64 * step,
            "masked_lm_loss": 3.0 + 5.9 * math.exp(-step / 120),
            "masked_lm_accuracy": 0.35 * (1 - math.exp(-step / 150)),
            "masked_lm_corrupted_accuracy": 0.3 * (1 - math.exp(-step / 150)),
            "next_sentence_loss": 0.69 - 0.0003 * step,
            "next_sentence_accuracy": 0.5 + 0.0004 * step,
        }
        for step in range(0, 501, 50)
    ]


EVALUATION: dict[str, Any] = {
    "step": 500,
    "examples": 500,
    "masked_positions": 9123,
    "corrupted_positions": 8211,
    "masked_lm_loss": 4.2,
    "masked_lm_accuracy": 0.312,
    "masked_lm_corrupted_accuracy": 0.254,
    "only_model_right": 0.162,
    "only_bigram_right": 0.033,
    "next_sentence_loss": 0.6,
    "next_sentence_accuracy": 0.71,
    "baseline": {
        "token": "the",
        "masked_lm_accuracy": 0.061,
        "masked_lm_corrupted_accuracy": 0.06,
        "masked_lm_loss": 6.4,
        "next_sentence_accuracy": 0.52,
        "next_sentence_loss": 0.69,
    },
    "bigram": {"pairs": 401_000, "masked_lm_accuracy": 0.127, "masked_lm_corrupted_accuracy": 0.125},
}


def filled(
    group: str, text: str, position: int, truth: str, guesses: Sequence[str], rank: int | None = None
) -> dict[str, Any]:
    """An entry of fill_mask.json: a masked position, the truth, and the guesses, likeliest first."""
    return {
        "group": group,
        "tokens": text.split(),
        "position": position,
        "truth": truth,
        "rank": rank or [*guesses, truth].index(truth) + 1,
        "probability": 0.001,
        "guesses": [{"token": token, "probability": 0.5 / 2**place} for place, token in enumerate(guesses)],
    }


def record(text_a: str, text_b: str, masked: Mapping[int, str], is_random_next: bool = False) -> Record:
    """A record of 64 positions; ``masked`` maps positions to the tokens shown there."""
    segments = [("[CLS]", 0), *((word, 0) for word in text_a.split()), ("[SEP]", 0)]
    segments += [*((word, 1) for word in text_b.split()), ("[SEP]", 1)]
    words = [word for word, _ in segments]
    return Record(
        tokens=tuple(masked.get(position, word) for position, word in enumerate(words)),
        segments=tuple(segment for _, segment in segments),
        masks=tuple(MaskedToken(position, words[position], shown) for position, shown in masked.items()),
        is_random_next=is_random_next,
        padding=POSITIONS - len(words),
    )


def serialized(record: Record, vocabulary: Sequence[str]) -> bytes:
    """A record as it is in a file."""
    ids = {token: index for index, token in enumerate(vocabulary)}
    masks = [(mask.position, ids[mask.original], 1.0) for mask in record.masks]
    positions, labels, weights = zip(*masks, *[(0, 0, 0.0)] * (PREDICTIONS - len(masks)), strict=True)
    padding = [0] * record.padding
    return serialize_example(
        {
            "input_ids": [*(ids[token] for token in record.tokens), *padding],
            "input_mask": [*[1] * len(record.tokens), *padding],
            "segment_ids": [*record.segments, *padding],
            "masked_lm_positions": positions,
            "masked_lm_ids": labels,
            "masked_lm_weights": weights,
            "next_sentence_labels": [int(bool(record.is_random_next))],
        }
    )


EXAMPLES = [
    record(
        "the harbour was built in 1887 by the rail ##way company ; it has two berth ##s",
        "since then ships of any size can land there at low tide",
        {2: "[MASK]", 8: "[MASK]", 12: "it", 22: "river", 24: "[MASK]"},
    ),
    record(
        "she wrote three novels before the war and one after it",
        "the species is found in dry for ##ests of southern africa",
        {4: "[MASK]", 10: "[MASK]", 18: "is"},
        is_random_next=True,
    ),
]
VOCABULARY = [
    *SPECIAL_TOKENS,
    *sorted({token for one in EXAMPLES for token in (*one.tokens, *one.originals)} - set(SPECIAL_TOKENS)),
]
RECORDS = b"".join(frame(serialized(one, VOCABULARY)) for one in EXAMPLES)
FILLED = [
    filled(
        "best",
        "[CLS] the harbour was [MASK] in 1887 by the rail ##way company [SEP] ships [MASK] any size [SEP]",
        14,
        "of",
        ["of", "and", "in", "the", ","],
    ),
    filled(
        "worst",
        "[CLS] the species is found in [MASK] for ##ests [SEP] it [MASK] on leaves [SEP]",
        6,
        "dry",
        ["the", "many", "a", "old", "small"],
        rank=1234,
    ),
]


LOSSES: dict[str, Any] = {
    "words_kept": 340_000,
    "words_dropped": 60_000,
    "share_dropped": 0.15,
    "templates": [
        {"name": name, "uses": 90 - number, "words": 24_000 // (number + 1)}
        for number, name in enumerate(
            ["infobox ship", "navbox", "taxobox", *(f"box {count}" for count in range(4, 40))]
        )
    ],
    "other_templates": {"templates": 7, "uses": 11, "words": 1_200},
}


def make_run(directory: Path, description: str = RECIPE["description"]) -> Made:
    """A whole run below ``directory``."""
    dump = directory / "my data, 2026" / "dump.xml"
    dump.parent.mkdir()
    dump.write_text("<mediawiki/>")
    made = Made(directory / "workspace", Recipe.model_validate({**RECIPE, "description": description}))
    articles = made.add(
        "extract",
        "extract",
        {"dumps": Inputs.of(str(dump))},
        {"articles-00000-of-00001.parquet": "p" * 2000, "losses.json": json.dumps(LOSSES)},
        records=106,
        pages=206,
        articles=106,
        redirects=95,
        other_namespaces=4,
        rejected_malformed=1,
        text_bytes=2_104_511,
    )
    text = made.add(
        "segment",
        "segment",
        {"articles": articles.files("*")},
        {"part-00000-of-00001.txt": "t" * 3000, "eval.txt": "e" * 200},
        documents=98,
        sentences=18_544,
        evaluation_documents=8,
        rejected_duplicate_id=2,
    )
    vocabulary = made.add(
        "vocabulary",
        "vocab",
        {"text": text.files("part-*.txt")},
        {"vocab.txt": "\n".join(VOCABULARY) + "\n"},
        records=6000,
        tokens=401_222,
        words=350_000,
        unknown_words=17,
    )
    corpus = {"vocabulary": vocabulary.files("vocab.txt")}
    sets = {
        name: made.add(
            f"records {name}",
            "records",
            {"text": text.files("part-*.txt"), **corpus},
            {f"{name}.tfrecord": RECORDS},
            records=number,
            parameters={"max_seq_length": length},
            instances=number,
            random_next=number // 2,
            masked=number * length // 8,
            padding=number * length // 16,
            tokens=401_222,
            unknown_tokens=4_012,
        )
        for name, number, length in (("short", 23_440, 64), ("long", 11_702, 128))
    }
    held_out = made.add(
        "held-out records",
        "records",
        {"text": text.files("eval.txt"), **corpus},
        {"held.tfrecord": RECORDS},
        records=812,
    )
    examples = made.add(
        "evaluation set", "evalset", {"records": held_out.files("*")}, {"eval.tfrecord": "x" * 500}, records=500
    )
    summary = {
        "parameters": 1_223_998,
        "steps": 500,
        "sequences": 32_000,
        "lower_case": True,
        "phases": [
            {
                "name": name,
                "records": name,
                "steps": 250,
                "batch_size": 64,
                "max_seq_length": 64,
                "epochs": 0.5 * number,
            }
            for number, (name, _) in enumerate(PHASES, 1)
        ],
    }
    model = made.add(
        "train",
        "train",
        {**{name: result.files("*") for name, result in sets.items()}, **corpus},
        {
            "metrics.jsonl": "".join(json.dumps(line) + "\n" for line in metrics()),
            "evaluations.jsonl": "".join(json.dumps(line) + "\n" for line in evaluations()),
            "training.json": json.dumps(summary),
            "checkpoint-500.safetensors": "c",
        },
    )
    made.add(
        "evaluate",
        "evaluate",
        {"model": model.files("checkpoint*"), "records": examples.files("*")},
        {"evaluation.json": json.dumps(EVALUATION), "fill_mask.json": json.dumps(FILLED)},
    )
    made.add("export", "export", {"model": model.files("checkpoint*")}, {"model.safetensors": "m" * 7000})
    return made
