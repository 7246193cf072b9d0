"""Whether a checkpoint's vocabulary is for lower-cased text, as the files beside it tell."""

from __future__ import annotations

import json

from berth import storage
from berth.errors import UsageError
from berth.formats.results import TRAINING
from trainer.checkpoints.checkpoint import beside

# Files that may tell it, and the key in them.
TOLD_BY = {TRAINING: "lower_case", "tokenizer_config.json": "do_lower_case"}


def lower_case_of(uri: str, given: bool | None) -> bool:
    """Whether text is to be lower-cased for a checkpoint of any kind.

    Args:
        uri: The checkpoint.
        given: What the user says; None where the files are to tell.

    Raises:
        UsageError: if nothing tells it, or the files tell otherwise than the user.
    """
    for name, key in TOLD_BY.items():
        described = beside(uri, name)
        told = json.loads(storage.read_text(described)).get(key) if described is not None else None
        if told is None:
            continue
        if given is not None and given != told:
            raise UsageError(
                f"the checkpoint is of {'uncased' if told else 'cased'} text",
                where=f"{described}, key {key}",
                found=f"{'--lower-case' if given else '--cased'}",
                fix="Leave the flag out.",
            )
        return bool(told)
    if given is None:
        raise UsageError(
            "nothing beside the checkpoint tells whether it is of lower-cased text",
            where=uri,
            expected=" or ".join(TOLD_BY),
            fix="Give --lower-case or --cased.",
        )
    return given
