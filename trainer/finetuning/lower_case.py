"""Whether a checkpoint's vocabulary is for lower-cased text, from the files next to it."""

from __future__ import annotations

import json

from berth import storage
from berth.errors import UsageError
from berth.formats.results import TRAINING
from trainer.checkpoints.checkpoint import beside

# Files that say so, and the key in them.
SOURCES = {TRAINING: "lower_case", "tokenizer_config.json": "do_lower_case"}


def lower_case_of(uri: str, given: bool | None) -> bool:
    """Whether a checkpoint of any format needs lower-cased text.

    Args:
        uri: The checkpoint.
        given: What the user says; None to ask the files.

    Raises:
        UsageError: if neither files nor user say so, or they contradict each other.
    """
    for name, key in SOURCES.items():
        described = beside(uri, name)
        found = json.loads(storage.read_text(described)).get(key) if described is not None else None
        if found is None:
            continue
        if given is not None and given != found:
            raise UsageError(
                f"the checkpoint is for {'uncased' if found else 'cased'} text",
                where=f"{described}, key {key}",
                found=f"{'--lower-case' if given else '--cased'}",
                fix="Leave the flag out.",
            )
        return bool(found)
    if given is None:
        raise UsageError(
            "no file next to the checkpoint says whether it is for lower-cased text",
            where=uri,
            expected=" or ".join(SOURCES),
            fix="Give --lower-case or --cased.",
        )
    return given
