"""Files that change after they were hashed are noticed: inputs while a stage reads them, results before others do."""

import json
import os
import re

import pytest

from berth import storage
from berth.errors import BerthError
from berth.stage import Directory, Stage, Workspace, run, unchanged
from berth.stage.inputs import Inputs
from berth.stage.unchanged import REVISIONS


@pytest.fixture
def text(tmp_path):
    (tmp_path / "in.txt").write_text("hello")
    return tmp_path / "in.txt"


def stage(text):
    return Stage("demo", 1, {}, {"text": Inputs.of(str(text))})


def copy(text, output):
    with output.shard("copy.txt") as shard:
        shard.write(text.read_bytes())


def replace(path, content):
    """As editors and downloads do: a new file takes the name."""
    new = path.with_name("new")
    new.write_text(content)
    os.replace(new, path)


def append(path, content):
    with open(path, "a") as file:
        file.write(content)


@pytest.mark.parametrize(
    "change", [replace, append, lambda path, _: path.write_text("hallo"), lambda path, _: os.truncate(path, 2)]
)
def test_an_input_that_changes_while_it_is_read_is_an_error(tmp_path, text, change):
    def work(output):
        change(text, "hallo")
        copy(text, output)

    with pytest.raises(BerthError, match=r"in\.txt: an input changed while a stage was reading it"):
        run(stage(text), Directory(str(tmp_path / "out")), work)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_what_was_made_of_a_changed_input_is_never_continued(tmp_path, text):
    def work(output):
        replace(text, "hallo")
        copy(text, output)

    place = Directory(str(tmp_path / "out"))
    with pytest.raises(BerthError, match="an input changed"):
        run(stage(text), place, work)
    replace(text, "hello")
    with pytest.raises(BerthError, match=f"an input changed.*delete {re.escape(str(tmp_path))}/out and run again"):
        run(stage(text), place, lambda output: copy(text, output))


def test_the_change_is_the_reason_given_if_the_work_fails(tmp_path, text):
    def work(output):
        os.truncate(text, 2)
        raise BerthError("the text ends early")

    with pytest.raises(BerthError, match="an input changed"):
        run(stage(text), Directory(str(tmp_path / "out")), work)


def test_an_input_that_is_only_touched_or_gone_is_no_error(tmp_path, text):
    def touch(output):
        os.utime(text, (1, 1))
        copy(text, output)

    def remove(output):
        copy(text, output)
        text.unlink()

    run(stage(text), Directory(str(tmp_path / "touched")), touch)
    run(stage(text), Directory(str(tmp_path / "gone")), remove)


@pytest.fixture
def finished(tmp_path, text):
    return run(stage(text), Workspace(str(tmp_path / "w")), lambda output: copy(text, output))


@pytest.mark.parametrize("small", [0, unchanged.SMALL])
def test_another_content_of_the_same_size_is_noticed_by_those_who_read_it(finished, small, monkeypatch):
    monkeypatch.setattr(unchanged, "SMALL", small)
    path = finished.uri + "/copy.txt"
    with open(path, "w") as file:
        file.write("hallo")
    os.utime(path, (1, 1))
    for of in (lambda: Inputs.of(path), lambda: Inputs.of(finished.uri), lambda: finished.files("*")):
        with pytest.raises(BerthError, match=r"copy\.txt: a file of a finished stage was changed"):
            of()


def test_the_stage_itself_notices_it_too(finished, tmp_path, text):
    with open(finished.uri + "/copy.txt", "w") as file:
        file.write("hallo")
    with pytest.raises(BerthError, match=r"copy\.txt: a file of a finished stage was changed"):
        run(stage(text), Workspace(str(tmp_path / "w")), lambda output: pytest.fail("run again"))


def test_a_copy_is_read_once_and_then_known(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(unchanged, "SMALL", 0)
    (tmp_path / "copy").mkdir()
    for name in ("copy.txt", "manifest.json", REVISIONS):
        (tmp_path / "copy" / name).write_bytes(storage.read_bytes(f"{finished.uri}/{name}"))
    read = []
    sha256 = storage.sha256
    monkeypatch.setattr(storage, "sha256", lambda uri: read.append(uri) or sha256(uri))
    for _ in range(2):
        assert Inputs.of(str(tmp_path / "copy")).digest == finished.files("*").digest
    assert read == [str(tmp_path / "copy" / "copy.txt")]


@pytest.mark.parametrize("content", ["", "[", "[1]", '{"copy.txt": 1}'])
def test_damaged_revisions_are_as_none(finished, content):
    with open(f"{finished.uri}/{REVISIONS}", "w") as file:
        file.write(content)
    assert len(finished.files("*").files) == 1
    assert list(json.loads(storage.read_text(f"{finished.uri}/{REVISIONS}"))) == ["copy.txt"]
