"""JSON of stages: manifests, notes of unfinished stages, receipts, revisions, the index of runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from berth.errors import BerthError
from berth.recipe import file as recipe_file
from berth.stage import lineage, run_index
from berth.stage.identity import Claim, Identity, nearest
from berth.stage.inputs import Inputs
from berth.stage.manifest import Manifest
from berth.stage.output import Output
from berth.stage.verification import verify
from fuzz.target import choice, parts, place, refused, write
from trainer.data.provenance import manifest_of

REFUSALS: tuple[type[BerthError], ...] = ()  # each step is tried; what it refuses is checked there

IDENTITY = Identity(name="second", version=1, parameters={"a": {"b": [1]}}, inputs={"text": "0"}, seed=7)
RECIPE = recipe_file.load("quickstart")
FILES = {"a.txt": b"a", "deep/b.txt": b"b"}


def fuzz(data: bytes) -> None:
    """Separated by lines `%%`: two manifests, a note, a receipt, revisions, and the index of a run."""
    _, content = choice(data)
    shutil.rmtree(place("workspace"), ignore_errors=True)
    first, second, claim, receipt, revisions, index = parts(content, 6)
    for stage, manifest in (("first", first), ("second", second)):
        for name, text in FILES.items():
            write(f"workspace/{stage}/0123456789ab/{name}", text)
        if manifest:
            write(f"workspace/{stage}/0123456789ab/manifest.json", manifest)
        write(f"workspace/{stage}/0123456789ab/.revisions.json", revisions)
    write("workspace/third/0123456789ab/.stage.json", claim)
    write("workspace/third/0123456789ab/a.txt", b"a")
    write("workspace/third/0123456789ab/.receipts/a.txt.json", receipt)
    index_uri = run_index._uri(place("workspace"), "data", RECIPE, run_index.NOT_DATA)
    write(os.path.relpath(index_uri, place("")), index)
    for step in STEPS:
        with refused(BerthError):
            step(place("workspace"))


def _receipts(workspace: str) -> None:
    output = Output(f"{workspace}/third/0123456789ab")
    with refused(BerthError):
        output.counters()
    output.keep_complete()
    assert all(output.is_complete(receipt.file.path) for receipt in output.receipts())


def _inputs(workspace: str) -> None:
    for stage in ("first", "second"):
        with refused(BerthError):
            records = Inputs.of_stage(f"{workspace}/{stage}/0123456789ab", "*")
            manifest_of(records)
        with refused(BerthError):
            Inputs.at(f"{workspace}/{stage}/0123456789ab/a.txt")
        with refused(BerthError):
            lineage.inputs_of(f"{workspace}/{stage}/0123456789ab", "text")


STEPS: tuple[Callable[[str], object], ...] = (
    _receipts,
    _inputs,
    lambda workspace: verify(workspace, ancestors=True),
    lineage.describe,
    lambda workspace: Claim.read(f"{workspace}/third/0123456789ab"),
    lambda workspace: nearest(f"{workspace}/third", IDENTITY),
    lambda workspace: nearest(f"{workspace}/second", IDENTITY),
    lambda workspace: Manifest.read(f"{workspace}/first/0123456789ab").sealed(),
    lambda workspace: run_index.data(workspace, RECIPE),
)
