"""Receipts prove that shards are complete: damaged ones prove nothing, and the shard is made again."""

import json
import os

import pytest

from berth import storage
from berth.errors import BerthError
from berth.stage import Directory, Stage, run

STAGE = Stage("demo", 1, {})
NAMES = ("a.txt", "b.txt", "c.txt")


def work(output, made=None, stop_at=None):
    for name in NAMES:
        if name == stop_at:
            raise KeyboardInterrupt
        if not output.is_complete(name):
            with output.shard(name) as shard:
                shard.write(name.encode())
                shard.records = 1
                shard.counters["letters"] += 5
            if made is not None:
                made.append(name)


@pytest.fixture
def interrupted(tmp_path):
    """An output with the first two of three shards."""
    with pytest.raises(KeyboardInterrupt):
        run(STAGE, Directory(str(tmp_path / "out")), lambda output: work(output, stop_at="c.txt"))
    return tmp_path / "out"


def finish(directory):
    made = []
    result = run(STAGE, Directory(str(directory)), lambda output: work(output, made))
    assert [(file.path, file.size, file.records) for file in result.manifest.files] == [(n, 5, 1) for n in NAMES]
    assert all(file.sha256 == storage.sha256(f"{directory}/{file.path}") for file in result.manifest.files)
    assert result.manifest.counters == {"letters": 15}
    return made


def test_shards_with_receipts_are_kept(interrupted):
    assert finish(interrupted) == ["c.txt"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_the_shard_of_an_unreadable_receipt_is_made_again(interrupted, content):
    (interrupted / ".receipts" / "a.txt.json").write_bytes(content)
    assert finish(interrupted) == ["a.txt", "c.txt"]


@pytest.mark.parametrize("key", ["size", "sha256", "records", "counters", "revision"])
def test_the_shard_of_a_changed_receipt_is_made_again(interrupted, key):
    path = interrupted / ".receipts" / "a.txt.json"
    content = json.loads(path.read_text())
    changed = {"size": 6, "sha256": "0" * 64, "records": 2, "counters": {"letters": 99}, "revision": "1-1-1"}[key]
    (content if key in content else content["file"])[key] = changed
    path.write_text(json.dumps(content))
    assert finish(interrupted) == ["a.txt", "c.txt"]


@pytest.mark.parametrize(
    "damage", [lambda path: os.truncate(path, 2), lambda path: path.write_text("A.txt"), lambda path: path.unlink()]
)
def test_a_damaged_shard_with_a_receipt_is_made_again(interrupted, damage):
    damage(interrupted / "b.txt")
    assert finish(interrupted) == ["b.txt", "c.txt"]


def test_damage_while_the_stage_is_running_is_an_error(tmp_path):
    def damage(name, content):
        def damaging(output):
            work(output)
            (tmp_path / "out" / name).write_text(content)

        return damaging

    for name, content, message in [
        (".receipts/a.txt.json", "{", r"a\.txt\.json: the receipt of a shard is damaged"),
        ("a.txt", "A.txt", r"a\.txt: a shard was changed while the stage was running"),
    ]:
        with pytest.raises(BerthError, match=message):
            run(STAGE, Directory(str(tmp_path / "out")), damage(name, content))


def test_a_damaged_claim_is_named(interrupted):
    (interrupted / ".stage.json").write_text("{")
    with pytest.raises(BerthError, match=r"\.stage\.json: the note about an unfinished stage is damaged"):
        run(STAGE, Directory(str(interrupted)), work)
