"""`berth lineage` and `berth verify`: manifests followed back to the dump, and every file held against them."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from berth.errors import BerthError
from berth.stage import Result, Stage, Workspace, run
from berth.stage.inputs import Inputs
from berth.stage.lineage import Node, Source, chain, describe, finished_stages, verify
from berth.stage.output import Output

DUMP = b"<mediawiki/>"


def make(name: str, place: Workspace, inputs: dict[str, Inputs], files: dict[str, str], **counters: int) -> Result:
    def work(output: Output) -> None:
        for path, text in files.items():
            with output.shard(path) as shard:
                shard.write(text.encode())
        output.count(**counters)

    return run(Stage(name, 1, {"name": name}, inputs, seed=7), place, work)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """dump → extract → segment → (vocab, records)."""
    dump = tmp_path / "dump.xml"
    dump.write_bytes(DUMP)
    root = tmp_path / "workspace"
    place = Workspace(str(root))
    articles = make("extract", place, {"dumps": Inputs.of(str(dump))}, {"articles.parquet": "a"}, pages=3, articles=2)
    text = make(
        "segment", place, {"articles": articles.files("*")}, {"part-0.txt": "b", "part-1.txt": "c", "eval.txt": "d"}
    )
    vocabulary = make("vocab", place, {"text": text.files("part-*.txt")}, {"vocab.txt": "v"}, words=1000)
    make(
        "records",
        place,
        {"text": text.files("part-*.txt"), "vocabulary": vocabulary.files("vocab.txt")},
        {"deep/part-0.tfrecord": "r"},
    )
    return root


def directory(workspace: Path, stage: str) -> Path:
    (found,) = (workspace / stage).iterdir()
    return found


def edit(manifest: Path, change: tuple[str, str]) -> None:
    text = manifest.read_text()
    assert change[0] in text
    manifest.write_text(text.replace(*change))


def problems(path: Path, ancestors: bool = False) -> list[str]:
    return [str(problem) for problem in verify(str(path), ancestors=ancestors)]


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
    assert problems(moved) == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("workspace/nowhere", "there is no such file or directory"),
        ("workspace/records/DIGEST/other.tfrecord", "the stage did not make this"),
        ("dump.xml", "this belongs to no finished stage"),
    ],
)
def test_what_belongs_to_no_stage_is_an_error(workspace: Path, path: str, message: str) -> None:
    whole = str(workspace.parent / path).replace("DIGEST", directory(workspace, "records").name)
    with pytest.raises(BerthError, match=message):
        chain(whole)
    with pytest.raises(BerthError, match=message):
        verify(whole)


def test_manifests_in_a_circle_are_an_error(workspace: Path) -> None:
    extract = directory(workspace, "extract")
    content = json.loads((extract / "manifest.json").read_text())
    content["inputs"]["dumps"].update(stage=True, uri=os.path.relpath(directory(workspace, "segment"), extract))
    (extract / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(BerthError, match="in a circle"):
        describe(str(extract))


def test_an_untouched_workspace_has_no_problems(workspace: Path) -> None:
    assert problems(workspace) == []
    assert problems(directory(workspace, "records"), ancestors=True) == []
    assert [Path(path).parent.name for path in finished_stages(str(workspace))] == [
        "extract",
        "records",
        "segment",
        "vocab",
    ]


def test_a_missing_file_is_found(workspace: Path) -> None:
    file = directory(workspace, "segment") / "part-1.txt"
    file.unlink()
    assert problems(workspace) == [f"{file}: missing"]


def test_another_size_is_found(workspace: Path) -> None:
    file = directory(workspace, "segment") / "part-1.txt"
    file.write_text("cc")
    assert problems(workspace) == [f"{file}: the size differs: 2 bytes, recorded are 1"]


def test_other_content_of_the_same_size_is_found(workspace: Path) -> None:
    file = directory(workspace, "segment") / "part-1.txt"
    file.write_text("x")
    (found,) = problems(workspace)
    assert found.startswith(f"{file}: the content differs: sha256 2d711642b726…, recorded is 2e7d2c03a950…")


def test_an_extra_file_is_found_and_a_hidden_one_is_not(workspace: Path) -> None:
    file = directory(workspace, "segment") / "deep" / "notes.txt"
    file.parent.mkdir()
    file.write_text("mine")
    (file.parent / ".hidden").write_text("x")
    assert problems(workspace) == [f"{file}: extra: the manifest does not list it"]


def test_a_changed_parameter_in_a_manifest_is_found(workspace: Path) -> None:
    manifest = directory(workspace, "vocab") / "manifest.json"
    edit(manifest, ('"seed": 7', '"seed": 8'))
    (found,) = problems(workspace)
    assert found.startswith(f"{manifest}: its parameters, seed or inputs were changed")


def test_a_changed_input_list_in_a_manifest_is_found(workspace: Path) -> None:
    manifest = directory(workspace, "vocab") / "manifest.json"
    edit(manifest, ('"path": "part-0.txt"', '"path": "part-9.txt"'))
    assert problems(workspace) == [
        f"{manifest}, input 'text': the list of its files was changed: it does not give the recorded digest"
    ]


def test_an_unreadable_manifest_is_found(workspace: Path) -> None:
    manifest = directory(workspace, "records") / "manifest.json"
    manifest.write_text("{")
    (found,) = problems(workspace)
    assert found.startswith(f"{manifest}: the manifest cannot be read")


def test_a_changed_dump_is_found(workspace: Path) -> None:
    (workspace.parent / "dump.xml").write_bytes(DUMP.upper())
    (found,) = problems(directory(workspace, "extract"))
    assert found.endswith(f"input 'dumps': dump.xml is not what was read: other content in {workspace.parent}/dump.xml")


def test_a_stage_made_anew_with_other_content_is_found_by_those_that_read_it(workspace: Path) -> None:
    manifest = directory(workspace, "segment") / "manifest.json"
    content = json.loads(manifest.read_text())
    content["files"] = [file for file in content["files"] if file["path"] != "part-1.txt"]
    manifest.write_text(json.dumps(content))
    (found,) = problems(directory(workspace, "vocab"))
    assert "input 'text': part-1.txt is not what was read: no such file in" in found


def test_an_input_that_is_gone_is_no_problem_but_is_said(workspace: Path, caplog: pytest.LogCaptureFixture) -> None:
    (workspace.parent / "dump.xml").unlink()
    with caplog.at_level(logging.WARNING, logger="berth"):
        assert problems(workspace) == []
    (message,) = caplog.messages
    assert "input 'dumps' cannot be compared" in message


def test_ancestors_are_verified_when_asked(workspace: Path) -> None:
    records = directory(workspace, "records")
    (directory(workspace, "extract") / "articles.parquet").write_text("z")
    assert problems(records) == []
    (found,) = problems(records, ancestors=True)
    assert "articles.parquet: the content differs" in found
