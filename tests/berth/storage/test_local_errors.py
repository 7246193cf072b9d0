"""Errors of the operating system name the file that they are about, and say whether they may pass."""

import contextlib
import errno
import os
import resource
import threading

import pytest

from berth import storage
from berth.errors import BerthError, TemporaryError
from berth.storage.local_errors import MAY_PASS, explained, explained_reading, of_system


@pytest.mark.parametrize("number", sorted(MAY_PASS))
@pytest.mark.parametrize("context", [explained, explained_reading, None], ids=["writing", "reading", "anywhere"])
def test_what_may_pass_ends_with_status_75(number, context):
    error = OSError(number, os.strerror(number), "/data/file")
    if context is None:
        found = of_system(error)
    else:
        with pytest.raises(TemporaryError) as caught, context("/data/file"):
            raise error
        found = caught.value
    assert found.exit_status == 75
    assert str(found).startswith("/data/file: ") and os.strerror(number).lower() in str(found)
    assert "again" in found.fix


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENAMETOOLONG])
def test_what_stays_ends_with_status_1(number):
    with pytest.raises(BerthError, match="cannot write here") as error, explained("out/file"):
        raise OSError(number, os.strerror(number))
    assert error.value.exit_status == 1


@pytest.mark.parametrize("octets", [10, -1])
def test_an_error_of_an_input_is_not_blamed_on_the_output(octets, tmp_path):
    broken = "/proc/self/mem"  # its first bytes cannot be read
    with (
        pytest.raises(TemporaryError, match=f"{broken}: cannot read here. Found input/output error"),
        storage.atomic_write(str(tmp_path / "out.txt")) as target,
        storage.open_read(broken) as source,
    ):
        target.write(source.read(octets))
    assert os.listdir(tmp_path) == []


def test_an_error_of_a_library_inside_a_write_is_not_blamed_on_the_output(tmp_path):
    with pytest.raises(OSError, match="of a library"), storage.atomic_write(str(tmp_path / "out.txt")):
        raise OSError(errno.EIO, "of a library")
    assert os.listdir(tmp_path) == []


def test_too_many_open_files_are_explained(tmp_path):
    (tmp_path / "in.txt").write_text("text")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(map(int, os.listdir("/proc/self/fd"))) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, limits[1]))
    try:
        with (
            pytest.raises(TemporaryError, match=r"in\.txt: .*too many open files.*ulimit -n"),
            contextlib.ExitStack() as stack,
        ):
            for _ in range(used):
                stack.enter_context(storage.open_read(str(tmp_path / "in.txt")))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("use", [storage.exists, storage.is_directory, storage.size, storage.names_below])
def test_a_name_that_is_too_long_is_an_error_not_an_absence(use, tmp_path):
    with pytest.raises(BerthError, match="file name too long"):
        use(str(tmp_path / ("x" * 300)))


def test_writing_a_name_that_is_too_long_says_how_long_it_may_be(tmp_path):
    with (
        pytest.raises(BerthError, match=r"x{300}: .*file name too long.*a path may have 255 bytes"),
        storage.atomic_write(str(tmp_path / ("x" * 300))),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_the_temporary_file_of_a_long_name_is_short_enough(tmp_path):
    for name in ("x" * 255, "é" * 127):
        with storage.atomic_write(str(tmp_path / name)) as file:
            file.write(b"whole")
        assert storage.read_bytes(str(tmp_path / name)) == b"whole"


def test_many_threads_make_the_same_directories(tmp_path):
    place = tmp_path / "a" / "b" / "c"
    threads = [threading.Thread(target=storage.make_directory, args=[str(place)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert place.is_dir()


def test_new_directories_are_in_their_parents_after_a_power_failure(tmp_path, monkeypatch):
    """A directory's entry lasts once its parent is fsynced, before anything below it is."""
    synced, fsync = [], os.fsync

    def record(handle):
        synced.append(os.readlink(f"/proc/self/fd/{handle}").removeprefix(str(tmp_path)))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", record)
    with storage.atomic_write(str(tmp_path / "a" / "b" / "file")) as file:
        file.write(b"whole")
    temporary = synced.pop(2)
    assert synced == ["", "/a", "/a/b"] and temporary.startswith("/a/b/.file.")


def test_errors_without_a_number_are_left_to_others():
    assert of_system(OSError("of a library")) is None
    with pytest.raises(OSError, match="of a library"), explained("out"):
        raise OSError("of a library")
