"""Compiles the kernels of all kinds of records into this machine's cache: ``python -m pipelines.mlm.warm``.

For container images, so that no worker has to compile.
"""

from __future__ import annotations

import itertools
import tempfile

from berth.output import Output
from berth.recipe import RecordSet
from pipelines.mlm.shard import RecordShards
from pipelines.mlm.vocabulary import REQUIRED

SMALL, LARGE = 100, (1 << 16) + 1  # numbers of tokens whose ids take two bytes, and four


def main() -> None:
    """Compile for both generators, and for ids of two and of four bytes."""
    with tempfile.TemporaryDirectory() as directory:
        for size, rng in itertools.product((SMALL, LARGE), ("reference", "keyed")):
            vocabulary = f"{directory}/{size}.txt"
            with open(vocabulary, "w", encoding="utf-8") as file:
                file.write("\n".join([*REQUIRED, *map(str, range(size - len(REQUIRED)))]))
            options = RecordSet.model_validate({"rng": rng})
            RecordShards(vocabulary, True, options, 1, Output(directory)).compile()


if __name__ == "__main__":
    main()
