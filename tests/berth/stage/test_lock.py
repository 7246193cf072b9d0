"""One process at a time works in a stage's directory, whatever the others delete meanwhile."""

import errno
import fcntl
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from berth.errors import BerthError
from berth.stage import LOCK, Directory, Stage, lock, run
from berth.stage.lock import discard, locked

STAGE = Stage("demo", 1, {})


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.001)


def test_a_lock_is_exclusive_and_leaves_no_file(tmp_path):
    with locked(str(tmp_path / "d")):
        with pytest.raises(BerthError, match="another process is working on this output"), locked(str(tmp_path / "d")):
            pass
        assert os.listdir(tmp_path / "d") == [LOCK]
    assert os.listdir(tmp_path / "d") == []


def test_a_lock_on_a_file_that_was_deleted_meanwhile_does_not_count(tmp_path, monkeypatch):
    """The holder deletes the directory, and a third process makes and locks a new one."""
    place, flock, others = str(tmp_path / "d"), fcntl.flock, []

    def after_deletion(handle, operation):
        monkeypatch.setattr(fcntl, "flock", flock)
        discard(place)  # by the holder, after this process has opened the file
        third = locked(place)
        third.__enter__()
        others.append(third)
        flock(handle, operation)  # granted: nobody else has this file

    monkeypatch.setattr(fcntl, "flock", after_deletion)
    with pytest.raises(BerthError, match="another process is working"), locked(place):
        pytest.fail("two processes hold the lock")
    others[0].__exit__(None, None, None)
    with locked(place):
        pass


def test_many_that_fail_and_clean_up_never_work_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "ATTEMPTS", 10_000)
    place, inside, most = Directory(str(tmp_path / "d")), threading.Semaphore(1), []

    def work(output):
        alone = inside.acquire(blocking=False)
        most.append(alone)
        if alone:
            with output.shard("a.txt" if len(most) >= 100 else ".b") as shard:
                shard.write(b"a")
            inside.release()
        if len(most) < 100:
            raise BerthError("no luck")

    def attempt(number):
        for _ in range(200):
            try:
                return run(STAGE, place, work).manifest.files[0].path
            except BerthError as error:
                assert error.what == "no luck", error
        return None

    with ThreadPoolExecutor(6) as executor:
        finished = list(executor.map(attempt, range(6)))
    assert finished == ["a.txt"] * 6
    assert all(most) and len(most) == 100
    result = {"a.txt", "manifest.json", ".revisions.json"}
    assert result <= set(os.listdir(place.uri)) <= {*result, ".b"}


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_explained(number, tmp_path, monkeypatch):
    def refuse(handle, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)  # there is no such file system in a test
    with (
        pytest.raises(BerthError, match=r"d: this file system has no working file locks.*NFS"),
        locked(str(tmp_path / "d")),
    ):
        pass


def test_a_planted_link_is_not_followed(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "victim").write_text("kept")
    os.symlink(tmp_path / "victim", tmp_path / "d" / LOCK)
    with pytest.raises(BerthError, match="cannot write here"), locked(str(tmp_path / "d")):
        pass
    assert (tmp_path / "victim").read_text() == "kept"
