"""A stage runs once, proves what it made, and continues where it was interrupted."""

import json
import logging
import os
import signal
import subprocess
import sys

import pytest

from berth import storage
from berth.errors import BerthError, UsageError
from berth.stage import Directory, Stage, Workspace, run, unchanged
from berth.stage.inputs import Inputs
from berth.stage.manifest import Manifest


@pytest.fixture
def text(tmp_path):
    (tmp_path / "in.txt").write_text("hello")
    return Inputs.of(str(tmp_path / "in.txt"))


def stage(text, **parameters):
    return Stage("demo", 1, parameters, {"text": text}, seed=3)


def write_two_shards(output):
    for name in ("a.txt", "b.txt"):
        if not output.is_complete(name):
            with output.shard(name) as shard:
                shard.write(name.encode())
                shard.records = 1
                shard.counters["letters"] += len(name)


def test_the_manifest_says_what_was_made_from_what(tmp_path, text):
    result = run(stage(text, size=2), Workspace(str(tmp_path / "w")), write_two_shards)
    manifest = Manifest.read(result.uri)
    assert result.uri == str(tmp_path / "w" / "demo" / manifest.digest[:12])
    assert manifest.counters == {"letters": 10}
    assert [(f.path, f.size, f.records) for f in manifest.files] == [("a.txt", 5, 1), ("b.txt", 5, 1)]
    assert manifest.files[0].sha256 == storage.sha256(result.uri + "/a.txt")
    assert manifest.inputs["text"].files[0].sha256 == text.files[0].sha256
    assert sorted(os.listdir(result.uri)) == [".revisions.json", "a.txt", "b.txt", "manifest.json"]


def test_a_finished_stage_is_not_run_again(tmp_path, text):
    place = Workspace(str(tmp_path / "w"))
    run(stage(text), place, write_two_shards)

    def never(output):
        raise AssertionError("the stage was run again")

    assert run(stage(text), place, never).was_up_to_date


def test_what_a_process_left_when_it_was_killed_after_the_manifest_is_removed(tmp_path, text):
    place = Workspace(str(tmp_path / "w"))
    result = run(stage(text), place, write_two_shards)
    for name in (".stage.json", "..revisions.json.x1.tmp", ".receipts/a.txt.json"):
        with storage.atomic_write(storage.join(result.uri, name)) as file:
            file.write(b"{}")
    assert run(stage(text), place, write_two_shards).was_up_to_date
    assert sorted(os.listdir(result.uri)) == [".revisions.json", "a.txt", "b.txt", "manifest.json"]


def test_parameters_inputs_and_seed_change_the_digest_but_places_do_not(tmp_path, text):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "in.txt").write_text("hello")
    moved = Inputs.of(str(tmp_path / "elsewhere" / "in.txt"))
    assert stage(moved, size=2).digest == stage(text, size=2).digest
    (tmp_path / "elsewhere" / "in.txt").write_text("hallo")
    changed = Inputs.of(str(tmp_path / "elsewhere" / "in.txt"))
    digests = {stage(text, size=2).digest, stage(changed, size=2).digest, stage(text, size=3).digest}
    digests |= {Stage("demo", 2, {"size": 2}, {"text": text}, 3).digest}
    digests |= {Stage("demo", 1, {"size": 2}, {"text": text}, 4).digest}
    assert len(digests) == 5


def test_an_output_of_other_parameters_is_refused_with_the_difference(tmp_path, text):
    place = Directory(str(tmp_path / "out"))
    run(stage(text, size=2), place, write_two_shards)
    with pytest.raises(UsageError, match=r"another demo run.*size = 2 there, 3 now"):
        run(stage(text, size=3), place, write_two_shards)


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [({"size": 2}, {}, "size = 2 there, its default now"), ({}, {"size": 2}, "size = its default there, 2 now")],
)
def test_a_parameter_that_is_omitted_differs_from_one_that_is_given(tmp_path, text, before, now, found):
    place = Directory(str(tmp_path / "out"))
    run(stage(text, **before), place, write_two_shards)
    with pytest.raises(UsageError, match=found):
        run(stage(text, **now), place, write_two_shards)


def test_a_directory_with_strange_files_is_refused(tmp_path, text):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("precious")
    with pytest.raises(UsageError, match=r"not empty.*thesis\.doc"):
        run(stage(text), Directory(str(tmp_path / "out")), write_two_shards)


def test_a_changed_file_of_a_finished_stage_is_noticed(tmp_path, text):
    result = run(stage(text), Workspace(str(tmp_path / "w")), write_two_shards)
    with open(result.uri + "/a.txt", "a") as file:
        file.write("!")
    with pytest.raises(BerthError, match=r"changed or removed.*6 bytes.*5 bytes"):
        run(stage(text), Workspace(str(tmp_path / "w")), write_two_shards)
    with pytest.raises(BerthError, match="changed or removed"):
        result.files("*.txt")


def test_a_stage_that_achieved_nothing_leaves_no_trace(tmp_path, text):
    def fail(output):
        raise BerthError("it broke")

    with pytest.raises(BerthError, match="it broke"):
        run(stage(text), Directory(str(tmp_path / "out")), fail)
    assert not (tmp_path / "out").exists()


