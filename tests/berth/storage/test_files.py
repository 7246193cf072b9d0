"""Files by URI: reading explains itself, writing is all or nothing."""

import os
import resource
import signal
import stat

import pytest

from berth import storage
from berth.errors import BerthError


def test_a_written_file_is_whole_and_has_ordinary_permissions(tmp_path):
    uri = str(tmp_path / "deep" / "file.txt")
    with storage.atomic_write(uri) as file:
        file.write(b"whole")
        assert not storage.exists(uri)
    assert storage.read_bytes(uri) == b"whole"
    (tmp_path / "plain").write_text("")
    assert stat.S_IMODE(os.stat(uri).st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    uri = str(tmp_path / "file.txt")
    (tmp_path / "file.txt").write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), storage.atomic_write(uri) as file:
        file.write(b"new")
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["file.txt"]
    assert storage.read_bytes(uri) == b"old"


def test_a_full_disk_is_explained_and_leaves_nothing(tmp_path):
    uri = str(tmp_path / "file.bin")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that the limit gives an OSError, as a full disk does
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    try:
        with pytest.raises(BerthError, match=r"cannot write here.*Free space"), storage.atomic_write(uri) as file:
            file.write(bytes(1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert os.listdir(tmp_path) == []


def test_missing_and_unreadable_files_are_explained(tmp_path):
    with pytest.raises(BerthError, match=r"nothing\.txt: there is no such file"):
        storage.open_read(str(tmp_path / "nothing.txt"))
    with pytest.raises(BerthError, match="Found a directory"):
        storage.open_read(str(tmp_path))


def test_invalid_utf8_names_the_byte(tmp_path):
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(BerthError, match=r"latin\.txt, byte 3: .*0xe9.*iconv"):
        storage.read_text(str(tmp_path / "latin.txt"))


def test_files_of_packages_are_found_without_importing_them():
    assert storage.read_text("package://berth_recipes/quickstart.yaml").startswith("#")
    with pytest.raises(BerthError, match="pip install no_such_package"):
        storage.local_path("package://no_such_package/file")


def test_glob_is_sorted_and_crosses_directories(tmp_path):
    for name in ("b", "a", "sub/.hidden/c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert storage.names_below(str(tmp_path)) == ["a", "b", "sub/.hidden/c"]
    assert storage.glob(storage.Pattern(str(tmp_path), "nothing*")) == []


def test_delete_takes_files_and_directories(tmp_path):
    (tmp_path / "d" / "e").mkdir(parents=True)
    storage.delete(str(tmp_path / "d"))
    storage.delete(str(tmp_path / "d"))
    assert os.listdir(tmp_path) == []


def test_what_is_deleted_does_not_come_back_after_a_power_failure(tmp_path, monkeypatch):
    """The directory is fsynced once the name is gone."""
    synced, fsync = [], os.fsync
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "directory").mkdir()
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.listdir(tmp_path)) or fsync(handle))
    storage.delete(str(tmp_path / "file"))
    storage.delete(str(tmp_path / "directory"))
    assert synced == [["directory"], []]


def test_a_device_is_not_read_without_end():
    with pytest.raises(BerthError, match=r"/dev/zero: a file is expected here\. Found a device\."):
        storage.read_bytes("/dev/zero")


@pytest.mark.parametrize("size", [1, 3, 5, 100])
def test_pieces_of_a_text_end_with_its_lines(tmp_path, size):
    path = tmp_path / "text.txt"
    for text in ("", "one", "é\n\ntwo lines, the second one long\nthree", "\n", "a\nb\n"):
        path.write_text(text)
        pieces = list(storage.text_pieces(str(path), size))
        assert "".join(pieces) == text
        assert all(piece.endswith("\n") for piece in pieces[:-1])
    path.write_bytes(b"one\ntwo\nthr\xe9e\n")
    with pytest.raises(BerthError, match=r"text\.txt, byte 11: .* 0xe9"):
        list(storage.text_pieces(str(path), size))


def test_a_part_of_a_file_is_read_and_the_file_closed(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(100)))
    revision = storage.revision(str(path))
    assert storage.read_range(str(path), 10, 5, revision) == bytes(range(10, 15))
    assert not any(os.path.realpath(f"/proc/self/fd/{name}") == str(path) for name in os.listdir("/proc/self/fd"))
    with pytest.raises(BerthError, match=r"cut short while it was in use.*byte 100.*at least 120 bytes"):
        storage.read_range(str(path), 90, 30)


def test_a_file_that_was_changed_is_not_read_in_parts(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"a" * 100)
    revision = storage.revision(str(path))
    moved = f"{revision.rpartition('-')[0]}-1"  # a mounted bucket numbers its files anew
    assert storage.read_range(str(path), 0, 2, moved) == b"aa"
    path.write_bytes(b"b" * 100)
    os.utime(path, ns=(1, 1))
    with pytest.raises(BerthError, match="file: a file was changed while it was in use"):
        storage.read_range(str(path), 0, 2, revision)
