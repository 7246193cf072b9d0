"""Whether a checkpoint's vocabulary is for lower-cased text, from the files next to it."""

from __future__ import annotations

from berth.errors import UsageError
from trainer.checkpoints.compatibility import CASE, described_case


def lower_case_of(uri: str, given: bool | None) -> bool:
    """Whether a checkpoint of any format needs lower-cased text.

    Args:
        uri: The checkpoint.
        given: What the user says; None to ask the files.

    Raises:
        UsageError: if neither files nor user say so, they contradict each other, or the tokenizer is not BERT's.
    """
    described = described_case(uri)
    if described is not None:
        where, found = described
        if given is not None and given != found:
            raise UsageError(
                f"the checkpoint is for {'uncased' if found else 'cased'} text",
                where=where,
                found=f"{'--lower-case' if given else '--cased'}",
                fix="Leave the flag out.",
            )
        return found
    if given is None:
        raise UsageError(
            "no file next to the checkpoint says whether it is for lower-cased text",
            where=uri,
            expected=" or ".join(CASE),
            fix="Give --lower-case or --cased.",
        )
    return given