def test_completed_shards_are_kept_when_the_work_fails(tmp_path, text):
    def fail_halfway(output):
        with output.shard("a.txt") as shard:
            shard.write(b"a.txt")
            shard.records = 1
            shard.counters["letters"] += 5
        with output.shard("b.txt") as shard:
            shard.write(b"b.")
            raise BerthError("it broke")

    place = Directory(str(tmp_path / "out"))
    with pytest.raises(BerthError, match="it broke"):
        run(stage(text), place, fail_halfway)
    assert [name for name in os.listdir(tmp_path / "out") if not name.startswith(".")] == ["a.txt"]
    with pytest.raises(
        UsageError, match=r"unfinished output of other parameters.*Found size = its default there, 9 now"
    ):
        run(stage(text, size=9), place, write_two_shards)
    result = run(stage(text), place, write_two_shards)
    assert result.manifest.counters == {"letters": 10}


KILLED = """
import os, signal, sys
from berth.stage.inputs import Inputs
from berth.stage import Directory, Stage, run

def work(output):
    for index in range(40):
        name = f"{index:02}.txt"
        if not output.is_complete(name):
            with output.shard(name) as shard:
                for _ in range(200):
                    shard.write(name.encode() * 10)
                shard.counters["shards"] += 1

print("ready", flush=True)
run(Stage("demo", 1, {}, {"text": Inputs.of(sys.argv[1])}), Directory(sys.argv[2]), work)
"""


def test_what_a_kill_after_the_manifest_leaves_is_removed(tmp_path, text):
    result = run(stage(text), Workspace(str(tmp_path / "w")), write_two_shards)
    for name in (".stage.json", ".lock", ".receipts/a.txt.json"):
        (tmp_path / result.uri / name).parent.mkdir(exist_ok=True)
        (tmp_path / result.uri / name).write_text("{}")
    assert run(stage(text), Workspace(str(tmp_path / "w")), write_two_shards).was_up_to_date
    assert sorted(os.listdir(result.uri)) == [".revisions.json", "a.txt", "b.txt", "manifest.json"]


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03, 0.06])
def test_after_sigkill_the_result_is_that_of_an_undisturbed_run(tmp_path, text, delay):
    def command(output):
        return [sys.executable, "-c", KILLED, text.uris[0], str(output)]

    def files(directory):
        return {path.name: path.read_bytes() for path in directory.glob("[!.]*") if path.name != "manifest.json"}

    def listed(directory):
        return json.loads((directory / "manifest.json").read_text())["files"]

    subprocess.run(command(tmp_path / "whole"), check=True, capture_output=True)
    with subprocess.Popen(command(tmp_path / "killed"), stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
    subprocess.run(command(tmp_path / "killed"), check=True, capture_output=True)
    assert files(tmp_path / "killed") == files(tmp_path / "whole")
    assert listed(tmp_path / "killed") == listed(tmp_path / "whole")


def test_two_processes_do_not_work_on_one_output(tmp_path, text, monkeypatch):
    monkeypatch.setattr("berth.stage.lock.ATTEMPTS", 1)

    def nested(output):
        run(stage(text), Directory(str(tmp_path / "out")), write_two_shards)

    with pytest.raises(BerthError, match="another process is working"):
        run(stage(text), Directory(str(tmp_path / "out")), nested)


def test_inputs_of_a_finished_stage_are_not_hashed_again(tmp_path, text, monkeypatch):
    result = run(stage(text), Workspace(str(tmp_path / "w")), write_two_shards)
    monkeypatch.setattr(unchanged, "SMALL", 0)
    monkeypatch.setattr(storage, "sha256", lambda uri: pytest.fail("hashed again"))
    found = Inputs.of(result.uri + "/*.txt")
    assert (found.is_stage, found.digest) == (True, result.files("*.txt").digest)
    assert [file.records for file in found.files] == [1, 1]


def test_inputs_that_do_not_exist_or_share_a_name_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no file matches.*quotes"):
        Inputs.of(str(tmp_path / "*.txt"))
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.txt").write_text(name)
    with pytest.raises(UsageError, match=r"two input files are called same\.txt"):
        Inputs.of(str(tmp_path / "*" / "same.txt"))


def test_a_difference_is_named_by_its_path(tmp_path, text):
    place = Directory(str(tmp_path / "out"))
    run(stage(text, phases=[{"steps": 2, "name": "a"}, {"steps": 3}]), place, write_two_shards)
    for phases, found in [
        ([{"steps": 2, "name": "a"}, {"steps": 4}], r"phases\.1\.steps = 3 there, 4 now"),
        ([{"steps": 2}, {"steps": 3}], r"phases\.0\.name = 'a' there, its default now"),
        ([{"steps": 2, "name": "a"}], r"phases\.1 = \{'steps': 3\} there, its default now"),
    ]:
        with pytest.raises(UsageError, match=f"Found {found}"):
            run(stage(text, phases=phases), place, write_two_shards)


def test_a_stage_that_is_made_anew_in_a_workspace_says_why(tmp_path, text, caplog):
    place = Workspace(str(tmp_path / "w"))
    first = run(stage(text, size=2), place, write_two_shards)
    run(stage(text, size=2, other=1, third=2), place, write_two_shards)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        run(stage(text, size=3), place, write_two_shards)
    (message,) = (message for message in caplog.messages if "made anew" in message)
    assert message == f"made anew, since {first.uri} has other parameters or inputs: size = 2 there, 3 now"
