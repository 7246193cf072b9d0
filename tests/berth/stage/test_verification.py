"""`berth verify`: every file of finished stages is held against their manifests."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from berth.errors import BerthError
from berth.stage import Identity
from berth.stage.manifest import Manifest
from berth.stage.verification import verify
from support.finished_stages import DUMP, directory


def edit(manifest: Path, change: tuple[str, str]) -> None:
    text = manifest.read_text()
    assert change[0] in text
    manifest.write_text(text.replace(*change))


def problems(path: Path, ancestors: bool = False) -> list[str]:
    return [str(problem) for problem in verify(str(path), ancestors=ancestors)]


def test_an_untouched_workspace_has_no_problems(workspace: Path) -> None:
    assert problems(workspace) == []
    assert problems(directory(workspace, "records"), ancestors=True) == []


def test_a_moved_workspace_has_no_problems(workspace: Path) -> None:
    moved = workspace.parent / "elsewhere"
    os.rename(workspace, moved)
    assert problems(moved) == []


def test_what_belongs_to_no_stage_is_an_error(workspace: Path) -> None:
    with pytest.raises(BerthError, match="this belongs to no finished stage"):
        verify(str(workspace.parent / "dump.xml"))


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


def rewrite(path: Path, change: Callable[[dict[str, Any]], object], sealed: bool = False) -> None:
    """Change a manifest; ``sealed``: as someone would who knows its digest and seal."""
    content = json.loads(path.read_text())
    change(content)
    if sealed:
        content["digest"] = Identity.of_manifest(Manifest.model_validate(content)).digest
        content = Manifest.model_validate(content).sealed().model_dump(mode="json")
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["counters"].update(words=1001),
        lambda content: content["files"][0].update(records=8),
        lambda content: content["tools"].update(numpy="1.0"),
        lambda content: content.update(seconds=5.0),
        lambda content: content["inputs"]["text"].update(uri="../../extract/0123456789ab", stage=False),
        lambda content: content.pop("seal"),
    ],
    ids=["counters", "records", "tools", "seconds", "uri", "seal"],
)
def test_whatever_is_changed_in_a_manifest_is_found(
    workspace: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    manifest = directory(workspace, "vocab") / "manifest.json"
    rewrite(manifest, change)
    (found,) = (problem for problem in problems(workspace) if problem.startswith(f"{manifest}: "))
    assert "the manifest" in found and "seal" in found


def test_parameters_that_were_changed_with_digest_and_seal_are_found_by_the_directory(workspace: Path) -> None:
    manifest = directory(workspace, "vocab") / "manifest.json"
    rewrite(manifest, lambda content: content["parameters"].update(name="other"), sealed=True)
    (found,) = problems(workspace)
    assert found.startswith(f"{manifest}: it is the manifest of another directory")


def test_the_size_of_an_input_that_was_changed_with_the_seal_is_found(workspace: Path) -> None:
    manifest = directory(workspace, "vocab") / "manifest.json"
    rewrite(manifest, lambda content: content["inputs"]["text"]["files"][0].update(size=9), sealed=True)
    (found,) = problems(workspace)
    assert found.startswith(f"{manifest}, input 'text': its entry of part-0.txt was changed")


def test_the_inputs_themselves_are_read(workspace: Path) -> None:
    """Not only the manifest of the stage that made them."""
    (directory(workspace, "segment") / "part-1.txt").write_text("x")
    (found,) = problems(directory(workspace, "vocab"))
    assert "input 'text': part-1.txt is not what was read: other content in" in found
