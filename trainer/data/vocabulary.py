"""Checks that records were made with the vocabulary of the model."""

from __future__ import annotations

from berth.errors import UsageError
from berth.stage.inputs import Inputs
from trainer.data.provenance import manifest_of


def check_vocabulary(name: str, records: Inputs, vocabulary: Inputs) -> None:
    """Check that records were made with a vocabulary: the ids of another name other tokens, and nothing else shows it.

    Records that no finished stage made have no manifest that names their vocabulary, and pass.

    Args:
        name: What to call the records in the message.
        records: The records, or an evaluation set picked from records.
        vocabulary: vocab.txt of the model.

    Raises:
        UsageError: if it is another one.
    """
    manifest = manifest_of(records)
    used = manifest.inputs.get("vocabulary") if manifest is not None else None
    if used is not None and used.files[0].sha256 != vocabulary.one().sha256:
        raise UsageError(
            f"the records {name!r} were made with another vocabulary",
            where=records.uri,
            found=f"{used.files[0].path}, sha256 {used.files[0].sha256[:12]}…",
            expected=f"{vocabulary.one().uri}, sha256 {vocabulary.one().sha256[:12]}…",
            fix="Make the records again with the vocabulary of the model, or use the one they were made with.",
        )
