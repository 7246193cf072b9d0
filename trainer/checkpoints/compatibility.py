"""Whether the files next to a checkpoint describe the recipe's model and tokens: what shows in no variable's shape."""

from __future__ import annotations

import json
from typing import Any

from berth.errors import UsageError
from berth.formats.results import TRAINING
from trainer.checkpoints.checkpoint import Checkpoint, beside, of_another_model
from trainer.models import Configuration, read_json

TOKENIZER = "tokenizer_config.json"
# Files that say whether the tokens are lower-cased, and the key in them.
CASE = {TRAINING: "lower_case", TOKENIZER: "do_lower_case"}
TOKENIZER_CLASSES = ("BertTokenizer", "BertTokenizerFast")


def check_model(source: Checkpoint, config: Configuration) -> None:
    """Check that the configuration next to a checkpoint, if there is one, describes the recipe's model.

    Raises:
        BerthError: naming the first key that differs.
    """
    described = source.configuration
    if described is None:
        return
    content = read_json(described)
    name = content.get("model_type", config.architecture)
    if name != config.architecture:
        raise of_another_model(described, f"model_type {json.dumps(name)}", json.dumps(config.architecture))
    for key, (theirs, ours) in config.differences(content).items():
        raise of_another_model(described, f"{key} {json.dumps(theirs)}", f"{key} {json.dumps(ours)}")


def check_case(source: Checkpoint, lower_case: bool) -> None:
    """Check that a checkpoint's tokens are those of text that is lower-cased, or not, as the recipe says.

    Raises:
        UsageError: if the files next to it say otherwise, or describe another tokenizer.
    """
    described = described_case(source.uri)
    if described is not None and described[1] != lower_case:
        where, theirs = described
        raise UsageError(
            f"the checkpoint is for {'uncased' if theirs else 'cased'} text, the recipe for the other",
            where=where,
            found=json.dumps(theirs),
            expected=f"vocabulary.lower_case: {json.dumps(lower_case)}",
            fix="Set vocabulary.lower_case, or let initialization.vocabulary say how another vocabulary is mapped.",
        )


def described_case(uri: str) -> tuple[str, bool] | None:
    """Where, and whether, the files next to a checkpoint of any format say that text is lower-cased; None if none does.

    Raises:
        UsageError: if they describe a tokenizer that is not BERT's, or hold something else than true or false.
    """
    found: tuple[str, bool] | None = None
    for name, key in CASE.items():
        described = beside(uri, name)
        content = read_json(described) if described is not None else {}
        if name == TOKENIZER and described is not None:
            _check_tokenizer(content, described)
        value = content.get(key)
        if value is not None and not isinstance(value, bool):
            raise _unlike_ours(described, key, value, "true or false, without quotes")
        if found is None and value is not None:
            found = f"{described}, key {key}", value
    return found


def _check_tokenizer(content: dict[str, Any], uri: str) -> None:
    """Check what a tokenizer_config.json says beyond the case."""
    lower_case = content.get("do_lower_case")
    possible: dict[str, tuple[Any, ...]] = {
        "tokenizer_class": TOKENIZER_CLASSES,
        "do_basic_tokenize": (True,),
        "tokenize_chinese_chars": (True,),
        "strip_accents": (lower_case,) if isinstance(lower_case, bool) else (),
    }
    for key, values in possible.items():
        value = content.get(key)
        if value is not None and values and value not in values:
            raise _unlike_ours(uri, key, value, " or ".join(map(json.dumps, values)))


def _unlike_ours(uri: str | None, key: str, value: Any, expected: str) -> UsageError:
    return UsageError(
        "the checkpoint was made with another tokenizer than Berth's",
        where=f"{uri}, key {key}",
        found=json.dumps(value),
        expected=expected,
    )
