"""`berth lineage`: manifests followed back to the dump."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from berth.errors import BerthError
from berth.stage.lineage import Node, Source, chain, describe, finished_stages
from support.finished_stages import directory


def test_the_chain_leads_from_the_records_to_the_dump(workspace: Path) -> None:
    records = chain(str(directory(workspace, "records")))
    text = records.inputs["text"]
    assert isinstance(text, Node)
    vocabulary = records.inputs["vocabulary"]
    assert isinstance(vocabulary, Node)
    assert vocabulary.inputs["text"] is text
    articles = text.inputs["articles"]
    assert isinstance(articles, Node)
    dump = articles.inputs["dumps"]
    assert isinstance(dump, Source)
    assert [file.path for file in dump.files] == ["dump.xml"]


def test_lineage_prints_each_stage_once_and_the_dump_with_its_sha256(workspace: Path) -> None:
    def digest(stage: str) -> str:
        return directory(workspace, stage).name

    dump = workspace.parent / "dump.xml"
    sha256 = chain(str(directory(workspace, "extract"))).manifest.inputs["dumps"].files[0].sha256
    assert describe(str(directory(workspace, "records"))).split("\n") == [
        f"records {digest('records')}  seed 7",
        f"├─ text: segment {digest('segment')}  seed 7",
        f"│  └─ articles: extract {digest('extract')}  seed 7  3 pages  2 articles",
        f"│     └─ dumps: {dump}",
        f"│        └─ dump.xml  12 B  sha256 {sha256}",
        f"└─ vocabulary: vocab {digest('vocab')}  seed 7  1,000 words",
        f"   └─ text: segment {digest('segment')}  (see above)",
    ]


def test_the_lineage_of_a_workspace_is_that_of_what_it_leads_to(workspace: Path) -> None:
    assert describe(str(workspace)) == describe(str(directory(workspace, "records")))


def test_the_lineage_of_a_file_is_that_of_its_stage(workspace: Path) -> None:
    records = directory(workspace, "records")
    for path in ("deep/part-0.tfrecord", "deep", "manifest.json"):
        assert describe(str(records / path)) == describe(str(records))


def test_a_stage_that_is_gone_is_a_leaf_with_the_files_it_gave(workspace: Path) -> None:
    (directory(workspace, "segment") / "manifest.json").unlink()
    assert "part-1.txt  1 B" in describe(str(directory(workspace, "vocab")))


def test_the_chain_survives_moving_the_workspace(workspace: Path) -> None:
    before = describe(str(workspace))
    moved = workspace.parent / "elsewhere"
    os.rename(workspace, moved)
    assert describe(str(moved)) == before


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("workspace/nowhere", "no such file or directory"),
        ("workspace/records/DIGEST/other.tfrecord", "the stage did not make this"),
        ("dump.xml", "this belongs to no finished stage"),
    ],
)
def test_what_belongs_to_no_stage_is_an_error(workspace: Path, path: str, message: str) -> None:
    whole = str(workspace.parent / path).replace("DIGEST", directory(workspace, "records").name)
    with pytest.raises(BerthError, match=message):
        chain(whole)


def test_manifests_in_a_circle_are_an_error(workspace: Path) -> None:
    extract = directory(workspace, "extract")
    content = json.loads((extract / "manifest.json").read_text())
    content["inputs"]["dumps"].update(stage=True, uri=os.path.relpath(directory(workspace, "segment"), extract))
    (extract / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(BerthError, match="in a circle"):
        describe(str(extract))


def test_a_workspace_stands_for_all_its_stages(workspace: Path) -> None:
    found = [Path(path).parent.name for path in finished_stages(str(workspace))]
    assert found == ["extract", "records", "segment", "vocab"]
    alone = str(directory(workspace, "vocab"))
    assert finished_stages(alone) == [alone]
    assert {Path(path).parent.name for path in finished_stages(alone, ancestors=True)} == {
        "extract",
        "segment",
        "vocab",
    }
